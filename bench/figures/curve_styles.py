"""Colors, dashes and markers by which the curves of a figure are told apart, and their entries in legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ...core.printable import LONGEST
from ...quantizers.none import NoQuantizer
from ..reading.curves import Curve
from ..reading.groups import Group
from ..reading.seeds import without_seed

ORIGINALS = NoQuantizer.name
MARKERS = "osD^vPX<>ph*d8H"
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
PALETTE = ("#0173b2", "#de8f05", "#029e73", "#cc78bc", "#a50f15", "#56b4e9", "#6a3d9a", "#7a6a1d", "#303030")
"""Colors that stay apart for the color-blind, without two oranges and without pale ones."""
BANDED = 8
"""Curves whose intervals are drawn as bands at the most; those of more would hide one another."""

MARKED = 12
"""Markers on a curve, about: a hundred would hide it."""

Style = tuple[Any, Any, str, Any]
"""Color, dashes, marker, and the marker's inside: white where classifiers are fine-tuned."""


def styles_of(curves: Sequence[Curve]) -> dict[Curve, Style]:
    """A color a quantizer, for originals a codec; where many codecs code few quantizers' images, a color a codec."""
    quantized = [c for c in curves if c.quantizer != ORIGINALS]
    by_codec = len({_kind(c.codec) for c in quantized}) > len({c.quantizer for c in quantized})
    traits = {c: _traits(c, by_codec) for c in curves}
    colors = _colors(list(traits.values()))
    variants = {name: list(dict.fromkeys(t.variant for t in traits.values() if t.color == name)) for name in colors}
    marked = list(dict.fromkeys(t.marker for t in traits.values()))
    styles: dict[Curve, Style] = {}
    for c, t in traits.items():
        number, many, place = variants[t.color].index(t.variant), len(variants[t.color]), marked.index(t.marker)
        color, dash = colors[t.color], DASHES[(place if by_codec else number) % len(DASHES)]
        if many > (1 if by_codec else len(DASHES)):  # such as numbers of colors: from light to dark
            whole = t.variant == t.color and not by_codec  # the curve that others are points of
            color, dash = color if whole else _shade(color, (number + 1) / many), dash if by_codec else DASHES[0]
        styles[c] = (color, dash, MARKERS[place % len(MARKERS)], "white" if c.tuned else color)
    return styles


class _Traits(NamedTuple):
    """What a curve's color, dashes and marker stand for."""

    color: str
    variant: str
    marker: str


def _traits(curve: Curve, by_codec: bool) -> _Traits:
    if by_codec:
        return _Traits(_kind(curve.codec), curve.codec, curve.quantizer)
    if curve.quantizer == ORIGINALS:
        variant = f"{ORIGINALS}+{curve.codec}@{curve.size}"
        return _Traits(f"{ORIGINALS}+{_kind(curve.codec)}", variant, curve.size or curve.codec)
    return _Traits(_kind(curve.quantizer), curve.quantizer, curve.codec)


def _kind(variant: str) -> str:
    return variant.split(":")[0]


def _colors(traits: list[_Traits]) -> dict[str, Any]:
    """The first codec of the originals has the first color in every study, then come quantizers, then other codecs."""
    names = list(dict.fromkeys(t.color for t in traits))
    originals = [name for name in names if name.startswith(f"{ORIGINALS}+")]
    order = [*(originals[:1] or [ORIGINALS]), *(name for name in names if name not in originals), *originals[1:]]
    palette = sns.color_palette(PALETTE) if len(order) <= len(PALETTE) else sns.color_palette("husl", len(order))
    return dict(zip(order, palette, strict=False))


def _shade(color: Any, depth: float) -> Any:
    """From light at 0 over the color itself to dark at 1."""
    ramp = sns.blend_palette([_mixed(color, 1.0, 0.65), color, _mixed(color, 0.0, 0.55)], as_cmap=True)
    return ramp(depth)


def _mixed(color: Any, other: float, share: float) -> Any:
    return tuple((1 - share) * channel + share * other for channel in color)


def draw_curve(
    axes: Axes, curve: Curve, style: Style, rates: NDArray[np.float64], values: NDArray[np.float64], size: float = 5.5
) -> None:
    """Draws a curve's points and the line through them. size: of the markers; a curve of many points has some MARKED."""
    color, dash, marker, inside = style
    axes.plot(
        rates,
        values,
        color=color,
        linestyle=dash,
        linewidth=1.4,
        marker=marker,
        markersize=size,
        markerfacecolor=inside,
        markeredgecolor=color if curve.tuned else "white",
        markeredgewidth=1.0 if curve.tuned else 0.5,
        markevery=max(1, len(rates) // MARKED),
    )


def legends_of(styles: Mapping[Curve, Style], size: float = 5.5) -> list[Line2D]:
    """The entries of curves in a legend; curves that differ in the seed of their fine-tuning look alike, and have one."""
    together: dict[str, list[Curve]] = {}
    for curve in styles:
        together.setdefault(replace(curve, tuned=without_seed(curve.tuned)).label, []).append(curve)
    return [
        legend_of(own[0], styles[own[0]], size, label.replace(" seed*", f" ({len(own)} seeds)") if len(own) > 1 else "")
        for label, own in together.items()
    ]


def legend_of(curve: Curve, style: Style, size: float = 5.5, label: str = "") -> Line2D:
    """A curve's entry in a legend."""
    color, dash, marker, inside = style
    return Line2D(
        [],
        [],
        color=color,
        linestyle=dash,
        marker=marker,
        markersize=size,
        markerfacecolor=inside,
        label=label or curve.label,
    )


def legend_inches(lines: int) -> float:
    """How high a legend of so many lines is, beside the plot."""
    return 0.185 * lines + 0.3


def legend_width(curves: Sequence[Curve]) -> float:
    """How wide a legend of curves is, beside the plot, in inches."""
    return 0.75 + 0.066 * max(30, *(min(LONGEST, len(curve.label)) for curve in curves))


def banded(group: Group, curves: Sequence[Curve]) -> bool:
    """Whether the intervals of curves are drawn as bands: few curves, and bands that together leave the plot room."""
    lines = [c for c in curves if len(c.rows) > 1]
    accuracies = _accuracies(group, curves)
    if len(lines) > BANDED or not len(accuracies):
        return False
    return 2 * _half_width(group, curves) * len(lines) <= 100 * (accuracies[-1] - accuracies[len(accuracies) // 10])


def _accuracies(group: Group, curves: Sequence[Curve]) -> NDArray[np.float64]:
    """The accuracies of curves, as shares, the lowest first."""
    return np.sort(group.rows.accuracy.iloc[[i for c in curves for i in c.rows]].dropna().to_numpy())


def _half_width(group: Group, curves: Sequence[Curve]) -> float:
    """The farthest that an interval reaches from its accuracy, in percentage points."""
    rows = group.rows.iloc[[i for c in curves for i in c.rows]]
    reach = np.maximum(rows.accuracy_high - rows.accuracy, rows.accuracy - rows.accuracy_low)
    return float(100 * reach.max()) if len(rows) else 0.0


def interval_note(group: Group, curves: Sequence[Curve]) -> Artist:
    """The legend's entry that says what the bands are, or how wide the intervals are where none is drawn."""
    if banded(group, curves):
        return Patch(color="0.5", alpha=0.25, linewidth=0, label="95 % interval (Wilson)")
    width = _half_width(group, curves)
    return Patch(alpha=0, label=f"95 % intervals (Wilson):\nat most \u00b1{width:.1f} points, not drawn")


def uncompressed_line(axes: Axes, group: Group) -> list[Line2D]:
    """A line at the accuracy on uncompressed images, where it is measured."""
    if group.uncompressed is None:
        return []
    label = f"uncompressed: {100 * group.uncompressed:.1f} %"
    return [axes.axhline(100 * group.uncompressed, color="0.25", linewidth=1, linestyle="--", label=label)]


def fit_accuracy_axis(axes: Axes, group: Group, curves: Sequence[Curve]) -> list[Artist]:
    """Leaves the lowest points out of an axis of which they would take more than half; the legend's entry says so.

    At most a tenth of the points is left out: such as JPEG of quality 1, far below all that anyone would choose.
    """
    accuracies = 100 * _accuracies(group, curves)
    if len(accuracies) < 10:
        return []
    low = accuracies[len(accuracies) // 10]
    if low - accuracies[0] <= (accuracies[-1] - accuracies[0]) / 2:
        return []
    bottom = max(0.0, low - 0.4 * (accuracies[-1] - low))
    axes.set_ylim(bottom=bottom)
    left_out = int((accuracies < bottom).sum())
    return [Patch(alpha=0, label=f"{left_out} points below {bottom:.0f} % not shown")]


def accuracy_label(group: Group) -> str:
    """The title of an axis of accuracies."""
    return "agreement with the uncompressed image (%)" if group.agreement else "top-1 accuracy (%)"
