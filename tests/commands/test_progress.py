"""What a run says of itself where no terminal is: lines now and then, and after a silence."""

import io
import time

from rabench.bench.commands.progress import Shown
from rich.console import Console


def lines(shown_for, silent_seconds, done=0, seconds_left=0.0, total=4000):
    text = io.StringIO()
    with Shown(Console(file=text, width=200), "study", silent_seconds) as shown:
        shown.progress.total, shown.progress.done, shown.progress.seconds_left = total, done, seconds_left
        time.sleep(shown_for)
    return text.getvalue().splitlines()


def test_a_silence_is_broken_by_a_line_that_says_how_far_it_is():
    said = lines(0.5, silent_seconds=0.1)
    assert len(said) >= 2
    assert said[0] == "study: 0 of 4,000 rows, 0 rows/s, none finished yet"


def test_what_comes_before_rows_is_told_as_work():
    said = lines(0.3, silent_seconds=0.1, total=0)
    assert said[0] == "study: at work, 0:00:00 since the last line above"


def test_nothing_comes_before_the_silence_is_over():
    assert lines(0.2, silent_seconds=30) == []


def test_rows_are_called_rows_and_slow_ones_are_not_told_as_none_a_second():
    said = lines(0.3, silent_seconds=0.1, done=1, seconds_left=44.0)
    assert said and all("rows/s, 44 s left" in line and " 0 rows/s" not in line for line in said)
