"""The promises about a codec's settings: what each end of them does, and what they cost and bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...codecs.base import Codec
from ...core.plugins import Span, Text, spread
from .images import mosaic, photographs
from .trial import Broken, Trial, check_batch, check_breakdown, check_lossless, decode, encode

QUALITY_VALUES = 7
"""Values of the quality parameter that are tried."""
SLACK = 0.02
"""By how much bytes or errors may run against the quality parameter, as a share.

A codec may allow few values that lie near each other, and between neighbours both go up and down: on the mosaic bytes by
0.6 % (AVIF), 0.9 % (WebP) and 2.1 % (JPEG XL, distances 0.6 apart), while steps over a whole range are 10 % and more.
"""
ENDS_IMAGES = ("1x1", "7x5, odd", "3x300", "33x31, odd", "3 colors", "1 color, 1x1")
"""The small images that are coded at both ends of every setting."""


def ends(trial: Trial) -> str:
    """Codes the small images at the first and the last value of every setting. Raises Broken."""
    codec, tried = trial.codec, []
    for field in fields(codec):
        allowed = field.metadata["among"]
        if isinstance(allowed, Text):  # free text has no ends
            continue
        values = (
            (allowed.low, allowed.high) if isinstance(allowed, Span) else list(allowed)[:: max(1, len(allowed) - 1)]
        )
        for value in values:
            _check_small_images(replace(codec, **{field.name: value}), f"{field.name}={value}", trial)
        tried.append(f"{field.name} {values[0]} and {values[-1]}")
    return ", ".join(tried) or "no settings"


def _check_small_images(codec: Codec, label: str, trial: Trial) -> None:
    """Raises Broken where a round trip, the byte breakdown or a batch of the small images goes wrong."""
    images = [trial.images[name] for name in ENDS_IMAGES]
    files = []
    for image_name, image in zip(ENDS_IMAGES, images, strict=True):
        name = f"{label}, {image_name}"
        file = encode(codec, name, image)
        check_lossless(codec, name, decode(codec, name, file, image), image)
        check_breakdown(codec, name, file)
        files.append(file)
    check_batch(codec, images, files)


def canonical(trial: Trial) -> str:
    """Compares the files of settings that the codec calls redundant with those of their canonical ones. Raises Broken."""
    codec, parameter = trial.codec, trial.codec.quality_parameter()
    variants = [replace(codec, **{parameter: v}) for v in _allowed_values(codec, parameter)] if parameter else [codec]
    redundant = spread([variant for variant in variants if variant.canonical() != variant], QUALITY_VALUES)
    for variant in redundant:
        representative = variant.canonical()
        if representative.canonical() != representative:
            raise Broken(f"{representative.spec} is canonical for {variant.spec}, but not for itself")
        for image in [*photographs(4), trial.images["3 colors"]]:
            if variant.encode(image) != representative.encode(image):
                raise Broken(f"{variant.spec} writes other files than {representative.spec}")
    return f"{', '.join(variant.short for variant in redundant)}" if redundant else "names none"


def quality_parameter(trial: Trial) -> str:
    """Measures bytes and squared errors over the quality parameter. Raises Broken where they do not trade."""
    codec, image = trial.codec, mosaic()
    parameter = codec.quality_parameter()
    if parameter is None:
        return "no quality parameter"
    values = spread(_allowed_values(codec, parameter), QUALITY_VALUES)
    sizes, errors = [], []
    for value in values:
        variant = replace(codec, **{parameter: value})
        file = variant.encode(image)
        sizes.append(len(file))
        errors.append(float(np.square(variant.decode(file).astype(float) - image).mean()))
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    curve = ", ".join(f"{text}: {size}" for text, size in zip(texts, sizes, strict=True))
    if len(sizes) > 1 and len(set(sizes)) == 1:
        raise Broken(f"{parameter} changes no file: {curve} bytes")
    direction = 1 if sizes[-1] >= sizes[0] else -1
    if _runs_against(sizes, direction):
        raise Broken(f"bytes rise and fall over {parameter}: {curve}")
    if _runs_against(errors, -direction) and not codec.lossless:
        squared = ", ".join(f"{text}: {error:.3g}" for text, error in zip(texts, errors, strict=True))
        raise Broken(f"more bytes, more error over {parameter}: {curve} bytes; mean squared error {squared}")
    return f"{parameter} {curve} bytes"


def _runs_against(figures: Sequence[float], direction: int) -> bool:
    """Whether figures fall where they should rise (direction 1), or rise where they should fall (-1)."""
    return any(direction * (b - a) < -SLACK * max(a, b) for a, b in pairwise(figures))


def _allowed_values(codec: Codec, setting: str) -> list[Any]:
    """The values of a setting in order; of a continuous one some from end to end."""
    allowed = codec.__dataclass_fields__[setting].metadata["among"]
    return (
        np.linspace(allowed.low, allowed.high, QUALITY_VALUES).tolist() if isinstance(allowed, Span) else list(allowed)
    )
