"""What the commands do, as functions of the package: running, reporting, comparing and extending studies from Python.

A study is named as on the command line: a folder with a matrix.toml, or an embedded study. A mistake that the caller
can mend is a RabenchError; where its text names an argument, that stands in backticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..codecs import CODECS
from ..core.errors import RabenchError
from ..core.tables import Table
from .commands import add as adding
from .commands import listing
from .commands.add import Added
from .comparing import compare as comparing
from .comparing import operating_points
from .comparing.compare import Method
from .comparing.comparison import Comparison
from .conformance import check as checking
from .reading.curves import NAMES, Measured, plugin_labels, timings
from .reading.groups import Reading, read
from .reading.log_loss import log_loss_of, probability_columns
from .reporting import report as reporting
from .reporting import show as showing
from .reporting.points_table import points_table
from .reporting.report import Report
from .running import executors, session
from .running.runner import Progress
from .running.session import Outcome
from .study.plugin_files import load_plugins
from .study.study import Study, find_study
from .trained import run as train_and_measure


def named_study(study: str | Path, out: str | Path | None = None, plugins: Sequence[str | Path] = ()) -> Study:
    """The study of that name, once its plug-ins are loaded. out: the folder that receives its results."""
    for file in plugins:
        load_plugins(Path(file))
    return find_study(str(study), Path(out) if out else None)


def run(
    study: str | Path,
    out: str | Path | None = None,
    workers: int = 0,
    dask: str | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    timeout: float = session.TIMEOUT,
    plugins: Sequence[str | Path] = (),
    command: str | None = None,
    budget: str | float | None = None,
) -> Outcome:
    """Measures what is missing of a study.

    out: the folder that receives the results; default: the study's own, or runs/NAME for an embedded one. workers:
    processes to spawn, 0 for none (spawned ones need the usual ``if __name__ == "__main__":``). dask: the address of a
    cluster to run on. limit: only the first images of each data set. timeout: seconds without any task coming back after
    which workers count as hung. plugins: files of plug-ins. command: what run.json keeps; default: this call.
    budget: the time after which no more is measured, such as "2h", or seconds; all points are then measured on the same
    images drawn at random, as many as there is time for. Raises RabenchError for what the caller can set right.
    """
    text = command or f"rabench.run({str(study)!r})"
    target = named_study(study, out, plugins)
    return train_and_measure(target, lambda: executors.make(workers, dask), limit, budget, progress, text, timeout)


def report(
    study: str | Path,
    axis: str | None = None,
    with_psnr: bool = False,
    paper: bool = False,
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> Report:
    """Writes a study's page, tables and figures from its records; ``.summary`` is a data frame, one row a point.

    axis: log2 or linear, for rates. with_psnr: a column of PSNR in tables. paper: figures in the widths of one and two
    columns, as PDF and SVG, too. out: where the run's ``out`` put its records. Raises Unavailable where there are none.
    """
    return reporting.report(named_study(study, out, plugins), axis, with_psnr, paper)


@dataclass(frozen=True)
class Loaded:
    """What a study has measured."""

    reading: Reading

    @property
    def measured(self) -> list[Measured]:
        """Each point with the rows of its images."""
        return self.reading.measured

    @property
    def points(self) -> pd.DataFrame:
        """A row a point: as summary.csv, and each plug-in's name, the curve, the quality parameter, milliseconds by stage."""
        curve_of = {id(g.measured[i]): c.name for g in self.reading.groups for c in g.curves for i in c.rows}
        extra = pd.DataFrame([{**_names(m), "curve": curve_of[id(m)]} for m in self.measured])
        stages = timings(self.measured).drop(columns=[*NAMES, "size"], errors="ignore")
        return pd.concat([self.reading.rows, extra, stages], axis=1)

    @property
    def images(self) -> pd.DataFrame:
        """A row an image and point: label and prediction (with their classes' names), bytes and their parts; failed
        ones have ``failed``."""
        parts = []
        for m in self.measured:
            classes = _classes(m)
            labels = plugin_labels(m.point)
            frame = pd.DataFrame(dict(m.columns)).assign(**labels, size=str(m.point.size), **_names(m))
            for column in ("label", "prediction"):
                frame[f"{column}_class"] = [classes[i] if 0 <= i < len(classes) else "" for i in frame[column]]
            parts.append(frame)
        return pd.concat(parts, ignore_index=True)

    def __repr__(self) -> str:
        points, images = len(self.measured), int(self.reading.rows.images.max())
        return f"<{self.reading.matrix.title}: {points} points, {images:,} images>"

    def _repr_html_(self) -> str:
        groups = ((group, probability_columns(group, log_loss_of(group))) for group in self.reading.groups)
        return "".join(points_table(group, False, [], columns).html() for group, columns in groups)


def _names(m: Measured) -> dict[str, object]:
    """What a point's labels say in one text, column by column."""
    parameters = [(p, name) for p in (m.point.quantizer, m.point.codec) if (name := p.quality_parameter())]
    plugin, parameter = parameters[-1] if parameters else (None, "")
    return {
        "point": m.point.name,
        "quantizer_name": m.point.quantizer.name,
        "codec_name": m.point.codec.name,
        "classifier_name": m.point.frozen.title,
        "fine_tuned": m.point.tuned_from is not None,
        "quality_parameter": parameter,
        "quality": getattr(plugin, parameter) if plugin is not None else None,
    }


def _classes(m: Measured) -> tuple[str, ...]:
    """The names of the classes, as far as the data set or the classifier's weights are on this machine."""
    try:
        if m.point.dataset.where() is not None and m.point.dataset.classes:
            return m.point.dataset.classes
        return m.point.frozen.classes
    except RabenchError:
        return ()


def load(study: str | Path, out: str | Path | None = None, plugins: Sequence[str | Path] = ()) -> Loaded:
    """A study's records as data frames; measures nothing. Raises Unavailable where there are none."""
    return Loaded(read(named_study(study, out, plugins)))


def curves(
    study: str | Path, out: str | Path | None = None, plugins: Sequence[str | Path] = ()
) -> dict[str, dict[str, pd.DataFrame]]:
    """By data set and classifier, then by name: the points of each curve, from the lowest rate to the highest."""
    groups: dict[str, dict[str, pd.DataFrame]] = {}
    for group in read(named_study(study, out, plugins)).groups:
        point = group.measured[0].point
        curves_of_group = groups.setdefault(f"{point.dataset.label}, {point.frozen.label}", {})
        curves_of_group |= {c.name: group.rows.iloc[list(c.rows)].reset_index(drop=True) for c in group.curves}
    return groups


class Comparisons(list[Comparison]):
    """A comparison for each data set and classifier; a notebook shows all of their tables."""

    def _repr_html_(self) -> str:
        return "".join(comparison._repr_html_() for comparison in self)


def compare(
    study: str | Path | Sequence[str | Path],
    anchor: str,
    tests: str | Sequence[str] = (),
    labels: str | None = None,
    metric: str | None = None,
    interpolation: str = "pchip",
    rates: tuple[float, float] | None = None,
    accuracies: tuple[float, float] | None = None,
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> Comparisons:
    """Curves against an anchor: BD figures and paired differences with 95 % intervals, as data frames.

    study: one, or several whose curves are compared on the images that they share. anchor, tests: curves, or points, by
    name; a codec's name alone means the originals through it. labels: "dataset" or "agreement" with the prediction on
    the uncompressed image; default: the data set's where it has any. metric: "log-loss", or a fidelity metric of the study,
    to judge by instead, such as "ms-ssim"; its figures stand in the columns of accuracy. interpolation: pchip or akima. rates: the range, in
    bits per pixel, that BD-accuracy keeps to; accuracies: the range, in percent, that BD-rate keeps to; default: what
    both curves reach.
    """
    several = [study] if isinstance(study, str | Path) else list(study)
    if out is not None and len(several) > 1:
        raise RabenchError("`out` goes with one study; of several name the folders themselves")
    method = Method.checked(interpolation, rates, accuracies)
    targets = [named_study(s, out, plugins) for s in several]
    tests = [tests] if isinstance(tests, str) else tests
    return Comparisons(comparing.compare(targets, anchor, tests, labels, method, metric))


@dataclass(frozen=True)
class Tables:
    """Tables that a notebook shows one below the other."""

    tables: list[Table]
    """Those of each data set and classifier, in the study's order."""
    bad: list[str]
    """A line for each file among the records that is left out, with the reason."""

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables)


class OperatingPoints(Tables):
    """The points of curves that meet a requirement: in each table the curve that meets it best comes first."""


def points(
    study: str | Path,
    at_least: float | None = None,
    at_most: float | None = None,
    labels: str | None = None,
    metric: str | None = None,
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> OperatingPoints:
    """What each curve needs to reach an accuracy, or reaches at a rate.

    at_least: an accuracy in percent, or the mean of ``metric``; a log-loss is one not to exceed. at_most: a rate in bits per pixel. labels, metric: as in
    ``compare``.
    """
    need = operating_points.requirement(at_least, at_most, metric)
    return OperatingPoints(*operating_points.operating_points(named_study(study, out, plugins), need, labels, metric))


def add(
    codec: str,
    study: str | Path,
    quantizers: Sequence[str] = ("none",),
    out: str | Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
    plugins: Sequence[str | Path] = (),
    command: str | None = None,
) -> Added:
    """Measures one codec more on a study's images, and notes it beside the matrix.

    codec: as in a matrix; without a word on its quality parameter, values whose rates lie where the study's curves do.
    quantizers: before the codec; ``none`` for originals. plugins: files of plug-ins; the study keeps their names.
    """
    return adding.add(
        named_study(study, out),
        codec,
        list(quantizers),
        [Path(file) for file in plugins],
        lambda: executors.make(workers, None),
        progress,
        command or f"rabench.add({codec!r}, {str(study)!r})",
    )


def show(
    study: str | Path,
    image: int = 0,
    every: bool = False,
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    maps: bool = False,
) -> list[Path]:
    """Draws one image under every quantizer and codec of a study, with bpp and prediction; gives the PNG files.

    image: position in the data set. every: all points of a curve, not at most six. out: the PNG to write; default: in
    the study's folder. maps: with class activation maps, as ``cam``. Runs the chain anew, so that it needs the data set and the weights.
    """
    return showing.show(named_study(study, None, plugins), image, every, Path(out) if out else None, maps)


def cam(study: str | Path, image: int = 0, **options: Any) -> list[Path]:
    """As ``show``, with its options, and a class activation map under each image: where the classifier looks."""
    return show(study, image, **options, maps=True)


def list_plugins(family: str | None = None, plugins: Sequence[str | Path] = ()) -> list[Table]:
    """The members of a family (codecs, quantizers, classifiers, datasets, studies) or of all: names, settings with what
    is allowed, and whether each can be used on this machine."""
    for file in plugins:
        load_plugins(Path(file))
    return list(listing.tables(family))


def check(codec: str, plugins: Sequence[str | Path] = ()) -> checking.Checks:
    """Whether a codec keeps what a study relies on: sizes, determinism, batches, corrupt files, speed and others."""
    for file in plugins:
        load_plugins(Path(file))
    return checking.Checks(codec, checking.check_codec(CODECS.make(codec)))
