"""Running and reporting a study from Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from .comparing.compare import Comparison
from .comparing.compare import compare as compared
from .comparing.curves import Measured
from .comparing.reading import read
from .reporting.report import Report
from .reporting.report import report as write_report
from .running import executors, runner
from .running.runner import Outcome, Progress
from .study.matrix import find_study


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


def report(study: str | Path, axis: str | None = None, with_psnr: bool = False, paper: bool = False) -> Report:
    """Writes a study's page, tables and figures from its records; ``.summary`` is a data frame, one row a point.

    paper: figures in the widths of one and two columns, as PDF and SVG, too.
    """
    return write_report(find_study(str(study)), axis, with_psnr, paper)


@dataclass(frozen=True)
class Loaded:
    """What a study has measured."""

    points: pd.DataFrame
    """A row a point: sums, rates, accuracies, intervals; as summary.csv."""
    measured: tuple[Measured, ...]

    @property
    def images(self) -> pd.DataFrame:
        """A row an image and point: label, prediction, bytes and their parts; failed ones have ``failed``."""
        names = ("dataset", "quantizer", "codec", "classifier")
        parts = [pd.DataFrame(m.rows).assign(**dict(zip(names, m.point.labels, strict=True))) for m in self.measured]
        return pd.concat(parts, ignore_index=True)


def load(study: str | Path) -> Loaded:
    """A study's records as data frames; measures nothing. Raises Unavailable where there are none."""
    found = read(find_study(str(study)))
    return Loaded(found.rows, tuple(found.measured))


def curves(study: str | Path) -> dict[str, dict[str, pd.DataFrame]]:
    """By data set and classifier, then by name: the points of each curve, from the lowest rate to the highest."""
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for group in read(find_study(str(study))).groups:
        point = group.measured[0].point
        of = found.setdefault(f"{point.dataset.label}, {point.frozen.label}", {})
        of |= {c.name: group.rows.iloc[list(c.rows)].reset_index(drop=True) for c in group.curves}
    return found


def compare(
    study: str | Path | Sequence[str | Path], anchor: str, tests: Sequence[str] = (), labels: str | None = None
) -> list[Comparison]:
    """Curves against an anchor: BD figures and paired differences with 95 % intervals, as data frames.

    study: one, or several whose curves are compared on the images that they share. labels: "dataset" or "agreement",
    with the prediction on the uncompressed image; default: the data set's where it has any.
    """
    several = [study] if isinstance(study, str | Path) else study
    return compared([find_study(str(s)) for s in several], anchor, tests, labels)
