"""The commands that read what is measured: report, compare, points; and those that draw images: show, cam."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import (
    USER,
    AxisOption,
    LabelsOption,
    PluginOption,
    PSNROption,
    StudyName,
    among,
    app,
    end,
    end_with,
    err,
    out,
    print_report,
    print_table,
    with_options,
)

MetricOption = Annotated[
    str | None,
    typer.Option(metavar="log-loss|psnr|...", help="Judge by log-loss or a metric of the study instead of accuracy."),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")]


@app.command()
def report(
    study: StudyName,
    out_folder: OutOption = None,
    axis: AxisOption = None,
    psnr: PSNROption = False,
    style: Annotated[
        str | None, typer.Option(metavar="paper", help="Figures as wide as one and two columns, as PDF and SVG, too.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Write a page (report.html), tables and figures from a study's records; measures nothing."""
    from ..study.matrix import AXES
    from ..study.study import find_study

    among("--axis", axis, AXES)
    among("--style", style, ("paper",))
    written = print_report(find_study(study, out_folder), axis, psnr, style == "paper")
    end_with([*written.bad, *written.failures])


def _picture_options(
    image: Annotated[int, typer.Option(min=0, help="Position of the image in the data set.")] = 0,
    every: Annotated[bool, typer.Option("--every", help="Every point of a curve, not at most six.")] = False,
    target: Annotated[
        Path | None, typer.Option("--out", help="The PNG to write; default: in the study's folder.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """The options of the commands that draw an image."""


@app.command()
@with_options(_picture_options)
def show(study: StudyName, **options: Any) -> None:
    """Draw one image under every quantizer and codec of a study, with bpp and prediction."""
    _draw(study, **options)


@app.command()
@with_options(_picture_options)
def cam(study: StudyName, **options: Any) -> None:
    """Draw where the classifier looks: class activation maps of one image under every quantizer and codec."""
    _draw(study, **options, cam=True)


def _draw(
    study: str, image: int, every: bool, target: Path | None, plugin: list[Path] | None, cam: bool = False
) -> None:
    from ..reporting import show as drawing
    from ..study.study import find_study

    with err.status("coding and classifying the image") as status:

        def on_point(ready: int, points: int) -> None:
            status.update(f"coding and classifying the image: {ready} of {points} points")

        paths = drawing.show(find_study(study), image, every, target, cam, on_point)
    for path in paths:
        out.print(str(path), soft_wrap=True)


@app.command()
def compare(
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY...", help="A folder with a matrix.toml, or an embedded study; may be several."),
    ],
    anchor: Annotated[str, typer.Option(help="The curve to compare with, as the figures name it: median-cut+png.")],
    test: Annotated[
        list[str] | None, typer.Option(help="A curve to compare, may be repeated; default: every other.")
    ] = None,
    labels: LabelsOption = None,
    metric: MetricOption = None,
    interpolation: Annotated[
        str, typer.Option(metavar="pchip|akima", help="What goes through the points of a curve.")
    ] = "pchip",
    rates: Annotated[
        str | None, typer.Option(metavar="LOW..HIGH", help="Bits per pixel that BD-accuracy keeps to: 0.5..4.")
    ] = None,
    accuracies: Annotated[
        str | None, typer.Option(metavar="LOW..HIGH", help="Percent that BD-rate keeps to: 50..80.")
    ] = None,
    discordant: Annotated[
        bool, typer.Option("--discordant", "--flips", help="Name the images that each point gains and loses.")
    ] = False,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where the run's --out put its records; of one study.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex, csv or json")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Compare curves on the same images: BD figures and paired differences with 95 % intervals."""
    from ..comparing import compare as comparing
    from ..comparing.comparison import FORMATS, as_text
    from ..study.study import find_study

    among("--format", form, FORMATS)
    if out_folder and len(studies) > 1:
        end("--out goes with one study; of several name the folders themselves", USER)
    method = comparing.Method.checked(interpolation, _range("--rates", rates), _range("--accuracies", accuracies))
    targets = [find_study(s, out_folder) for s in studies]
    comparisons = comparing.compare(targets, anchor, test or [], labels, method, metric)
    if form != "text":
        out.print(as_text(comparisons, form, discordant), soft_wrap=True, lines=True)
    for table in (table for c in comparisons if form == "text" for table in c.tables(discordant)):
        print_table(table)
    end_with(comparisons[0].bad)


def _range(option: str, text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    low, dots, high = text.partition("..")
    try:
        return (float(low), float(high if dots else low))
    except ValueError:
        return end(f"{option} is a range, such as 0.5..4, got {text!r}", USER)


@app.command()
def points(
    study: StudyName,
    at_least: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENT", help="An accuracy to reach, or the mean of a metric; a log-loss not to exceed."
        ),
    ] = None,
    at_most: Annotated[str | None, typer.Option(metavar="BPP", help="A rate to keep within: 0.5 or 0.5bpp.")] = None,
    labels: LabelsOption = None,
    metric: MetricOption = None,
    out_folder: OutOption = None,
    plugin: PluginOption = None,
) -> None:
    """What each curve needs to reach an accuracy, or reaches within a rate: measured points, and between them."""
    from ..comparing.operating_points import operating_points, requirement
    from ..study.study import find_study

    need = requirement(at_least, _bpp(at_most), metric)
    tables, bad = operating_points(find_study(study, out_folder), need, labels, metric)
    for table in tables:
        print_table(table)
    end_with(bad)


@app.command()
def classes(
    study: StudyName,
    point: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Tables of this point's classes; may be repeated.")
    ] = None,
    labels: LabelsOption = None,
    out_folder: OutOption = None,
    plugin: PluginOption = None,
) -> None:
    """Which classes pay for a codec: those that lose more than the others, and the pairs that are confused more."""
    from ..comparing.classes import classes as by_class
    from ..study.study import find_study

    tables, bad = by_class(find_study(study, out_folder), point or [], labels)
    for table in tables:
        print_table(table)
    end_with(bad)


def _bpp(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text.removesuffix("bpp"))
    except ValueError:
        return end(f"--at-most is a rate above 0, such as 0.5 or 0.5bpp, got {text!r}", USER)
