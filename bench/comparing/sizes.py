"""Smaller picture or lower quality: each codec's curves of all sizes, set side by side at equal bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.tables import Kind, Table
from ..reading.curves import Curve
from ..reading.groups import Group
from ..statistics.bjontegaard import Array, CurveSamples, value_at
from .bootstrap import RESAMPLES, ResampledCurves

RATES = tuple(2.0**k for k in range(-5, 4))
"""The rates at which sizes are compared, in bits per pixel of the originals."""
NOTE = (
    "{measure} that a size reaches within a rate, and how far another size lies above the full one there: {step}, with paired "
    "95 % intervals from {resamples:,} bootstrap resamples of the {images:,} images that all these points share. Between the "
    "points of a Pareto front by PCHIP over log(bpp). -: a curve has nothing so cheap; where the full size has none, what the others reach "
    "stands without a sign. best: the size whose advantage over the "
    "full one is largest, where its interval is above 0; full where the intervals of all others are below 0; else open."
)


@dataclass(frozen=True)
class SizedCodec:
    """A quantizer and codec whose images are stored in several sizes."""

    name: str
    """As a figure's panel bears it."""
    curves: dict[str, Curve]
    """The curve of each size, ``full`` first."""


def sized_codecs(group: Group) -> list[SizedCodec]:
    """The codecs that have curves of two points or more in the full size and in others."""
    by_codec: dict[str, dict[str, Curve]] = {}
    for curve in group.curves:
        if len(curve.rows) > 1 and not curve.tuned:
            name = Curve(curve.quantizer, curve.codec, ()).label
            by_codec.setdefault(name, {})[curve.size or "full"] = curve
    return [
        SizedCodec(name, {"full": curves.pop("full"), **curves})
        for name, curves in by_codec.items()
        if "full" in curves and len(curves) > 1
    ]


def sizes_table(group: Group) -> Table | None:
    """For each codec and rate, what each size is worth at equal bits; None without sizes to compare."""
    codecs = sized_codecs(group)
    if not codecs:
        return None
    resampled = ResampledCurves(group.measured, [c for codec in codecs for c in codec.curves.values()])
    if not len(resampled.images):
        return None
    sizes = list(dict.fromkeys(size for codec in codecs for size in codec.curves if size != "full"))
    measure = group.measure
    full = f"full {measure.unit}".strip()
    kinds = {"codec": Kind.NAME, "bpp": Kind.NUMBER, full: Kind.NUMBER, **dict.fromkeys(sizes, Kind.NUMBER)}
    kinds["best"] = Kind.NAME
    frame = pd.DataFrame(list(_lines(group, codecs, resampled, sizes)), columns=list(kinds))
    step = measure.step or "difference"
    note = NOTE.format(
        measure=measure.name[0].upper() + measure.name[1:], step=step, resamples=RESAMPLES, images=len(resampled.images)
    )
    return Table(f"{group.title}: smaller picture or lower quality", frame, kinds, (note,))


def _lines(
    group: Group, codecs: list[SizedCodec], resampled: ResampledCurves, sizes: list[str]
) -> Iterator[tuple[str, ...]]:
    scale, digits = group.measure.scale, group.measure.digits
    for codec in codecs:
        samples = {size: (resampled.samples(c), resampled.samples(c, True)) for size, c in codec.curves.items()}
        for rate in RATES:
            values = {size: tuple(scale * _within(s, rate) for s in pair) for size, pair in samples.items()}
            full, full_resampled = values["full"]
            if rate > 10 ** float(samples["full"][0].over_rate.high[0]):
                continue
            if not np.isfinite(full[0]):
                own = {size: values[size][0][0] for size in sizes if size in values and np.isfinite(values[size][0][0])}
                if own:
                    cells = [f"{own[size]:.{digits}f}" if size in own else "-" for size in sizes]
                    yield (codec.name, f"{rate:g}", "-", *cells, max(own, key=lambda s: own[s]))
                continue
            cells, above, below = [], {}, []
            for size in sizes:
                if size not in values or not np.isfinite(values[size][0][0]):
                    cells.append("-")
                    continue
                difference = values[size][0][0] - full[0]
                low, high = np.nanquantile(values[size][1] - full_resampled, [0.025, 0.975])
                cells.append(f"{difference:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]")
                below.append(high < 0)
                if low > 0:
                    above[size] = difference
            best = max(above, key=lambda s: above[s]) if above else "full" if below and all(below) else "open"
            yield (codec.name, f"{rate:g}", f"{full[0]:.{digits}f}", *cells, best)


def _within(samples: CurveSamples, rate: float) -> Array:
    """What each sample of a curve reaches with at most so many bits; NaN where it has nothing so cheap."""
    knots = samples.over_rate
    return value_at(knots, np.minimum(np.log10(rate), knots.high))
