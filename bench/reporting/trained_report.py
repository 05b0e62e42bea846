"""What a report says of networks that were trained on stored images: tables, figures, and a part of the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from ...core.escapes import csv_of
from ...core.files import write_text
from ...core.tables import Table
from ..figures.style import save_all
from ..reading.groups import Reading
from ..trained.figures import accuracy_over_bytes, train_test_heatmap
from ..trained.results import SeededResult, results_of, untrained
from ..trained.tables import summary, trained_tables

FIGURES = ("accuracy-over-training-bytes", "train-test")


@dataclass(frozen=True)
class TrainedReport:
    """The trained networks of a study, as a report shows them."""

    tables: tuple[Table, ...] = ()
    files: tuple[Path, ...] = ()
    """Figures, and the table as trained.csv."""
    pictures: tuple[tuple[str, str], ...] = ()
    """Each figure as a page holds it: what it shows, and the PNG file as a data URI."""
    left_out: tuple[str, ...] = ()
    """A line on networks that are not trained as the matrix says now."""


def trained_report(reading: Reading, folder: Path, paper: bool) -> TrainedReport:
    """The tables of trained networks, and their figures, written; nothing where a study has none."""
    tested, left_out = results_of(reading, folder), tuple(untrained(reading, folder))
    if not tested:
        return TrainedReport(left_out=left_out)
    table = folder / "trained.csv"
    write_text(table, csv_of(summary(tested), float_format="%.6f"))
    files, pictures = [table], []
    groups = list(dict.fromkeys((t.dataset, t.network) for t in tested))
    for dataset, network in groups:
        own = [t for t in tested if (t.dataset, t.network) == (dataset, network)]
        suffix = "" if len(groups) == 1 else "-" + "".join(c if c.isalnum() else "-" for c in f"{dataset}-{network}")
        for name, figure, text in zip(FIGURES, _figures(own), _texts(network), strict=True):
            if figure is not None:
                written = save_all(figure, folder, name + suffix, paper, bars=True)
                files += written
                pictures.append((text, _data_uri(written[0])))
    return TrainedReport(tuple(trained_tables(tested)), tuple(files), tuple(pictures), left_out)


def _figures(tested: Sequence[SeededResult]) -> tuple[Figure | None, Figure | None]:
    return accuracy_over_bytes(tested), train_test_heatmap(tested)


def _texts(network: str) -> tuple[str, str]:
    return (
        f"{network}: accuracy over the bytes of its training images, with intervals over seeds and images",
        f"{network}: accuracy of each training set on each way to store test images",
    )


def _data_uri(png: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode('ascii')}"
