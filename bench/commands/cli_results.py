"""The commands that read what is measured: report, compare, points; and those that draw images: show, cam."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from ..study.study import Study

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
    trained: Annotated[
        bool, typer.Option("--trained", help="Compare training sets of [[training]]: --anchor png --test bpg:qp=37.")
    ] = False,
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
    from ..comparing.comparison import FORMATS
    from ..study.study import find_study
    from ..trained.comparing import has_trained_alone

    among("--format", form, FORMATS)
    if out_folder and len(studies) > 1:
        end("--out goes with one study; of several name the folders themselves", USER)
    targets = [find_study(s, out_folder) for s in studies]
    given = {"labels": labels, "metric": metric, "rates": rates, "accuracies": accuracies, "discordant": discordant}
    if trained or has_trained_alone(targets):
        return _compare_trained(targets, anchor, test or [], form, given | {"interpolation": interpolation != "pchip"})
    return _compare_curves(targets, anchor, test or [], form, given, interpolation)


def _compare_curves(
    targets: list[Study], anchor: str, tests: list[str], form: str, given: dict[str, Any], interpolation: str
) -> None:
    from ...core.quantities import number_range
    from ..comparing import compare as comparing
    from ..comparing.comparison import as_text

    ranges = [number_range(given[name], name, usual) for name, usual in (("rates", "0.5..4"), ("accuracies", "50..80"))]
    method = comparing.Method.checked(interpolation, *ranges)
    found = comparing.compare(targets, anchor, tests, given["labels"], method, given["metric"])
    if form != "text":
        out.print(as_text(found, form, given["discordant"]), soft_wrap=True, lines=True)
    for table in (table for c in found if form == "text" for table in c.tables(given["discordant"])):
        print_table(table)
    end_with(found[0].bad)


def _compare_trained(targets: list[Study], anchor: str, tests: list[str], form: str, given: dict[str, Any]) -> None:
    from ..trained.comparing import as_text, compare_trained

    if options := [f"--{name}" for name, value in given.items() if value]:
        end(f"training sets are compared by accuracy on all test images, got {', '.join(options)}; leave it out", USER)
    found = compare_trained(targets, anchor, tests)
    if form != "text":
        out.print(as_text(found, form), soft_wrap=True, lines=True)
    for c in found if form == "text" else ():
        print_table(c.table)
    end_with(found[0].bad)


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

    need = requirement(at_least, at_most, metric)
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
