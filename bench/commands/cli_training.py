"""The commands that train: finetune, train classifier, train colorcnn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import STOPPED, PluginOption, app, end, err, out

train_app = typer.Typer(help="Train networks.", no_args_is_help=True)
app.add_typer(train_app, name="train")


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
        end("stopped; the same command goes on from the last whole epoch", STOPPED)


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
        end("stopped; the same command goes on from the last whole epoch", STOPPED)


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
        end("stopped; the same command goes on from the last whole epoch", STOPPED)
