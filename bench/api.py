"""Running and reporting a study from Python."""

from __future__ import annotations

from pathlib import Path

from . import executors, runner
from .matrix import find_study
from .report import Report
from .report import report as write_report
from .runner import Outcome, Progress


def run(
    study: str | Path,
    out: str | Path | None = None,
    workers: int = 0,
    dask: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Measures what is missing of a study, a folder with a matrix.toml or an embedded one.

    workers: processes to spawn, 0 for none (spawned ones need the usual ``if __name__ == "__main__":``).
    limit: only the first images of each data set. Raises RabenchError for what the caller can set right.
    """
    found = find_study(str(study), Path(out) if out else None)
    return runner.run(found, lambda: executors.make(workers, dask), limit, progress, f"rabench.run({str(study)!r})")


def report(study: str | Path, axis: str | None = None, with_psnr: bool = False) -> Report:
    """Writes a study's tables and figures from its records; ``.summary`` is a data frame, one row a point."""
    return write_report(find_study(str(study)), axis, with_psnr)
