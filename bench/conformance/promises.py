"""What the bench relies on in a codec, each as a promise that can be tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from time import perf_counter

import numpy as np

from ...core.errors import Unavailable
from ...core.files import sha256_of
from ...core.origins import PythonFile, data_files
from . import fresh_process, settings
from .images import photographs
from .trial import Broken, Trial, check_batch, check_breakdown, check_lossless, decode, encode

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


def _data_files(trial: Trial) -> str:
    codec, origin = trial.codec, trial.codec.origin
    if not isinstance(origin, PythonFile):
        return "asked of Python files alone"
    version = codec.version()
    images = [trial.images[name] for name in ("32x32 photograph", "3 colors")]
    read = trial.in_fresh_process(fresh_process.files_read, images)
    now = PythonFile.of(Path(origin.folder, origin.name), origin.content)
    if changed := {Path(path).name for path, _ in set(now.files) ^ set(origin.files)}:
        raise Broken(
            f"its code names {', '.join(sorted(changed))}, changed as it codes, so that its next version is another",
            "write temporary files with the module tempfile, and name no other file in the code that the codec writes",
        )
    digests = data_files(codec)
    for path in read:
        if path not in digests and sha256_of(Path(path))[:8] not in version:
            raise Broken(f"it reads {path}, whose content its version does not tell")
    return f"tells {', '.join(Path(path).name for path in digests)}" if digests else "names and reads none"


def _photograph(trial: Trial) -> str:
    image = photographs(1)[0]
    file = encode(trial.codec, "32x32", image)
    decode(trial.codec, "32x32", file, image)
    return f"32x32 in {len(file):,} bytes"


def _value(trial: Trial) -> str:
    codec = trial.codec
    if hash(codec) != hash(replace(codec)) or codec != replace(codec):
        raise Broken("an equal codec is another value")
    if lost := [name for name, value in vars(type(codec)).items() if isinstance(value, Field)]:
        raise Broken(
            f"{', '.join(lost)} is no setting: its class is no dataclass", "write @dataclass(frozen=True) above it"
        )
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
    """Batches of many sizes, and of one size with an image that comes twice."""
    one_size = ["32x32 photograph", "3 colors", "32x32 photograph"]
    for names in (list(trial.images), one_size):
        check_batch(trial.codec, [trial.images[name] for name in names], [trial.file(name) for name in names])
    return f"{len(trial.images)} images of many sizes, {len(one_size)} of one"


def _byte_breakdown(trial: Trial) -> str:
    for name in trial.images:
        check_breakdown(trial.codec, name, trial.file(name))
    for name in ("32x32 photograph", "64x64 noise"):  # a flat image may be all header
        if not (parts := trial.codec.byte_breakdown(trial.file(name))).payload:
            raise Broken(f"{name}: {parts}, so that no byte is for the pixels")
    return "sum to the file"


def _corrupt_files(trial: Trial) -> str:
    """Half a file may give an image: a format need not spend bytes on telling where its files end."""
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
    Promise(
        "has a version that tells its data files",
        "name the file in the code, or take its path as a rabench.Location, or tell its sha256 in version()",
        _data_files,
    ),
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
        settings.quality_parameter,
    ),
    Promise("works at both ends of every setting", "narrow what the setting allows", settings.ends),
    Promise(
        "writes equal files where it says so",
        "canonical() gives settings whose files are the same to the byte",
        settings.canonical,
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
