"""The chain that every image goes through: source pixels -> size -> quantizer -> file -> that file decoded -> prediction.

Each stage takes images by their position, and returns what it made of them and, for each image that failed, the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ...classifiers.base import Classifier
from ...codecs.base import ByteBreakdown, Codec, StoredFileCodec
from ...core.images import RGB, AnyImage
from ...core.origins import describe_error
from ...quantizers.base import Quantizer
from ..study.sizes import Size
from .content import Clock

A = TypeVar("A")
B = TypeVar("B")
Stored = dict[int, bytes]
"""The files that images came from, by the image's position; empty where an image is no file of its own."""
Failures = dict[int, str]
"""The stage and the reason of each image that failed, by the image's position, as a record keeps it."""


@dataclass(frozen=True)
class Coded:
    """Images after a codec, by their position; each is in ``pixels`` or in ``failures``."""

    files: dict[int, bytes]
    """The encoded files."""
    pixels: dict[int, RGB]
    """The decoded files, (H, W, 3) each."""
    failures: Failures
    """The reasons of those that could not be encoded or decoded."""


def resize(size: Size, sources: dict[int, RGB]) -> dict[int, RGB]:
    """Each source in the size that it is stored in."""
    return {i: size.resized(image) for i, image in sources.items()} if size else sources


def quantize(quantizer: Quantizer, sources: dict[int, RGB]) -> tuple[dict[int, AnyImage], Failures]:
    """The quantizer's image of each source."""
    images, failures = each(quantizer.drawn, sources)
    return images, _of_stage("quantizer", failures)


def encode(
    codec: Codec, images: dict[int, AnyImage], stored: Stored | None = None
) -> tuple[dict[int, bytes], Failures]:
    """The file that the codec makes of each image. stored: the images' own files, for a codec that takes those."""
    if isinstance(codec, StoredFileCodec):
        return _encode_stored(codec, images, stored or {})
    files, failures = each(codec.encode_batch, images)
    return files, _of_stage("encoder", failures)


def _encode_stored(
    codec: StoredFileCodec, images: dict[int, AnyImage], stored: Stored
) -> tuple[dict[int, bytes], Failures]:
    """The bytes that would be stored instead of each image's own file; of an image without one, from its pixels."""

    def encode(pairs: Sequence[tuple[bytes, AnyImage]]) -> list[bytes]:
        return [codec.encode_stored(file, image) if file else codec.encode(image) for file, image in pairs]

    files, failures = each(encode, {i: (stored.get(i, b""), image) for i, image in images.items()})
    return files, _of_stage("encoder", failures)


def decode(codec: Codec, files: dict[int, bytes]) -> tuple[dict[int, RGB], Failures]:
    """The pixels of each file, (H, W, 3); a codec that returns no such array fails."""
    decoded, failures = each(codec.decode_batch, files)
    pixels: dict[int, RGB] = {}
    for i, image in decoded.items():
        if reason := _no_image(image):
            failures[i] = reason
        else:  # a plug-in may hand on a view
            pixels[i] = image if image.flags.c_contiguous else np.ascontiguousarray(image)
    return pixels, _of_stage("decoder", failures)


def code(
    codec: Codec,
    images: dict[int, AnyImage],
    sources: dict[int, RGB],
    clock: Clock | None = None,
    stored: Stored | None = None,
) -> Coded:
    """Encodes each image and decodes its file; an image that comes back in another size than its source fails.

    sources: the pixels before the quantizer, in the size that is stored. clock: receives the seconds of ``encode`` and of
    ``decode``. stored: the images' own files, for a codec that takes those.
    """
    clock = clock or Clock()
    with clock("encode"):
        files, failures = encode(codec, images, stored)
    with clock("decode"):
        pixels, not_decoded = decode(codec, files)
    failures |= not_decoded
    for i in [i for i, decoded in pixels.items() if decoded.shape != sources[i].shape]:
        failures[i] = f"decoder: gave {_size(pixels.pop(i))} for an image of {_size(sources[i])}"
    return Coded(files, pixels, failures)


def classify(classifier: Classifier, pixels: RGB) -> tuple[int, float]:
    """The number of the class that is predicted for one image, and its probability. pixels: (H, W, 3)."""
    logits = classifier.logits([pixels])[0].astype(np.float64)
    shares = np.exp(logits - logits.max())
    best = int(logits.argmax())
    return best, float(shares[best] / shares.sum())


def representatives(codecs: Sequence[Codec], image: AnyImage) -> dict[Codec, Codec]:
    """The codec that encodes for each: the first with the same canonical settings, where both give ``image`` one file.

    Codecs whose settings give equal files need not encode every image twice. Without an equal one, or where one of the
    two fails on the image, a codec encodes for itself.
    """
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
    """The bytes of a file by part: container, tables, palette, payload. Raises ValueError where they do not sum to it."""
    parts = codec.byte_breakdown(file)
    if sum(parts) != len(file):
        raise ValueError(f"the parts sum to {sum(parts)} of {len(file)} bytes")
    return parts


def squared_error(decoded: RGB, source: RGB) -> int:
    """The sum of squared differences over pixels and channels; exact (float64 holds integers up to 2^53)."""
    difference = np.subtract(decoded, source, dtype=np.int16).ravel().astype(np.float64)
    return int(difference @ difference)


def each(function: Callable[[Sequence[A]], Sequence[B]], images: dict[int, A]) -> tuple[dict[int, B], Failures]:
    """The results of ``function`` on all images at once; where it raises, on each alone, so that one failure is one row.

    function: takes a list, and returns a list of equal length. Failures hold the error and, of a user plug-in, its line.
    """
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
    results_by_image: dict[int, B] = {}
    failures: Failures = {}
    for i, image in images.items():
        result, failure = each(function, {i: image})
        results_by_image |= result
        failures |= failure
    return results_by_image, failures


def _of_stage(stage: str, failures: Failures) -> Failures:
    """The failures with the name of the stage before each reason."""
    return {i: f"{stage}: {reason}" for i, reason in failures.items()}


def _no_image(decoded: Any) -> str:
    """The reason why a decoder's result is no (H, W, 3) array of uint8; empty for one that is."""
    if not isinstance(decoded, np.ndarray) or decoded.dtype != np.uint8:
        return f"gave {getattr(decoded, 'dtype', type(decoded).__name__)} instead of uint8 pixels"
    return "" if decoded.ndim == 3 and decoded.shape[2] == 3 else f"gave {_size(decoded)} instead of (H, W, 3) pixels"


def _size(pixels: RGB) -> str:
    return "x".join(map(str, pixels.shape))
