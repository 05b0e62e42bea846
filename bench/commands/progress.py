"""How a run shows where it stands: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from ...core.printable import printable
from ..running.runner import Progress

EVERY_SECONDS = 15.0
"""Between two lines while rows come."""
SILENT_SECONDS = 30.0
"""After which a line comes though no row does."""


class Shown:
    """``with Shown(console, "photos") as shown: run(..., shown.progress)``"""

    def __init__(self, console: Console, name: str, silent_seconds: float = SILENT_SECONDS) -> None:
        self.console, self.name, self.silent_seconds = console, printable(name), silent_seconds
        self.progress = Progress(report=self._report, say=self._say)
        self._bar: Bar | None = None
        self._begun = self._last = monotonic()
        self._closed = Event()

    def __enter__(self) -> Shown:
        if self.console.is_terminal:
            name = TextColumn("{task.description}", markup=False)
            columns = (name, BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
            self._bar = Bar(*columns, TimeElapsedColumn(), TextColumn("{task.fields[left]}"), console=self.console)
            self._bar.start()
            self._task = self._bar.add_task(self.name, total=None, pace="", left="")
        else:
            Thread(target=self._break_silence, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bar, and the lines."""
        self._closed.set()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _break_silence(self) -> None:
        while not self._closed.wait(min(1.0, self.silent_seconds / 4)):
            if monotonic() - self._last >= self.silent_seconds:
                self._line(self.progress)

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)
        self._begun = self._last = monotonic()

    def _report(self, progress: Progress) -> None:
        if self._bar is not None:
            failed = f", {progress.failed:,} failed" if progress.failed else ""
            self._bar.update(
                self._task,
                completed=progress.done,
                total=progress.total,
                description=self.name + failed,
                pace=self._pace(progress),
                left=f"{timedelta(seconds=round(progress.seconds_left))} left",
            )
        elif monotonic() - self._last >= EVERY_SECONDS or progress.done == progress.total:
            self._line(progress)

    def _line(self, progress: Progress) -> None:
        self._last = monotonic()
        if not progress.total:  # what comes before is told by its own lines, such as those of each training
            since = timedelta(seconds=round(self._last - self._begun))
            self.console.print(f"{self.name}: at work, {since} since the last line above", soft_wrap=True)
            return
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        left = f"{progress.seconds_left:.0f} s left" if progress.done else "none finished yet"
        done = f"{progress.done:,} of {progress.total:,} rows"
        self.console.print(f"{self.name}: {done}, {self._pace(progress)}, {left}{failed}", soft_wrap=True)

    def _pace(self, progress: Progress) -> str:
        """Rows a second: an image of a point each."""
        pace = progress.done / max(monotonic() - self._begun, 1e-9)
        return f"{pace:,.0f} rows/s" if pace >= 10 or not progress.done else f"{pace:.2g} rows/s"
