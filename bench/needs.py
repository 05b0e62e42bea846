"""`rabench points`: what a need costs. The rate at which a curve reaches an accuracy, the accuracy it reaches at a rate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.errors import Refused
from .bjontegaard import Array, envelope, value_at
from .bootstrap import draws, paired_table
from .compare import measured_groups
from .curves import Curve
from .matrix import Study

NOTE = (
    "measured: the {best} of the curve's own points that {meets}, with its 95 % interval (Wilson). on the curve: between the points of its Pareto "
    "front (PCHIP over log(bpp)), with the 95 % interval over 2,000 draws of images. -: the curve does not get there."
)


def operating_points(
    study: Study, at_least: float | None = None, at_most: float | None = None
) -> list[tuple[str, pd.DataFrame, list[str]]]:
    """Title, table and notes for each data set and classifier; curves that meet the need best first.

    at_least: accuracy in percent. at_most: bits per pixel. Raises Refused for none or both.
    """
    if (at_least is None) == (at_most is None):
        raise Refused("say either --at-least PERCENT or --at-most BPP, not both and not neither")
    if at_least is not None and not 1 < at_least <= 100:
        raise Refused(f"--at-least is an accuracy in percent, such as 85, got {at_least:g}")
    found = []
    for title, measured, rows, curves in measured_groups(study):
        table = paired_table(measured)
        whole, drawn = table.whole, draws(table) if len(table.images) else None
        lines = []
        for curve in curves:
            part = rows.iloc[list(curve.rows)]
            meets = part.accuracy >= at_least / 100 if at_least is not None else part.bpp <= at_most
            chosen = part[meets]
            chosen = chosen.nsmallest(1, "bpp") if at_least is not None else chosen.nlargest(1, "accuracy")
            line, order = {"curve": curve.name, "measured": "-", "bpp": "-", "accuracy %": "-"}, np.inf
            if len(chosen):
                row = chosen.iloc[0]
                point = measured[chosen.index[0]].point
                line["measured"] = f"{point.quantizer.short}+{point.codec.short}"
                line["bpp"] = f"{row.bpp:.3f}"
                low, high = 100 * row.accuracy_low, 100 * row.accuracy_high
                line["accuracy %"] = f"{100 * row.accuracy:.2f} [{low:.2f}, {high:.2f}]"
                order = row.bpp if at_least is not None else -row.accuracy
            line["on the curve"] = "-" if drawn is None else _on_the_curve(curve, whole, drawn, at_least, at_most)
            lines.append((order, line))
        lines.sort(key=lambda pair: pair[0])
        need = f"accuracy >= {at_least:g} %" if at_least is not None else f"bpp <= {at_most:g}"
        words = ("cheapest", "reaches it") if at_least is not None else ("best", "keeps within it")
        note = NOTE.format(best=words[0], meets=words[1])
        found.append((f"{title}: {need}", pd.DataFrame([line for _, line in lines]), [note]))
    return found


def _on_the_curve(
    curve: Curve, whole: tuple[Array, Array], drawn: tuple[Array, Array], at_least: float | None, at_most: float | None
) -> str:
    """The rate in bpp at an accuracy, or the accuracy in percent at a rate, with its interval over draws."""
    columns = list(curve.rows)

    def of(r: Array, a: Array) -> Array:
        if at_least is not None:
            return 10 ** value_at(envelope(r[:, columns], a[:, columns], to_the_end=False).turned(), at_least / 100)
        assert at_most is not None
        return 100 * value_at(envelope(r[:, columns], a[:, columns]), float(np.log10(at_most)))

    value, values = of(*whole)[0], of(*drawn)
    values = values[np.isfinite(values)]
    if not np.isfinite(value):
        return "-"
    digits = 3 if at_least is not None else 2
    told = f"{value:.{digits}f}"
    if len(values) >= len(drawn[0]) / 2:
        low, high = np.quantile(values, [0.025, 0.975])
        told += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return told
