"""The command line: the only file that prints or exits.

Exit status: 0 all is well; 2 a mistake the user can mend; 3 done, but some rows failed or some points
could not be measured; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ..core.errors import RabenchError

if TYPE_CHECKING:
    from .matrix import Study
    from .points import Point
    from .report import Report
    from .runner import Outcome

app = typer.Typer(
    help="What a bit is worth to a neural network: rate-accuracy benchmarks of image codecs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
train_app = typer.Typer(help="Train networks.", no_args_is_help=True)
app.add_typer(train_app, name="train")
WIDTH = None if sys.stdout.isatty() else 240
out = Console(highlight=False, width=WIDTH)
err = Console(stderr=True, highlight=False)

USER, INCOMPLETE, STOPPED = 2, 3, 130


StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="A folder with a matrix.toml, or an embedded study.")]
AxisOption = Annotated[
    str | None, typer.Option(metavar="log2|linear", help="Rate axis of the figures; default: as the matrix says.")
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        metavar="dataset|agreement",
        help="agreement: right is what the uncompressed image gives; default: the data set's labels where it has any.",
    ),
]


def _bring(files: list[Path] | None) -> list[Path] | None:
    from .brought import bring

    for file in files or []:
        bring(file)
    return files


PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        callback=_bring,
        help="A .py file of plug-ins, or a .toml file of programs; may be repeated.",
    ),
]
PSNROption = Annotated[bool, typer.Option("--psnr", help="A PSNR column in the tables.")]


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, without a traceback."""
    try:
        app()
    except RabenchError as error:
        _end(str(error), USER)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO):
            raise
        place = f": {error.filename}" if error.filename else ""
        _end(
            f"{error.strerror}{place}; what was finished is kept: make room, or give --out a folder that can be "
            "written, and run the same command again",
            USER,
        )


def _end(message: str, status: int) -> None:
    err.print(f"rabench: {message}", soft_wrap=True, markup=False)
    sys.exit(status)


def _at_least(option: str, value: float | None, low: int) -> None:
    if value is not None and value < low:
        _end(f"{option} must be {low} or more, got {value:g}", USER)


def _among(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        _end(f"{option} must be one of {', '.join(allowed)}, got {value!r}", USER)


@app.command()
def run(
    study: StudyName,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where results go; default: the study's folder, or runs/NAME.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; 0: in this process. Default: one a core.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:8786", help="Run on the workers of a Dask cluster.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N images of each data set.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be measured and how long it takes.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(help="Seconds without any task coming back after which workers count as hung.")
    ] = 1800,
    axis: AxisOption = None,
    psnr: PSNROption = False,
    plugin: PluginOption = None,
) -> None:
    """Measure what is missing of a study, then report. Stop it at any time; the same command goes on."""
    from . import executors, runner
    from .matrix import AXES, find_study
    from .progress import Shown

    _at_least("--workers", workers, 0)
    _at_least("--limit", limit, 1)
    _at_least("--timeout", timeout, 1)
    _among("--axis", axis, AXES)

    command = " ".join(["rabench", *(Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:])])
    found = find_study(study, out_folder)
    count = executors.default_workers() if workers is None else workers
    if dry_run:
        return _dry_run(found, count, limit)
    with Shown(err, found.name) as shown:
        try:
            outcome = runner.run(found, lambda: executors.make(count, dask), limit, shown.progress, command, timeout)
        except KeyboardInterrupt:
            shown.close()
            done = f"{shown.progress.done:,} of {shown.progress.total:,} rows are measured and kept"
            _end(f"stopped; {done}. The same command goes on from here.", STOPPED)
            return
    measured = f"{outcome.measured:,} records measured, {outcome.finished:,} were there"
    err.print(f"{found.name}: {measured}")
    if limit:
        err.print(
            f"tables and figures show the first {limit:,} images of each data set; a run without --limit all",
            soft_wrap=True,
        )
    written = _report(found, axis, psnr)
    _warn(outcome, written)


def _dry_run(study: Study, workers: int, limit: int | None) -> None:
    from . import executors, plan
    from .records import Index, Records

    pool = executors.in_process()
    records = Records(study.records)
    points = plan.with_references(study.load())
    found = plan.make_plan(points, records, Index(study.records), limit, pool, err.print)
    missing = {str(m.point.labels): 0 for m in found.missing}
    for m in found.missing:
        missing[str(m.point.labels)] += 1
    refused = {str(p.labels) for p, _ in found.impossible}
    for point in points:
        if (key := str(point.labels)) not in refused:
            state = f"missing: {missing[key]}" if key in missing else "done"
            out.print(f"{point.dataset.short}  {point}  {state}", soft_wrap=True, markup=False)
    _say_impossible(found.impossible)
    if not found.spans:
        pool.close()
        sys.exit(USER)
    seconds = plan.estimate(found, records)
    basis = "from the records of this study"
    if seconds is None:
        seconds, basis = plan.probe(found), "from a probe of 16 images"
    pool.close()
    left = seconds / max(1, workers)
    total = found.finished + len(found.missing)
    out.print(
        f"{len(points)} points; {found.finished} of {total} records done; about {_duration(left)} left "
        f"with {workers} workers ({basis})",
        soft_wrap=True,
    )
    if found.impossible:
        sys.exit(INCOMPLETE)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@app.command()
def report(
    study: StudyName,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")] = None,
    axis: AxisOption = None,
    psnr: PSNROption = False,
    style: Annotated[
        str | None, typer.Option(metavar="paper", help="Figures as wide as one and two columns, as PDF and SVG, too.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Write a page (report.html), tables and figures from a study's records; measures nothing."""
    from .matrix import AXES, find_study

    _among("--axis", axis, AXES)
    _among("--style", style, ("paper",))
    found = find_study(study, out_folder)
    written = _report(found, axis, psnr, style == "paper")
    if written.bad or written.failed:
        _say_failed(written)
        sys.exit(INCOMPLETE)


def _report(study: Study, axis: str | None, psnr: bool, paper: bool = False) -> Report:
    from .report import report as write_report

    written = write_report(study, axis, psnr, paper)
    for title, table, notes in written.tables:
        _print_table(title, table.drop(columns=["bundle", "floor", "images", "failed"]), notes)
    for file in written.files:
        out.print(str(file), soft_wrap=True, markup=False)
    for line in written.left_out:
        err.print(line, soft_wrap=True, markup=False)
    return written


LEFT = {
    "quantizer",
    "codec",
    "classifier",
    "curve",
    "against",
    "measured",
    "name",
    "settings",
    "here",
    "what",
    "promise",
    "",
}
NARROW = {"curve", "against", "promise"}


def _print_table(title: str, table: Any, notes: list[str]) -> None:
    from rich.table import Table

    shown = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in table.columns:
        left = column in LEFT
        shown.add_column(
            column, justify="left" if left else "right", no_wrap=not left or column in NARROW, overflow="fold"
        )
    for row in table.to_numpy():
        shown.add_row(*(str(cell).replace("[", "\\[") for cell in row))
    out.print(shown)
    for note in notes:
        out.print(f"  {note}", soft_wrap=True, markup=False)


def _say_impossible(impossible: list[tuple[Point, str]]) -> None:
    for reason in dict.fromkeys(reason for _, reason in impossible):
        points = [str(p) for p, r in impossible if r == reason]
        err.print(
            f"not measured: {points[0]}{f' and {len(points) - 1} more' if len(points) > 1 else ''}: {reason}",
            soft_wrap=True,
            markup=False,
        )


def _warn(outcome: Outcome, written: Report) -> None:
    _say_impossible(outcome.impossible)
    _say_failed(written)
    if outcome.impossible or written.failed or written.bad:
        sys.exit(INCOMPLETE)


def _say_failed(written: Report) -> None:
    for line in (*written.bad, *written.failures):
        err.print(line, soft_wrap=True, markup=False)


@app.command()
def check(
    codec: Annotated[str, typer.Argument(metavar="CODEC", help="A codec, such as jpeg or mycodec:quality=50.")],
    plugin: PluginOption = None,
) -> None:
    """Whether a codec holds to what the bench relies on: sizes, determinism, batches, corrupt files, speed, ..."""
    import pandas as pd

    from ..codecs import CODECS
    from ..codecs.base import Codec
    from .brought import FAMILIES
    from .check import check_codec, rows

    for base, family in FAMILIES:
        if (name := codec.partition(":")[0]) in family.names() and base is not Codec:
            _end(f"{name} is a {family.kind}; check is for codecs", USER)
    found = check_codec(CODECS.make(codec))
    broken = sum(not c.passed for c in found)
    title = f"{codec}: " + (f"{broken} of {len(found)} promises broken" if broken else "every promise kept")
    _print_table(title, pd.DataFrame(rows(found)), [])
    if broken:
        sys.exit(INCOMPLETE)


@app.command()
def add(
    codec: Annotated[
        str, typer.Argument(metavar="CODEC", help="mycodec, or mycodec:quality=10..90/10; several by several calls.")
    ],
    study: Annotated[str, typer.Option("--to", metavar="STUDY", help="A study that is measured.")],
    quantizer: Annotated[
        list[str] | None, typer.Option(help="Before the codec, may be repeated; default: none, the originals.")
    ] = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; 0: in this process.")] = None,
    plugin: PluginOption = None,
) -> None:
    """Measure one codec more on a study's images, add its curve, and say how it compares with each other."""
    from . import executors
    from .add import add as added
    from .add import against_each, swept
    from .compare_text import new_against_each
    from .matrix import find_study
    from .progress import Shown

    _at_least("--workers", workers, 0)
    found = find_study(study, out_folder)
    count = executors.default_workers() if workers is None else workers
    command = " ".join(["rabench", *(Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:])])
    with Shown(err, found.name) as shown:
        outcome = added(
            found,
            codec,
            quantizer or ["none"],
            plugin or [],
            lambda: executors.make(count, None),
            shown.progress,
            command,
        )
    err.print(
        f"{found.name}: {outcome.measured:,} records measured, {outcome.finished:,} were there; noted in {found.added}"
    )
    written = _report(found, None, False)
    for table in new_against_each(against_each(found, swept(codec))):
        _print_table(*table)
    _warn(outcome, written)


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Argument(metavar="[codecs|quantizers|classifiers|datasets|studies]")] = None,
    plugin: PluginOption = None,
) -> None:
    """What there is: names, settings with what is allowed, and whether it can be used here."""
    from .listing import tables

    for title, table in tables(family):
        _print_table(title, table, [])
        out.print()
    if family != "studies":
        out.print("*: the setting that trades rate for quality. In brackets: the default.", markup=False)


@app.command()
def show(
    study: StudyName,
    image: Annotated[int, typer.Option(min=0, help="Position of the image in the data set.")] = 0,
    every: Annotated[bool, typer.Option("--every", help="Every point of a curve, not at most six.")] = False,
    target: Annotated[
        Path | None, typer.Option("--out", help="The PNG to write; default: in the study's folder.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Draw one image under every quantizer and codec of a study, with bpp and prediction."""
    from .matrix import find_study
    from .show import show as draw

    for path in draw(find_study(study), image, every, target):
        out.print(str(path), soft_wrap=True, markup=False)


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
    interpolation: Annotated[
        str, typer.Option(metavar="pchip|akima", help="What goes through the points of a curve.")
    ] = "pchip",
    flips: Annotated[bool, typer.Option("--flips", help="Name the images that each point gains and loses.")] = False,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where the run's --out put its records; of one study.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex, csv or json")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Compare curves on the same images: BD figures and paired differences with 95 % intervals."""
    from .bjontegaard import BETWEEN
    from .compare import compare as compared
    from .compare_text import FORMATS, as_text, shown
    from .matrix import find_study
    from .reading import LABELS

    _among("--format", form, FORMATS)
    _among("--interpolation", interpolation, BETWEEN)
    _among("--labels", labels, LABELS)
    if out_folder and len(studies) > 1:
        _end("--out goes with one study; of several name the folders themselves", USER)
    found = compared([find_study(s, out_folder) for s in studies], anchor, test or [], labels, interpolation)
    if form != "text":
        out.print(as_text(found, form, flips), soft_wrap=True, markup=False)
    for table in (table for c in found if form == "text" for table in shown(c, flips)):
        _print_table(*table)
    _end_with(found[0].bad)


def _end_with(bad: list[str]) -> None:
    """Exit status 3 where some files among the records are none."""
    for line in bad:
        err.print(line, soft_wrap=True, markup=False)
    if bad:
        sys.exit(INCOMPLETE)


@app.command()
def points(
    study: StudyName,
    at_least: Annotated[float | None, typer.Option(metavar="PERCENT", help="An accuracy to reach.")] = None,
    at_most: Annotated[str | None, typer.Option(metavar="BPP", help="A rate to keep within: 0.5 or 0.5bpp.")] = None,
    labels: LabelsOption = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")] = None,
    plugin: PluginOption = None,
) -> None:
    """What a need costs: the cheapest point of each curve that reaches an accuracy, or the best within a rate."""
    from .matrix import find_study
    from .needs import need_of, operating_points
    from .reading import LABELS

    _among("--labels", labels, LABELS)
    try:
        rate = None if at_most is None else float(at_most.removesuffix("bpp"))
    except ValueError:
        rate = 0.0
    if rate is not None and rate <= 0:
        _end(f"--at-most is a rate above 0, such as 0.5 or 0.5bpp, got {at_most!r}", USER)
    tables, bad = operating_points(find_study(study, out_folder), need_of(at_least, rate), labels)
    for table in tables:
        _print_table(*table)
    _end_with(bad)


@app.command()
def cam(
    study: StudyName,
    image: Annotated[int, typer.Option(min=0, help="Position of the image in the data set.")] = 0,
    every: Annotated[bool, typer.Option("--every", help="Every point of a curve, not at most six.")] = False,
    target: Annotated[
        Path | None, typer.Option("--out", help="The PNG to write; default: in the study's folder.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Draw where the classifier looks: class activation maps of one image under every quantizer and codec."""
    from .matrix import find_study
    from .show import show as draw

    for path in draw(find_study(study), image, every, target, cam=True):
        out.print(str(path), soft_wrap=True, markup=False)


@app.command()
def finetune(
    study: Annotated[Path, typer.Option(metavar="STUDY", help="The study whose images and folder are used.")],
    classifier: Annotated[
        str | None, typer.Option(help="The one to tune, e.g. alexnet:weights=FILE; default: those the matrix tunes.")
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            help="quantizer+codec, e.g. median-cut:colors=2+png; may be repeated. Default: all the matrix tunes."
        ),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Whose training split, where the study has several.")] = None,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="The folder that receives the weights; default: tuned, beside the matrix."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: 5.")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Peak learning rate; default: 0.01.")] = None,
    momentum: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0)] = None,
    batch: Annotated[int | None, typer.Option(min=1)] = None,
    crop: Annotated[int | None, typer.Option(min=-1, help="Padding of the random crop, after coding.")] = None,
    flip: Annotated[bool | None, typer.Option(help="Mirror every other image, after coding.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or bf16; default: bf16 on a GPU, else fp32.")] = None,
    held_out: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the training split to judge by.")] = 0.05,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N training images.")] = None,
    dtype: Annotated[str, typer.Option(help="fp16 or fp32, of the files.")] = "fp16",
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that code images; default: one a core.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of the tuning; 0: one a core.")] = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the checkpoints and begin again.")] = False,
    plugin: PluginOption = None,
) -> None:
    """Tune a classifier on training images as a quantizer and a codec leave them. Test images are never seen."""
    from .training_command import run_finetune

    recipe = {"epochs": epochs, "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "batch": batch}
    recipe |= {"crop": crop, "flip": flip, "seed": seed, "precision": precision}
    options = {"held_out": held_out, "limit": limit, "dtype": dtype, "restart": restart}
    try:
        for line in run_finetune(
            study, classifier, point or [], dataset, out_folder, recipe, options, workers, threads, err
        ):
            out.print(line, soft_wrap=True, markup=False)
    except KeyboardInterrupt:
        _end("stopped; the same command goes on from the last whole epoch", STOPPED)


@train_app.command("classifier")
def train_classifier(
    network: Annotated[str, typer.Option(help="alexnet, resnet18, small, vgg16")],
    dataset: Annotated[
        str, typer.Option(help="A data set, e.g. tiny-imagenet-200 or parquet:path=FOLDER; its training split.")
    ],
    out_file: Annotated[Path, typer.Option("--out", help="The .safetensors file to write.")],
    epochs: Annotated[int, typer.Option(min=1)] = 60,
    lr: Annotated[float, typer.Option(min=0, help="Peak learning rate.")] = 0.1,
    momentum: Annotated[float, typer.Option(min=0, max=1)] = 0.9,
    weight_decay: Annotated[float, typer.Option(min=0)] = 5e-4,
    batch: Annotated[int, typer.Option(min=1)] = 128,
    crop: Annotated[int, typer.Option(min=-1, help="Padding of the random crop; -1: an eighth of the side.")] = -1,
    flip: Annotated[bool, typer.Option(help="Mirror every other image.")] = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    precision: Annotated[str, typer.Option(help="fp32 or bf16; default: bf16 on a GPU, else fp32.")] = "",
    width: Annotated[int, typer.Option(min=0, help="Channels; 0: as published.")] = 0,
    size: Annotated[int, typer.Option(min=0, help="Resize and crop to this side; 0: as the images are.")] = 0,
    held_out: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the training split to judge by.")] = 0.05,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N training images.")] = None,
    dtype: Annotated[str, typer.Option(help="fp16 or fp32, of the file.")] = "fp16",
    threads: Annotated[
        int,
        typer.Option(
            min=0, help="CPU threads; 0: one a core. The same seed gives the same weights for one number of threads."
        ),
    ] = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the checkpoint and begin again.")] = False,
) -> None:
    """Train a classifier from scratch; a killed run goes on from its last epoch. Test images are never seen."""
    from .training_command import run_training

    recipe = {"epochs": epochs, "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "batch": batch}
    recipe |= {"crop": crop, "flip": flip, "seed": seed, "precision": precision}
    plan = {"width": width, "size": size, "held_out": held_out, "limit": limit, "dtype": dtype, "restart": restart}
    try:
        for line in run_training(network, dataset, out_file, recipe, plan, threads, err):
            out.print(line, soft_wrap=True, markup=False)
    except KeyboardInterrupt:
        _end("stopped; the same command goes on from the last whole epoch", STOPPED)


@train_app.command("colorcnn")
def train_colorcnn(
    dataset: Annotated[str, typer.Option(help="A data set; its training split.")],
    classifier: Annotated[str, typer.Option(help="Whom the colors are for, e.g. small:weights=small-photos.")],
    out_folder: Annotated[Path, typer.Option("--out", help="The folder that receives colorcnn-COLORS.safetensors.")],
    colors: Annotated[str, typer.Option(help="A number of colors, or several one after another: 2,4,8.")] = "2",
    recipe: Annotated[
        str, typer.Option(help="published or adamw; the options below change a part of it.")
    ] = "published",
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd (cosine, warm restarts) or adamw (one cycle)")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Highest learning rate.")] = None,
    momentum: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0)] = None,
    restart_epochs: Annotated[int | None, typer.Option(min=1, help="Epochs between warm restarts.")] = None,
    batch: Annotated[int | None, typer.Option(min=1)] = None,
    gamma: Annotated[float | None, typer.Option(min=0, help="Weight of the regularizer.")] = None,
    fidelity: Annotated[
        float | None, typer.Option(min=0, help="Weight of the squared error against the original.")
    ] = None,
    jitter: Annotated[float | None, typer.Option(min=0, help="Noise on the palette.")] = None,
    jitter_shared: Annotated[bool | None, typer.Option(help="One number a batch, or one a color.")] = None,
    color_norm: Annotated[float | None, typer.Option(min=0.01, help="Divides the palette in training.")] = None,
    sharpness: Annotated[float | None, typer.Option(min=0.01, help="Multiplies the map's logits in the end.")] = None,
    map_noise: Annotated[float | None, typer.Option(min=0, help="Gumbel noise on the map's logits.")] = None,
    crop: Annotated[int | None, typer.Option(min=-1, help="Padding of the random crop.")] = None,
    border: Annotated[str | None, typer.Option(help="What the crop brings in: black or mirrored.")] = None,
    flip: Annotated[bool | None, typer.Option(help="Mirror every other image.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or bf16; default: bf16 on a GPU, else fp32.")] = None,
    width: Annotated[int, typer.Option(help="Channels of the first level.")] = 64,
    backbone: Annotated[str, typer.Option(help="unet or dncnn")] = "unet",
    held_out: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the training split to judge by.")] = 0.05,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N training images.")] = None,
    dtype: Annotated[str, typer.Option(help="fp16 or fp32, of the file.")] = "fp16",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: one a core.")] = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the checkpoint and begin again.")] = False,
) -> None:
    """Train a ColorCNN for a classifier; a killed run goes on from its last epoch. Test images are never seen."""
    from .training_command import run_colorcnn

    changed = {"epochs": epochs, "optimizer": optimizer, "lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    changed |= {"restart_epochs": restart_epochs, "batch": batch, "gamma": gamma, "jitter": jitter, "crop": crop}
    changed |= {"jitter_shared": jitter_shared, "color_norm": color_norm, "flip": flip, "seed": seed}
    changed |= {
        "precision": precision,
        "sharpness": sharpness,
        "map_noise": map_noise,
        "border": border,
        "fidelity": fidelity,
    }
    options = {"width": width, "backbone": backbone, "held_out": held_out, "limit": limit, "dtype": dtype}
    options["restart"] = restart
    try:
        for line in run_colorcnn(dataset, classifier, colors, out_folder, recipe, changed, options, threads, err):
            out.print(line, soft_wrap=True, markup=False)
    except KeyboardInterrupt:
        _end("stopped; the same command goes on from the last whole epoch", STOPPED)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from .. import __version__

        out.print(__version__)
        raise typer.Exit
