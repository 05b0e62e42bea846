"""kill -9 at random moments: the result is that of a run nobody disturbed, and nothing is measured twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import needs_proc, runs_in_session, wait_until

KILLS = int(os.environ.get("RABENCH_KILLS", "4"))
"""How many times a run is killed."""
LAST = 10
"""So many of 14 records may be finished before some are taken away again."""
ENVIRONMENT = {**os.environ, "COLUMNS": "120"}
MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
quantizers = ["median-cut:colors=2,16", "octree:colors=2,16"]
codecs = ["png", "webp-lossless"]
[[points]]
codecs = ["jpeg:quality=10..90/20"]
"""


def run(out, **options):
    """The study, started; its standard error goes to a file beside it, which no killed process leaves open."""
    out.mkdir(exist_ok=True)
    (out / "matrix.toml").write_text(MATRIX)
    command = [sys.executable, "-m", "rabench", "run", str(out), "--workers", "2", "--limit", "400"]
    with out.with_suffix(".stderr").open("wb") as errors:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=ENVIRONMENT, **options)


def records_in(out):
    """(inode, time) of each finished record by its name: both change when it is written again.

    A file that is being written has a name that begins with a dot, and may go at any moment.
    """
    finished = [file for file in (out / "records").glob("*.parquet") if not file.name.startswith(".")]
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in finished}


def kill_a_worker(parent, moments):
    """kill -9 of one of a run's processes, if it has any yet."""
    children = [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    if children:
        os.kill(moments.choice(children), signal.SIGKILL)


@pytest.mark.long
@needs_proc
def test_kills_change_nothing(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    begin = time.monotonic()
    assert run(undisturbed).wait() == 0
    length = time.monotonic() - begin
    moments = random.Random(20_200_614)
    finished: dict[str, tuple[int, int]] = {}
    for number in range(KILLS):
        process = run(killed, start_new_session=True)
        before = len(finished)
        if number % 2:  # after a new record, however slow the machine is: each such run leaves something to lose
            wait_until(
                lambda p=process, n=before: len(records_in(killed)) > n or p.poll() is not None, "no record", 300
            )
        time.sleep(moments.uniform(0.05, 0.2) * length)
        if number % 3 == 2:
            kill_a_worker(process.pid, moments)
            time.sleep(moments.uniform(0, 0.1) * length)
        process.kill()  # the parent alone: workers must notice
        process.wait()
        records = records_in(killed)
        assert finished.items() <= records.items(), "a finished record was written again or lost"
        finished = records
        if len(finished) > LAST:  # all but done: so that there is something to do
            for name in moments.sample(sorted(finished), LAST):
                (killed / "records" / name).unlink()
                del finished[name]
        wait_until(lambda session=process.pid: not runs_in_session(session), "workers outlive their parent", 10)
    assert finished
    assert run(killed).wait() == 0, killed.with_suffix(".stderr").read_text()
    records = records_in(killed)
    assert finished.items() <= records.items()
    assert (killed / "summary.csv").read_bytes() == (undisturbed / "summary.csv").read_bytes()
    assert records.keys() == records_in(undisturbed).keys()
    assert not list((killed / "records").rglob(".partial*"))
