"""The values of a codec's quality parameter that are measured where none are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ...codecs import CODECS
from ...codecs.base import Codec
from ...core import specs
from ...core.images import as_rgb
from ...core.plugins import Span, spread
from ...datasets.base import BadImage, Dataset
from ...quantizers import QUANTIZERS
from ..measuring import chain
from ..reading.groups import read
from ..study.points import Point
from ..study.study import Study

SWEPT = 8
"""Values of the quality parameter that are measured where none are named."""
TRIED = 33
"""Values whose rates are looked at to choose them."""
PROBED = 8
"""Images for that."""


def quality_values(
    text: str, quantizers: Sequence[str], study: Study, points: Sequence[Point]
) -> tuple[list[Codec], str]:
    """The codecs that a text asks for; without a word on its quality parameter a curve's worth of its values, and which these are.

    text: the codec. quantizers: that run before it; rates are looked at after the first. points: of the study. Raises
    Unavailable, with the remedy, where the codec cannot run here.
    """
    name, settings = specs.parse(text)
    parameter, named = CODECS[name].quality_parameter(), CODECS.sweep(text)
    named[0].version()
    if parameter is None or parameter in settings:
        return named, ""
    measured = dict.fromkeys(p.codec for p in points if p.codec.variant == named[0].variant)
    if measured:  # added before, and perhaps edited since
        return list(
            measured
        ), f"the values of {parameter} that the study has already; name others as {name}:{parameter}=..."
    allowed = next(f for f in fields(CODECS[name]) if f.name == parameter).metadata["among"]
    if isinstance(allowed, Span):
        ladder = np.geomspace if allowed.low > 0 else np.linspace
        values: list[Any] = [float(f"{v:.3g}") for v in ladder(allowed.low, allowed.high, TRIED)]
        values = [v for v in dict.fromkeys(values) if v in allowed]
    else:
        values = spread(list(allowed), TRIED)
    codecs = [CODECS.make(specs.join(name, {**settings, parameter: value})) for value in values]
    low, high = _rates(study)
    chosen = _chosen(_cost(codecs, quantizers, points[0].dataset), low, high) if low < high else []
    if len(chosen) > 1:
        reason = f"at rates of {low:.3g} to {high:.3g} bpp, as the study's curves"
    else:
        chosen, reason = spread(range(len(codecs)), SWEPT), "over all that it allows"
    listed = ",".join(str(values[i]) for i in chosen)
    return [codecs[i] for i in chosen], f"{parameter}={listed}, {reason}; name others as {name}:{parameter}=..."


def _rates(study: Study) -> tuple[float, float]:
    """The least and highest rate on the study's curves."""
    reading = read(study)
    rates = [group.rows.bpp[i] for group in reading.groups for c in group.curves if len(c.rows) > 1 for i in c.rows]
    return (float(np.nanmin(rates)), float(np.nanmax(rates))) if rates else (0.0, 0.0)


def _cost(codecs: list[Codec], quantizers: Sequence[str], dataset: Dataset) -> list[float]:
    """Bits per pixel of each on a few images; NaN where it fails."""
    block = dataset.load(0, PROBED).images
    sources = {i: image for i, image in enumerate(block) if not isinstance(image, BadImage)}
    images, _ = chain.quantize(QUANTIZERS.sweep(quantizers[0])[0], sources)
    pixels = sum(as_rgb(image).size // 3 for image in images.values())
    rates = []
    for codec in codecs:
        files, failures = chain.encode(codec, images)
        rates.append(8 * sum(map(len, files.values())) / pixels if pixels and not failures else np.nan)
    return rates


def _chosen(rates: list[float], low: float, high: float) -> list[int]:
    """Positions whose rates are spread over low..high on a log scale, as far as they reach."""
    within = [r for r in rates if np.isfinite(r) and r > 0]
    low, high = max(low, min(within, default=np.inf)), min(high, max(within, default=0))
    if low >= high:
        return []
    logs = np.log([r if np.isfinite(r) and r > 0 else np.nan for r in rates])
    near = [int(np.nanargmin(np.abs(logs - target))) for target in np.linspace(np.log(low), np.log(high), SWEPT)]
    return sorted(set(near))
