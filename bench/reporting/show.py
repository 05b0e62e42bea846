"""One image under every quantizer and codec of a study, side by side."""

from __future__ import annotations

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
from ..comparing.curves import curves
from ..figures.style import save
from ..running import chain
from ..study.matrix import Study, with_references
from ..study.points import Point

COLUMNS = 6
RIGHT, WRONG, PLAIN = "#1a7f37", "#b42318", "0.2"


@dataclass(frozen=True)
class Shown:
    """An image that went through a point's whole chain."""

    pixels: RGB
    bpp: float
    prediction: str
    probability: float
    right: bool | None
    """None where the image has no label."""
    heat: tuple[RGB, NDArray[np.float32]] | None = None
    """The image as the classifier takes it and its class activation map, where asked for."""
    kind: str = ""
    """CAM or Grad-CAM."""


def show(study: Study, image: int, every: bool, target: Path | None, cam: bool = False) -> list[Path]:
    """Writes a figure for each data set and classifier; gives their paths. Runs the chain anew.

    cam: under each image its class activation map.
    """
    if target is not None and target.suffix != ".png":
        raise BadSetting(f"--out must end in .png, got {target}")
    points = with_references(study.load())
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.dataset.label, point.frozen.label), []).append(point)
    written = []
    target = target or study.folder / f"{'cam' if cam else 'show'}-{image}.png"
    for number, members in enumerate(groups.values()):
        path = target.with_stem(target.stem + (f"-{number + 1}" if len(groups) > 1 else ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        save(_figure(members, image, every, cam), path)
        written.append(path)
    return written


def _figure(points: list[Point], number: int, every: bool, cam: bool) -> Figure:
    dataset = points[0].dataset
    if number >= len(dataset):
        raise BadSetting(f"{dataset.short} has images 0..{len(dataset) - 1}, got --image {number}")
    block = dataset.load(number, number + 1)
    (image,), label = block.images, int(block.labels[0])
    if isinstance(image, BadImage):
        raise Refused(f"{dataset.short}: image {number} cannot be read: {image.reason}")
    shown: dict[Point, Shown | str] = {}
    for point in points:
        try:
            point.check()
            shown[point] = _through(point, image, label)
        except RabenchError as error:
            shown[point] = str(error)
    if not any(isinstance(s, Shown) for s in shown.values()):
        raise Refused(f"{dataset.short}: no point can be shown here: {shown[points[0]]}")
    title = f"image {number} of {dataset.short}: {_name(dataset.classes, label)}"
    rows = _rows(points, shown, every)
    if cam:
        shown = {p: _with_heat(p, shown[p]) for _, members in rows for p in members}
        kinds = sorted({s.kind for s in shown.values() if isinstance(s, Shown)})
        title += f"\nbelow each: what speaks for the class predicted ({', '.join(kinds)}, from dark to light)"
    return _draw(rows, shown, title, cam)


def _with_heat(point: Point, found: Shown | str) -> Shown | str:
    from ...classifiers.activation import activation_maps

    if isinstance(found, str):
        return found
    (seen,) = activation_maps(point.classifier, [found.pixels])
    return replace(found, heat=(point.classifier.prepare(found.pixels), seen.heat), kind=seen.kind)


def _through(point: Point, image: RGB, label: int) -> Shown | str:
    """An image after a point's whole chain, or the reason why there is none."""
    sources = {0: image}
    images, failures = chain.quantize(point.quantizer, sources)
    coded = chain.code(point.codec, images, sources)
    if failures := failures | coded.failures:
        return failures[0]
    pixels = coded.pixels[0]
    try:
        best, probability = chain.classify(point.classifier, pixels)
    except RabenchError:
        raise
    except Exception as error:  # a plug-in's failure is one picture's
        return f"classifier: {describe_error(error)}"
    bpp = len(coded.files[0]) * 8 / (image.shape[0] * image.shape[1])
    right = best == label if label >= 0 else None
    return Shown(pixels, bpp, _name(point.classifier.classes, best), probability, right)


def _name(classes: tuple[str, ...], number: int) -> str:
    return classes[number] if 0 <= number < len(classes) else "no label"


def _rows(points: list[Point], shown: dict[Point, Shown | str], every: bool) -> list[tuple[str, list[Point]]]:
    """What is drawn: a row a curve, under its name, and one of the points that are no curve."""
    rates = np.array([s.bpp if isinstance(s := shown[p], Shown) else np.inf for p in points])
    rows = []
    for curve in curves(points, rates):
        chosen = curve.rows
        if not every:
            chosen = spread(chosen, COLUMNS)
        of = f" ({len(chosen)} of {len(curve.rows)})" if len(chosen) < len(curve.rows) else ""
        rows.append((curve.name + of, [points[i] for i in chosen]))
    alone = [members[0] for _, members in rows if len(members) == 1]
    return [("single points", alone)] * bool(alone) + [row for row in rows if len(row[1]) > 1]


def _draw(rows: list[tuple[str, list[Point]]], shown: dict[Point, Shown | str], title: str, cam: bool) -> Figure:
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
            _picture(axes[0], point, found := shown[point], name == "single points")
            if isinstance(found, Shown) and found.heat is not None:
                pixels, heat = found.heat
                axes[1].imshow(pixels.mean(2), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axes[1].imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=0.6, interpolation="bilinear")
    return figure


def _picture(axes: Axes, point: Point, found: Shown | str, alone: bool) -> None:
    if isinstance(found, str):
        axes.text(0.5, 0.5, found, ha="center", va="center", fontsize=6, wrap=True, color=WRONG)
        return
    axes.imshow(found.pixels, interpolation="nearest")
    color = {True: RIGHT, False: WRONG, None: PLAIN}[found.right]
    sign = {True: "right", False: "wrong", None: ""}[found.right]
    axes.set_title(f"{_heading(point, alone)}\n{found.bpp:.2f} bpp", fontsize=7.5, pad=3)
    text = f"{found.prediction} {100 * found.probability:.0f} %\n{sign}"
    axes.text(0.5, -0.03, text, transform=axes.transAxes, ha="center", va="top", fontsize=7, color=color)


def _heading(point: Point, alone: bool) -> str:
    """The dials' settings; of a point without its curve, what it is."""
    if point.is_reference:
        return "uncompressed"
    if alone:
        return f"{point.quantizer.short}+{point.codec.short}" + "\nfine-tuned" * bool(point.tuned_from)
    return ", ".join(f"{d} {getattr(p, d)}" for p in (point.quantizer, point.codec) if (d := p.quality_parameter()))
