"""The commands that train: finetune, train classifier, train colorcnn, train palettes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import STOPPED, PluginOption, app, command_line, end, err, out, with_options, worker_count

train_app = typer.Typer(help="Train networks.", no_args_is_help=True)
app.add_typer(train_app, name="train")


def _recipe_options(
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: as the recipe says.")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Peak learning rate; default: as the recipe says.")] = None,
    momentum: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0)] = None,
    batch: Annotated[int | None, typer.Option(min=1)] = None,
    crop: Annotated[int | None, typer.Option(min=-1, help="Padding of the random crop; -1: side / 8.")] = None,
    flip: Annotated[bool | None, typer.Option(help="Mirror every other image.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or bf16; default: bf16 on a GPU, else fp32.")] = None,
) -> None:
    """The constants of every recipe."""


def _classifier_options(
    nesterov: Annotated[bool | None, typer.Option(help="SGD with Nesterov's momentum.")] = None,
    first_side: Annotated[float | None, typer.Option(help="Share of their side that images begin with.")] = None,
) -> None:
    """The constants of classifiers' recipes beside those."""


def _colorcnn_options(
    optimizer: Annotated[str | None, typer.Option(help="sgd (cosine, warm restarts) or adamw (one cycle)")] = None,
    restart_epochs: Annotated[int | None, typer.Option(min=1, help="Epochs between warm restarts.")] = None,
    gamma: Annotated[float | None, typer.Option(min=0, help="Weight of the regularizer.")] = None,
    fidelity: Annotated[float | None, typer.Option(min=0, help="Weight of the error against the original.")] = None,
    jitter: Annotated[float | None, typer.Option(min=0, help="Noise on the palette.")] = None,
    jitter_shared: Annotated[bool | None, typer.Option(help="One number a batch, or one a color.")] = None,
    color_norm: Annotated[float | None, typer.Option(min=0.01, help="Divides the palette in training.")] = None,
    first_sharpness: Annotated[float | None, typer.Option(min=0.01, help="The sharpness at first.")] = None,
    sharpness: Annotated[float | None, typer.Option(min=0.01, help="Multiplies the map's logits in the end.")] = None,
    map_noise: Annotated[float | None, typer.Option(min=0, help="Gumbel noise on the map's logits.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.01, help="Divides the classifier's logits.")] = None,
    class_epochs: Annotated[
        int | None, typer.Option(min=-1, help="First epochs, which learn the classes alone; -1: half (--plus).")
    ] = None,
    imitation: Annotated[float | None, typer.Option(min=0, help="Pull towards clustering (--plus).")] = None,
    border: Annotated[str | None, typer.Option(help="What the crop brings in: black or mirrored.")] = None,
    width: Annotated[int, typer.Option(min=0, help="Channels of the first level; 0: 64, or 32 with --plus.")] = 0,
    backbone: Annotated[str, typer.Option(help="unet or dncnn, of a ColorCNN")] = "unet",
    plus: Annotated[bool, typer.Option("--plus", help="One ColorCNN+ for all --colors, such as 2..64.")] = False,
    levels: Annotated[int, typer.Option(min=1, max=8, help="How often the network halves an image (--plus).")] = 3,
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks of each level but the first (--plus).")] = 2,
    guided: Annotated[
        bool, typer.Option("--guided", help="What the network takes an image for guides it: for many classes (--plus).")
    ] = False,
    encoder: Annotated[
        str,
        typer.Option(metavar="FILE", help="Weights of another ColorCNN+ whose encoder is taken and stays (--plus)."),
    ] = "",
) -> None:
    """What ColorCNN's recipes have beside others, and its network."""


def _run_options(
    held_out: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the training split to judge by.")] = 0.05,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N training images.")] = None,
    dtype: Annotated[str, typer.Option(help="fp16 or fp32, of the file.")] = "fp16",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: one a core. Weights depend on it.")] = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Forget the checkpoint and begin again.")] = False,
    plugin: PluginOption = None,
) -> None:
    """What every training asks beside its recipe."""


def _print_each(lines: Iterable[str]) -> None:
    """Prints what a training says as it ends; Ctrl-C ends it where a later run goes on."""
    try:
        for line in lines:
            out.print(line, soft_wrap=True)
    except KeyboardInterrupt:
        end("stopped; the same command goes on from the last minute", STOPPED)


def _begin(options: dict[str, Any]) -> dict[str, Any]:
    """Takes what is no option of a plan or a recipe out, and sets the number of threads."""
    from .training_command import use_threads

    use_threads(options.pop("threads"))
    options.pop("plugin")
    return options


@app.command()
@with_options(_recipe_options, _classifier_options, _run_options)
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
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that code images; default: one a core.")] = None,
    **options: Any,
) -> None:
    """Tune a classifier on training images as a quantizer and a codec leave them. Test images are never seen."""
    from ..study.study import find_study
    from ..training.requests import tunings
    from .training_command import run_finetune

    target = find_study(str(study))
    plans = tunings(target, classifier, point or [], dataset, out_folder, _begin(options))
    _print_each(run_finetune(plans, worker_count(workers), err))


@train_app.command("classifier")
@with_options(_recipe_options, _classifier_options, _run_options)
def train_classifier(
    network: Annotated[str, typer.Option(help="alexnet, resnet18, resnet20 to resnet56, small, vgg16")],
    dataset: Annotated[
        str, typer.Option(help="A data set, e.g. tiny-imagenet-200 or parquet:path=FOLDER; its training split.")
    ],
    out_file: Annotated[Path, typer.Option("--out", help="The .safetensors file to write.")],
    width: Annotated[int, typer.Option(min=0, help="Channels; 0: as published.")] = 0,
    size: Annotated[int, typer.Option(min=0, help="Resize and crop to this side; 0: as the images are.")] = 0,
    recipe: Annotated[str, typer.Option(help="published, or fast; other options change a part.")] = "published",
    **options: Any,
) -> None:
    """Train a classifier from scratch; a killed run goes on from its last minute. Test images are never seen."""
    from ..training.requests import classifier_plan
    from .training_command import run_training

    plan = classifier_plan(
        network, dataset, out_file, {"width": width, "size": size, "recipe": recipe, **_begin(options)}
    )
    _print_each(run_training(plan, err))


@train_app.command("colorcnn")
@with_options(_recipe_options, _colorcnn_options, _run_options)
def train_colorcnn(
    dataset: Annotated[str | None, typer.Option(help="A data set; its training split.")] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(help="Whom the colors are for, e.g. small:weights=small-photos; with --plus it may be repeated."),
    ] = None,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="The folder that receives colorcnn-COLORS or colorcnn-plus.safetensors."),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(metavar="STUDY", help="Train, one after another, the ColorCNNs that a study names and lacks."),
    ] = None,
    colors: Annotated[
        str | None,
        typer.Option(help="A number of colors (default: 2), or several one after another: 2,4,8; with --plus 2..64."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="published, adamw or plus; the options below change a part. Default: published, or plus."),
    ] = None,
    **options: Any,
) -> None:
    """Train a ColorCNN for a classifier; a killed run goes on from its last minute. Test images are never seen."""
    from ..study.study import find_study
    from ..training.queue import colorcnn_queue
    from ..training.requests import colorcnn_plans
    from .training_command import run_colorcnn

    asked = {"--classifier": classifier, "--out": out_folder, "--colors": colors, "--plus": options["plus"] or None}
    settings = _begin(options)
    if study is not None:
        if given := [name for name, value in asked.items() if value is not None]:
            raise typer.BadParameter(f"the matrix says what {', '.join(given)} would say; leave that out")
        plans, there = colorcnn_queue(find_study(str(study)), dataset, recipe, settings)
        for file in there:
            err.print(f"{file} is there already", soft_wrap=True)
    elif dataset is None or classifier is None or out_folder is None:
        raise typer.BadParameter("say --dataset, --classifier and --out, or --study")
    else:
        plans = colorcnn_plans(dataset, classifier, colors or "2", out_folder, recipe, settings)
    _print_each(run_colorcnn(plans, err))


@train_app.command("palettes")
def train_palettes(
    dataset: Annotated[str, typer.Option(metavar="DATASET", help="Whose training images: tiny-imagenet-200, ...")],
    out_file: Annotated[Path, typer.Option("--out", help="The .safetensors file that receives them.")],
    colors: Annotated[str, typer.Option(help="Of a palette: a number, or several such as 2,4,16.")] = "16",
    palettes: Annotated[int, typer.Option(help="Of each number: one for all images, or one a cluster of them.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N training images.")] = None,
    plugin: PluginOption = None,
) -> None:
    """Palettes that images share, for shared-palette and png-shared: kept once, and left out of each image's file."""
    from ...datasets import DATASETS
    from ...quantizers import palette_training

    try:
        numbers = [int(word) for word in colors.split(",")]
    except ValueError:
        raise typer.BadParameter(f"--colors is a number, or several such as 2,4,16, got {colors!r}") from None
    images = replace(DATASETS.make(dataset), split="train")
    palette_training.train_palettes(images, numbers, palettes, out_file, limit, command_line(), err.print)
    out.print(f"{out_file}: use it as shared-palette:file={out_file}+png-shared:file={out_file}", soft_wrap=True)
