"""What the bench relies on in a codec, each as a promise that can be tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing.reduction import ForkingPickler
from time import perf_counter
from typing import Any

import numpy as np

from ...codecs.base import Codec
from ...core.errors import Unavailable
from ...core.plugins import Span, spread
from . import fresh_process
from .images import mosaic, photographs
from .trial import Broken, Trial, check_lossless, decode, encode

QUALITY_VALUES = 7
"""Values of the quality parameter that are tried."""
SLACK = 0.02
"""By how much bytes or errors may run against the quality parameter, as a share: rounding of tables does that."""
OVERHEAD_SIDES = (32, 64, 224)
"""Sides in pixels of the flat images that show a format's overhead."""


@dataclass(frozen=True)
class Promise:
    """What a codec must hold to, and what to do where it does not."""

    name: str
    remedy: str
    test: Callable[[Trial], str]
    """Gives what was seen; raises Broken, or whatever the codec raises."""


def _version(trial: Trial) -> str:
    try:
        version = trial.codec.version()
    except Unavailable:
        raise
    except Exception as error:
        raise Broken(f"version() raises {type(error).__name__}: {error}") from None
    if not isinstance(version, str) or not version:
        raise Broken(f"version() gives {version!r}")
    return version


def _photograph(trial: Trial) -> str:
    image = photographs(1)[0]
    file = encode(trial.codec, "32x32", image)
    decode(trial.codec, "32x32", file, image)
    return f"32x32 in {len(file):,} bytes"


def _value(trial: Trial) -> str:
    codec = trial.codec
    if hash(codec) != hash(replace(codec)) or codec != replace(codec):
        raise Broken("an equal codec is another value")
    pickled = bytes(ForkingPickler.dumps(codec))  # as it travels to workers
    if ForkingPickler.loads(pickled) != codec:  # pyright: ignore[reportAttributeAccessIssue] - a plain function
        raise Broken("it comes back changed from pickle")
    return codec.spec


def _sees_the_image(trial: Trial) -> str:
    files = {trial.codec.encode(image) for image in photographs(6)}
    if len(files) < 6:
        raise Broken(f"6 different images give {len(files)} different files")
    return "6 images, 6 files"


def _sizes(trial: Trial) -> str:
    return _round_trips(trial, list(trial.rgb_images))


def _few_colors(trial: Trial) -> str:
    return _round_trips(trial, list(trial.indexed_images))


def _round_trips(trial: Trial, names: list[str]) -> str:
    for name in names:
        image = trial.images[name]
        check_lossless(trial.codec, name, decode(trial.codec, name, trial.file(name), image), image)
    return ", ".join(names)


def _lossless(trial: Trial) -> str:
    codec, images = trial.codec, photographs(6)
    exact = sum(bool((codec.decode(codec.encode(image)) == image).all()) for image in images)
    if codec.lossless and exact < len(images):
        raise Broken(f"{len(images) - exact} of {len(images)} photographs change")
    return "exact, as it says" if codec.lossless else f"lossy; {exact} of {len(images)} photographs exact"


def _deterministic(trial: Trial) -> str:
    for name, image in trial.rgb_images.items():
        if trial.codec.encode(image) != trial.file(name):
            raise Broken(f"{name}: encoding twice gives two files")
    return "twice the same bytes"


def _batches(trial: Trial) -> str:
    codec, images = trial.codec, list(trial.images.values())
    alone = [trial.file(name) for name in trial.images]
    if (together := codec.encode_batch(images)) != alone:
        different = (i for i, (a, b) in enumerate(zip(together, alone, strict=False)) if a != b)
        raise Broken(
            f"encode_batch gives {len(together)} files for {len(alone)} images, "
            f"the first other one at {next(different, len(together))}"
        )
    for place, (file, pixels) in enumerate(zip(alone, codec.decode_batch(alone), strict=True)):
        if not np.array_equal(codec.decode(file), pixels):
            raise Broken(f"decode_batch gives other pixels for file {place}")
    return f"{len(images)} images of many sizes"


def _byte_breakdown(trial: Trial) -> str:
    for name in trial.images:
        file = trial.file(name)
        parts = trial.codec.byte_breakdown(file)
        if sum(parts) != len(file) or min(parts) < 0:
            raise Broken(f"{name}: {parts} of {len(file)} bytes")
    return "sum to the file"


def _quality_parameter(trial: Trial) -> str:
    codec, image = trial.codec, mosaic()
    parameter = codec.quality_parameter()
    if parameter is None:
        return "no quality parameter"
    values = _spread_values(codec, parameter)
    sizes, errors = [], []
    for value in values:
        variant = replace(codec, **{parameter: value})
        file = variant.encode(image)
        sizes.append(len(file))
        errors.append(float(np.square(variant.decode(file).astype(float) - image).mean()))
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    curve = ", ".join(f"{text}: {size}" for text, size in zip(texts, sizes, strict=True))
    direction = 1 if sizes[-1] >= sizes[0] else -1
    if len(sizes) > 1 and len(set(sizes)) == 1:
        raise Broken(f"{parameter} changes no file: {curve} bytes")
    for a, b in pairwise(sizes):
        if direction * (b - a) < -SLACK * max(a, b):
            raise Broken(f"bytes rise and fall over {parameter}: {curve}")
    if direction * (errors[-1] - errors[0]) > SLACK * max(errors) and not codec.lossless:
        raise Broken(f"more bytes, more error over {parameter}: {curve} bytes")
    return f"{parameter} {curve} bytes"


def _spread_values(codec: Codec, setting: str) -> list[Any]:
    """Values of a setting from one end of what it allows to the other."""
    allowed = codec.__dataclass_fields__[setting].metadata["among"]
    if isinstance(allowed, Span):
        return np.linspace(allowed.low, allowed.high, QUALITY_VALUES).tolist()
    return spread(list(allowed), QUALITY_VALUES)


def _corrupt_files(trial: Trial) -> str:
    file = trial.codec.encode(photographs(1)[0])
    flipped = bytearray(file)
    for place in range(len(file) // 3, len(file), max(1, len(file) // 7)):
        flipped[place] ^= 0x55
    cases = {
        "nothing": b"",
        "garbage": bytes(range(256)) * 4,
        "half a file": file[: len(file) // 2],
        "flipped bytes": bytes(flipped),
    }
    outcomes = trial.in_fresh_process(fresh_process.outcome_of_each, list(cases.values()))
    for name, outcome in zip(cases, outcomes, strict=True):
        if outcome != fresh_process.RAISED and name in ("nothing", "garbage"):
            raise Broken(f"{name}: decode gives {outcome} instead of raising")
        if outcome not in (fresh_process.RAISED, fresh_process.IMAGE):
            raise Broken(f"{name}: decode gives {outcome}")
    return ", ".join(f"{name}: {outcome}" for name, outcome in zip(cases, outcomes, strict=True))


def _spawned_workers(trial: Trial) -> str:
    if any(file != trial.file(name) for name, file in trial.foreign_files.items()):
        raise Broken("a spawned process writes other bytes")
    return "a spawned process writes the same bytes"


def _foreign_files(trial: Trial) -> str:
    """Encodes in one process and decodes in another, which share nothing but the files."""
    names, files = list(trial.foreign_files), list(trial.foreign_files.values())
    decoded = trial.in_fresh_process(fresh_process.decode_each, files)
    for name, pixels in zip(names, decoded, strict=True):
        if isinstance(pixels, str):
            raise Broken(f"{name}: {pixels}, in a process that did not encode the image")
        if not np.array_equal(pixels, decode(trial.codec, name, trial.file(name), trial.images[name])):
            raise Broken(f"{name}: other pixels than in the process that encoded the image")
    return "another process decodes the same pixels"


def _format_overhead(trial: Trial) -> str:
    rates = []
    for side in OVERHEAD_SIDES:
        flat = np.full((side, side, 3), 128, np.uint8)
        rates.append(f"{side}x{side}: {8 * len(trial.codec.encode(flat)) / side**2:.3f} bpp")
    return ", ".join(rates)


def _speed(trial: Trial) -> str:
    patches = photographs(4)
    image = np.vstack([np.hstack(patches[:2]), np.hstack(patches[2:])])
    file = trial.codec.encode(image)
    paces = []
    for function, argument in ((trial.codec.encode, image), (trial.codec.decode, file)):
        begin, count = perf_counter(), 0
        while perf_counter() - begin < 0.5:
            function(argument)  # type: ignore[operator]
            count += 1
        paces.append(count / (perf_counter() - begin))
    return f"64x64, one by one: {paces[0]:,.0f} encodes/s, {paces[1]:,.0f} decodes/s"


FIRST = (
    Promise(
        "tells its version",
        "return a text; raise rabench.Unavailable with the remedy where something is missing",
        _version,
    ),
    Promise("codes a photograph", "the other promises are tried once it does", _photograph),
)
"""Where one of these is broken, each of the others would be broken for the same reason."""

PROMISES = (
    Promise("is a value", "hold settings alone, in a frozen dataclass of setting(...)s", _value),
    Promise("sees the image", "check that the encoder reads what it is given", _sees_the_image),
    Promise("keeps every size", "pad inside, crop on decoding", _sizes),
    Promise("takes images of few colors", "", _few_colors),
    Promise("loses nothing where it says so", "set lossless = False, or mend the loss", _lossless),
    Promise("is deterministic", "pin seeds, threads and time stamps", _deterministic),
    Promise("codes a batch as each alone", "an image's file may not depend on its neighbours", _batches),
    Promise(
        "says what its bytes are for",
        "the parts that byte_breakdown gives sum to len(file); all payload is fine",
        _byte_breakdown,
    ),
    Promise(
        "has a quality parameter that trades bytes for error",
        "mark the setting with quality_parameter=True that does; more bytes, less error",
        _quality_parameter,
    ),
    Promise(
        "answers corrupt files",
        "raise an exception for bytes that are no file of yours; never hang or crash",
        _corrupt_files,
    ),
    Promise("works in spawned workers", "keep no state that a new process lacks", _spawned_workers),
    Promise(
        "decodes what another process wrote",
        "write into the file all that decode needs; keep nothing of the image in memory",
        _foreign_files,
    ),
    Promise("format overhead", "", _format_overhead),
    Promise("speed", "", _speed),
)
