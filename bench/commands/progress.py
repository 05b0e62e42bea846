"""How a run shows where it stands: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ..running.runner import Progress

EVERY_SECONDS = 15.0


class _Throughput(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} images/s")


class Shown:
    """``with Shown(console, "photos") as shown: run(..., shown.progress)``"""

    def __init__(self, console: Console, name: str) -> None:
        self.console, self.name = console, name
        self.progress = Progress(report=self._report, say=self._say)
        self._bar: Bar | None = None
        self._begun = self._last = monotonic()

    def __enter__(self) -> Shown:
        if self.console.is_terminal:
            columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), _Throughput(), TimeElapsedColumn())
            self._bar = Bar(*columns, TimeRemainingColumn(), console=self.console, speed_estimate_period=120)
            self._bar.start()
            self._task = self._bar.add_task(self.name, total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, markup=False)
        self._begun = monotonic()

    def _report(self, progress: Progress) -> None:
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.done, total=progress.total, description=self.name + failed)
            return
        now = monotonic()
        if now - self._last >= EVERY_SECONDS or progress.done == progress.total:
            self._last = now
            pace = progress.done / max(now - self._begun, 1e-9)
            left = (progress.total - progress.done) / pace if pace else 0
            self.console.print(
                f"{self.name}: {progress.done:,} of {progress.total:,} rows, {pace:,.0f} images/s, {left:.0f} s left{failed}",
                soft_wrap=True,
                markup=False,
            )
