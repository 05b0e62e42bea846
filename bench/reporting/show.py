"""One image under every quantizer and codec of a study, side by side. Runs the chain anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...core.errors import BadSetting, RabenchError, Refused
from ...core.images import RGB
from ...core.origins import describe_error
from ...core.plugins import spread
from ...datasets.base import BadImage
from ..figures.style import save
from ..measuring import chain
from ..reading.curves import curves
from ..study.matrix import check_for_points, with_references
from ..study.points import Point
from ..study.study import Study

COLUMNS = 6
"""Points of a curve that are shown where not every one is asked for."""
RIGHT, WRONG, PLAIN = "#1a7f37", "#b42318", "0.2"


@dataclass(frozen=True)
class ShownPoint:
    """An image that went through a point's whole chain."""

    pixels: RGB
    bpp: float
    prediction: str
    """The name of the class; empty where there is no classifier."""
    probability: float
    right: bool | None
    """None where the image has no label."""
    heat: tuple[RGB, NDArray[np.float32]] | None = None
    """The image as the classifier takes it and its class activation map, where asked for."""
    kind: str = ""
    """CAM or Grad-CAM."""


def show(
    study: Study,
    image: int,
    every: bool,
    target: Path | None,
    cam: bool = False,
    on_point: Callable[[int, int], None] = lambda *_: None,
) -> list[Path]:
    """Writes a figure for each data set and classifier; gives their paths.

    image: position in the data set. every: all points of a curve, not at most six. target: the PNG to write, by default
    in the study's folder. cam: under each image its class activation map. on_point: called with the number of points that
    are ready, and of all. Raises BadSetting or Refused, with the
    reason, where nothing can be shown.
    """
    if target is not None and target.suffix != ".png":
        raise BadSetting(f"`out` must end in .png, got {target}")
    matrix = study.load(measuring=True)
    check_for_points(matrix)
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in with_references(matrix):
        groups.setdefault((point.dataset.label, point.frozen.label), []).append(point)
    written = []
    target = target or study.folder / f"{'cam' if cam else 'show'}-{image}.png"
    for number, points in enumerate(groups.values()):
        path = target.with_stem(target.stem + (f"-{number + 1}" if len(groups) > 1 else ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        save(_figure(points, image, every, cam, on_point), path)
        written.append(path)
    return written


def _figure(points: list[Point], number: int, every: bool, cam: bool, on_point: Callable[[int, int], None]) -> Figure:
    dataset = points[0].dataset
    if not 0 <= number < len(dataset):
        raise BadSetting(f"{dataset.short} has images 0..{len(dataset) - 1}, got `image` {number}")
    block = dataset.load(number, number + 1)
    (image,), label = block.images, int(block.labels[0])
    if isinstance(image, BadImage):
        raise Refused(f"{dataset.short}: image {number} cannot be read: {image.reason}")
    shown: dict[Point, ShownPoint | str] = {}
    for point in points:
        on_point(len(shown), len(points))
        shown[point] = _through(point, image, block.sources[0].file, label)
    if not any(isinstance(s, ShownPoint) for s in shown.values()):
        raise Refused(f"{dataset.short}: no point can be shown here: {shown[points[0]]}")
    name = dataset.image_name(number)
    title = f"image {number}{name and f' ({name})'} of {dataset.short}: {_class_name(dataset.classes, label)}"
    rows = _rows(points, shown, every)
    if cam:
        shown = {p: _with_heat(p, shown[p]) for _, members in rows for p in members}
        kinds = sorted({s.kind for s in shown.values() if isinstance(s, ShownPoint)})
        title += f"\nbelow each: what speaks for the class predicted ({', '.join(kinds)}, from dark to light)"
    return _draw(rows, shown, title, cam)


def _through(point: Point, image: RGB, file: bytes, label: int) -> ShownPoint | str:
    """An image after a point's whole chain, or the reason why there is none. file: the image's own; empty without one."""
    try:
        point.check()
        sources = chain.resize(point.size, {0: image})
        images, failures = chain.quantize(point.quantizer, sources)
        coded = chain.code(point.codec, images, sources, stored={0: file})
        if failures := failures | coded.failures:
            return failures[0]
        pixels = coded.pixels[0]
        if not point.classifier.predicts:
            return ShownPoint(pixels, _bpp(coded.files[0], image), "", 1.0, None)
        best, probability = chain.classify(point.classifier, pixels)
    except RabenchError as error:
        return str(error)
    except Exception as error:  # a plug-in's failure is one picture's
        return f"classifier: {describe_error(error)}"
    right = best == label if label >= 0 else None
    return ShownPoint(pixels, _bpp(coded.files[0], image), _class_name(_names(point), best), probability, right)


def _bpp(file: bytes, image: RGB) -> float:
    """The bits of a file by the pixels of the original."""
    return len(file) * 8 / (image.shape[0] * image.shape[1])


def _with_heat(point: Point, shown: ShownPoint | str) -> ShownPoint | str:
    if isinstance(shown, str):
        return shown
    from ...classifiers.activation import activation_maps  # brings torch

    (activation,) = activation_maps(point.classifier, [shown.pixels])
    return replace(shown, heat=(point.classifier.prepare(shown.pixels), activation.heat), kind=activation.kind)


def _names(point: Point) -> tuple[str, ...]:
    """What predictions are called: by the data set, where the classifier has numbers for as many classes."""
    own, named = point.classifier.classes, point.dataset.classes
    return named if len(named) == len(own) and all(name.isdigit() for name in own) else own


def _class_name(classes: tuple[str, ...], number: int) -> str:
    return classes[number] if 0 <= number < len(classes) else "no label"


def _rows(points: list[Point], shown: dict[Point, ShownPoint | str], every: bool) -> list[tuple[str, list[Point]]]:
    """The rows to draw: one a curve, under its name, and one of the points that are no curve."""
    rates = np.array([s.bpp if isinstance(s := shown[p], ShownPoint) else np.inf for p in points])
    rows = []
    for curve in curves(points, rates):
        chosen = list(curve.rows) if every else spread(curve.rows, COLUMNS)
        share = f" ({len(chosen)} of {len(curve.rows)})" if len(chosen) < len(curve.rows) else ""
        rows.append((curve.name + share, [points[i] for i in chosen]))
    alone = [members[0] for _, members in rows if len(members) == 1]
    return [("single points", alone)] * bool(alone) + [row for row in rows if len(row[1]) > 1]


def _draw(rows: list[tuple[str, list[Point]]], shown: dict[Point, ShownPoint | str], title: str, cam: bool) -> Figure:
    columns = max(len(members) for _, members in rows)
    high = 3.9 if cam else 2.45
    figure = Figure(figsize=(max(6.0, 1.75 * columns), high * len(rows) + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=11)
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for part, (name, members) in zip(parts, rows, strict=True):
        part.suptitle(name, x=0.01, ha="left", fontsize=9, fontweight="bold")
        plots = part.subplots(1 + cam, columns, squeeze=False)
        for axes in plots.ravel():
            axes.axis("off")
        for axes, point in zip(plots.T, members, strict=False):
            _picture(axes[0], point, image := shown[point], name == "single points")
            if isinstance(image, ShownPoint) and image.heat is not None:
                pixels, heat = image.heat
                axes[1].imshow(pixels.mean(2), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axes[1].imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=0.6, interpolation="bilinear")
    return figure


def _picture(axes: Axes, point: Point, shown: ShownPoint | str, alone: bool) -> None:
    if isinstance(shown, str):
        axes.text(0.5, 0.5, shown, ha="center", va="center", fontsize=6, wrap=True, color=WRONG)
        return
    axes.imshow(shown.pixels, interpolation="nearest")
    color = {True: RIGHT, False: WRONG, None: PLAIN}[shown.right]
    sign = {True: "right", False: "wrong", None: ""}[shown.right]
    axes.set_title(f"{_heading(point, alone)}\n{shown.bpp:.2f} bpp", fontsize=7.5, pad=3)
    text = f"{shown.prediction} {100 * shown.probability:.0f} %\n{sign}" if shown.prediction else ""
    axes.text(0.5, -0.03, text, transform=axes.transAxes, ha="center", va="top", fontsize=7, color=color)


def _heading(point: Point, alone: bool) -> str:
    """The quality parameters' settings; for a point without its curve, what it is."""
    if point.is_reference:
        return "uncompressed"
    if alone:
        return point.name.replace(", fine-tuned", "\nfine-tuned")
    plugins = (point.quantizer, point.codec)
    return ", ".join(f"{name} {getattr(p, name)}" for p in plugins if (name := p.quality_parameter()))
