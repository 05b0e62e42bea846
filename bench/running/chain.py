"""The chain that every image goes through: source pixels -> quantizer -> file -> that file decoded -> prediction.

Each stage takes images by their position, and gives what it made of them and, for each image that failed, the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ...classifiers.base import Classifier
from ...codecs.base import ByteBreakdown, Codec
from ...core.images import RGB, AnyImage
from ...core.origins import describe_error
from ...quantizers.base import Quantizer
from .content import Clock

A = TypeVar("A")
B = TypeVar("B")
Failures = dict[int, str]
"""For each image that failed the stage and the reason, as a record keeps it."""


@dataclass(frozen=True)
class Coded:
    """What a codec made of images, by position; an image is in ``pixels`` or in ``failures``."""

    files: dict[int, bytes]
    pixels: dict[int, RGB]
    """The files decoded, (H, W, 3) each."""
    failures: Failures


def quantize(quantizer: Quantizer, sources: dict[int, RGB]) -> tuple[dict[int, AnyImage], Failures]:
    """Each image in few colors."""
    images, failures = each(quantizer.drawn, sources)
    return images, _of_stage("quantizer", failures)


def encode(codec: Codec, images: dict[int, AnyImage]) -> tuple[dict[int, bytes], Failures]:
    """Each image as the bytes of its file."""
    files, failures = each(codec.encode_batch, images)
    return files, _of_stage("encoder", failures)


def decode(codec: Codec, files: dict[int, bytes]) -> tuple[dict[int, RGB], Failures]:
    """Each file as pixels; what is no image fails."""
    decoded, failures = each(codec.decode_batch, files)
    wrong = {i: reason for i, pixels in decoded.items() if (reason := _no_image(pixels))}
    # A plug-in may hand on a view
    pixels = {i: np.ascontiguousarray(p) for i, p in decoded.items() if i not in wrong}
    return pixels, _of_stage("decoder", failures | wrong)


def code(codec: Codec, images: dict[int, AnyImage], sources: dict[int, RGB], clock: Clock | None = None) -> Coded:
    """Each image encoded, and its file decoded again; pixels of another size than the source's fail.

    sources: the pixels before the quantizer. clock: receives the seconds of ``encode`` and of ``decode``.
    """
    clock = clock or Clock()
    with clock("encode"):
        files, failures = encode(codec, images)
    with clock("decode"):
        pixels, not_decoded = decode(codec, files)
    failures |= not_decoded
    for i in [i for i, decoded in pixels.items() if decoded.shape != sources[i].shape]:
        failures[i] = f"decoder: gave {_size(pixels.pop(i))} for an image of {_size(sources[i])}"
    return Coded(files, pixels, failures)


def classify(classifier: Classifier, pixels: RGB) -> tuple[int, float]:
    """The class predicted for one decoded image, by its number, and its probability."""
    logits = classifier.logits([pixels])[0].astype(np.float64)
    shares = np.exp(logits - logits.max())
    best = int(logits.argmax())
    return best, float(shares[best] / shares.sum())


def representatives(codecs: Sequence[Codec], image: AnyImage) -> dict[Codec, Codec]:
    """For each codec the one that codes for it: the first with the same canonical settings, if one image's files agree."""
    first: dict[Codec, Codec] = {}
    chosen = {codec: first.setdefault(codec.canonical(), codec) for codec in codecs}
    for codec, representative in chosen.items():
        if representative is not codec:
            try:
                same = codec.encode(image) == representative.encode(image)
            except Exception:  # the reason is kept when each codes its images
                same = False
            chosen[codec] = representative if same else codec
    return chosen


def byte_breakdown(codec: Codec, file: bytes) -> ByteBreakdown:
    """The bytes of a file by part. Raises ValueError where they do not sum to the file."""
    parts = codec.byte_breakdown(file)
    if sum(parts) != len(file):
        raise ValueError(f"the parts sum to {sum(parts)} of {len(file)} bytes")
    return parts


def squared_error(decoded: RGB, source: RGB) -> int:
    """The sum over pixels and channels; exact (float64 holds integers up to 2^53)."""
    difference = np.subtract(decoded, source, dtype=np.int16).ravel().astype(np.float64)
    return int(difference @ difference)


def each(function: Callable[[Sequence[A]], Sequence[B]], images: dict[int, A]) -> tuple[dict[int, B], Failures]:
    """``function`` on all images at once; where that raises, on each alone, so that one failure is one row."""
    if not images:
        return {}, {}
    try:
        results = function(list(images.values()))
        if len(results) != len(images):
            raise ValueError(f"gave {len(results)} for {len(images)} images")
        return dict(zip(images, results, strict=True)), {}
    except Exception as error:  # whatever a plug-in raises belongs to its rows, not to the run
        if len(images) == 1:
            return {}, {next(iter(images)): describe_error(error)}
    done: dict[int, B] = {}
    failures: Failures = {}
    for i, image in images.items():
        result, failure = each(function, {i: image})
        done |= result
        failures |= failure
    return done, failures


def _of_stage(stage: str, failures: Failures) -> Failures:
    return {i: f"{stage}: {reason}" for i, reason in failures.items()}


def _no_image(decoded: Any) -> str:
    """Why this is no (H, W, 3) array of uint8; empty for one that is."""
    if not isinstance(decoded, np.ndarray) or decoded.dtype != np.uint8:
        return f"gave {getattr(decoded, 'dtype', type(decoded).__name__)} instead of uint8 pixels"
    return "" if decoded.ndim == 3 and decoded.shape[2] == 3 else f"gave {_size(decoded)} instead of (H, W, 3) pixels"


def _size(pixels: RGB) -> str:
    return "x".join(map(str, pixels.shape))
