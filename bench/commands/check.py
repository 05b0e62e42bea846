"""`rabench check`: whether a codec holds to what the bench relies on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from ...codecs.base import Codec
from ...core.errors import Unavailable
from ...core.images import RGB, AnyImage, IndexedImage, as_rgb
from ...core.origins import describe_error
from ...core.plugins import Span, spread
from ...core.tables import Kind, Table
from ...datasets import DATASETS

PATIENCE = 60.0
"""Seconds that a codec may take for a handful of images in a worker, its start included."""
DIAL_VALUES = 7
TOLD = 400
"""Characters of an error that are shown."""
SLACK = 0.02
"""By how much bytes or errors may run against the dial, as a share: rounding of tables does that."""
RNG_SEED = 0


class Broken(Exception):
    """A promise that is not kept: what was seen, and how to mend it where the promise's own word does not fit."""

    def __init__(self, seen: str, remedy: str | None = None) -> None:
        super().__init__(seen)
        self.remedy = remedy


@dataclass(frozen=True)
class Check:
    """One promise and what became of it."""

    promise: str
    passed: bool
    seen: str
    remedy: str = ""


def check_codec(codec: Codec) -> list[Check]:
    """Every promise, in order. Raises Unavailable where the codec cannot run here."""
    found: list[Check] = []
    for promise in _FIRST:
        found.append(_one(promise, codec))
        if not found[-1].passed:  # each of the others would say the same
            return found
    return found + [_one(promise, codec) for promise in _PROMISES]


def assert_conforms(codec: Codec) -> None:
    """For tests of one's own codecs: AssertionError that lists every promise not kept."""
    broken = [f"{c.promise}: {c.seen}{c.remedy and '; ' + c.remedy}" for c in check_codec(codec) if not c.passed]
    assert not broken, f"{codec.spec} breaks {len(broken)} promises:\n" + "\n".join(broken)


@dataclass(frozen=True)
class _Promise:
    name: str
    remedy: str
    test: Callable[[Codec], str]
    """Gives what was seen; raises Broken, or whatever the codec raises."""


def _one(promise: _Promise, codec: Codec) -> Check:
    try:
        return Check(promise.name, True, promise.test(codec))
    except Unavailable:
        raise
    except Broken as broken:
        return Check(promise.name, False, str(broken), promise.remedy if broken.remedy is None else broken.remedy)
    except Exception as error:  # a codec under test may raise anything
        return Check(promise.name, False, describe_error(error, TOLD), promise.remedy)


def _patches(count: int = 12) -> list[RGB]:
    return [i for i in DATASETS.make("photos").load(0, count).images if isinstance(i, np.ndarray)]


def _wall() -> RGB:
    """Photographs side by side, 128x96."""
    patches = _patches(12)
    return np.vstack([np.hstack(patches[i : i + 4]) for i in (0, 4, 8)])


def _images() -> dict[str, RGB]:
    """Of every kind that a data set may hold."""
    rng = np.random.default_rng(RNG_SEED)
    wall = _wall()
    return {
        "1x1": rng.integers(0, 256, (1, 1, 3), np.uint8),
        "7x5, odd": wall[:5, :7].copy(),
        "300x3, flat strip": wall[:3].repeat(3, axis=1)[:, :300].copy(),
        "3x300": wall.repeat(4, axis=0)[:300, :3].copy(),
        "32x32 photograph": wall[:32, :32].copy(),
        "33x31, odd": wall[:31, :33].copy(),
        "64x64 of one color": np.full((64, 64, 3), (200, 30, 90), np.uint8),
        "64x64 noise": rng.integers(0, 256, (64, 64, 3), np.uint8),
        "512x384 photographs": np.tile(wall, (4, 4, 1)),
    }


def _indexed() -> dict[str, IndexedImage]:
    rng = np.random.default_rng(RNG_SEED)
    palette = rng.integers(0, 256, (256, 3), np.uint8)

    def drawn(colors: int, side: int) -> IndexedImage:
        steps = np.add.outer(np.arange(side), np.arange(side)) // 3 % colors
        return IndexedImage(steps.astype(np.uint8), palette[:colors])

    return {f"{c} colors": drawn(c, 32) for c in (1, 2, 3, 16, 200)} | {"2 colors, 1x1": drawn(1, 1)}


def _available(codec: Codec) -> str:
    try:
        version = codec.version()
    except Unavailable:
        raise
    except Exception as error:
        raise Broken(f"version() raises {type(error).__name__}: {error}") from None
    if not isinstance(version, str) or not version:
        raise Broken(f"version() gives {version!r}")
    return version


def _value(codec: Codec) -> str:
    if hash(codec) != hash(replace(codec)) or codec != replace(codec):
        raise Broken("an equal codec is another value")
    sent = bytes(ForkingPickler.dumps(codec))  # as to workers
    if ForkingPickler.loads(sent) != codec:  # pyright: ignore[reportAttributeAccessIssue] - a plain function
        raise Broken("it comes back changed from pickle")
    return codec.spec


def _photograph(codec: Codec) -> str:
    image = _wall()[:32, :32].copy()
    file = _round_trip(codec, "32x32", image, exact=False)
    return f"32x32 in {len(file):,} bytes"


def _round_trip(codec: Codec, name: str, image: AnyImage, exact: bool = True) -> bytes:
    before = as_rgb(image).copy()
    file = _called("encode", codec.encode, name, image)
    if not isinstance(file, bytes):
        raise Broken(f"{name}: encode gives {type(file).__name__}", "give the whole file, as bytes")
    if not (as_rgb(image) == before).all():
        raise Broken(f"{name}: encode changes the image that it is given", "work on a copy of it")
    found = _called("decode", codec.decode, name, file)
    if not isinstance(found, np.ndarray) or found.dtype != np.uint8 or found.shape != before.shape:
        shape = "x".join(map(str, getattr(found, "shape", ())))
        wanted = "x".join(map(str, before.shape))
        raise Broken(
            f"{name}: decoded to {getattr(found, 'dtype', type(found).__name__)} {shape} instead of uint8 {wanted}",
            "give uint8 pixels, (H, W, 3), as many as were encoded",
        )
    if not found.flags.writeable:
        raise Broken(f"{name}: the decoded pixels cannot be written", "give a copy: np.array(pixels)")
    if exact and codec.lossless and not (found == before).all():
        raise Broken(f"{name}: lossless, but {int((found != before).any(axis=2).sum())} pixels differ")
    return file


def _called(what: str, function: Callable[[Any], Any], name: str, given: Any) -> Any:
    try:
        return function(given)
    except Exception as error:
        remedy = "call as_rgb(image) where indices mean nothing to you" if isinstance(given, IndexedImage) else ""
        raise Broken(f"{name}: {what} raises {describe_error(error, TOLD)}", remedy) from None


def _sizes(codec: Codec) -> str:
    for name, image in _images().items():
        _round_trip(codec, name, image)
    return ", ".join(_images())


def _few_colors(codec: Codec) -> str:
    for name, image in _indexed().items():
        _round_trip(codec, name, image)
    return ", ".join(_indexed())


def _sees(codec: Codec) -> str:
    files = {codec.encode(image) for image in _patches(6)}
    if len(files) < 6:
        raise Broken(f"6 different images give {len(files)} different files")
    return "6 images, 6 files"


def _lossless(codec: Codec) -> str:
    exact = [(codec.decode(codec.encode(image)) == image).all() for image in _patches(6)]
    if codec.lossless and not all(exact):
        raise Broken(f"{6 - sum(exact)} of 6 photographs change")
    return "exact, as it says" if codec.lossless else f"lossy; {sum(exact)} of 6 photographs exact"


def _deterministic(codec: Codec) -> str:
    for name, image in _images().items():
        if codec.encode(image) != codec.encode(image):
            raise Broken(f"{name}: encoding twice gives two files")
    return "twice the same bytes"


def _batches(codec: Codec) -> str:
    images: list[AnyImage] = [*_images().values(), *_indexed().values()]
    alone = [codec.encode(image) for image in images]
    if (together := codec.encode_batch(images)) != alone:
        wrong = next((i for i, (a, b) in enumerate(zip(together, alone, strict=False)) if a != b), len(together))
        raise Broken(
            f"encode_batch gives {len(together)} files for {len(alone)} images, the first other one at {wrong}"
        )
    decoded = codec.decode_batch(alone)
    for place, (file, pixels) in enumerate(zip(alone, decoded, strict=True)):
        if not np.array_equal(codec.decode(file), pixels):
            raise Broken(f"decode_batch gives other pixels for file {place}")
    return f"{len(images)} images of many sizes"


def _parts(codec: Codec) -> str:
    for name, image in [*_images().items(), *_indexed().items()]:
        file = codec.encode(image)
        parts = codec.byte_breakdown(file)
        if sum(parts) != len(file) or min(parts) < 0:
            raise Broken(f"{name}: {parts} of {len(file)} bytes")
    return "sum to the file"


def _dial(codec: Codec) -> str:
    dial = codec.quality_parameter()
    if dial is None:
        return "no dial"
    field = next(f for f in codec.__dataclass_fields__.values() if f.name == dial)
    among = field.metadata["among"]
    if isinstance(among, Span):
        values: list[Any] = np.linspace(among.low, among.high, DIAL_VALUES).tolist()
    else:
        values = spread(list(among), DIAL_VALUES)
    wall = _wall()
    sizes, errors = [], []
    for value in values:
        one = replace(codec, **{dial: value})
        file = one.encode(wall)
        sizes.append(len(file))
        errors.append(float(np.square(one.decode(file).astype(float) - wall).mean()))
    told = ", ".join(f"{v:g}: {s}" if isinstance(v, float) else f"{v}: {s}" for v, s in zip(values, sizes, strict=True))
    way = 1 if sizes[-1] >= sizes[0] else -1
    if len(sizes) > 1 and len(set(sizes)) == 1:
        raise Broken(f"{dial} changes no file: {told} bytes")
    for a, b in pairwise(sizes):
        if way * (b - a) < -SLACK * max(a, b):
            raise Broken(f"bytes rise and fall over {dial}: {told}")
    if way * (errors[-1] - errors[0]) > SLACK * max(errors) and not codec.lossless:
        raise Broken(f"more bytes, more error over {dial}: {told} bytes")
    return f"{dial} {told} bytes"


def _corrupt(codec: Codec) -> str:
    file = codec.encode(_patches(1)[0])
    flipped = bytearray(file)
    for place in range(len(file) // 3, len(file), max(1, len(file) // 7)):
        flipped[place] ^= 0x55
    cases = {
        "nothing": b"",
        "garbage": bytes(range(256)) * 4,
        "half a file": file[: len(file) // 2],
        "flipped bytes": bytes(flipped),
    }
    said = _in_a_worker(partial(_decoded, codec), list(cases.values()))
    for (name, _), answer in zip(cases.items(), said, strict=True):
        if answer != "raised" and name in ("nothing", "garbage"):
            raise Broken(f"{name}: decode gives {answer} instead of raising")
        if answer not in ("raised", "an image"):
            raise Broken(f"{name}: decode gives {answer}")
    return ", ".join(f"{name}: {answer}" for name, answer in zip(cases, said, strict=True))


def _decoded(codec: Codec, files: list[bytes]) -> list[str]:
    found = []
    for file in files:
        try:
            pixels = codec.decode(file)
            is_image = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 3
            found.append("an image" if is_image else f"no image but {type(pixels).__name__}")
        except Exception:
            found.append("raised")
    return found


def _workers(codec: Codec) -> str:
    images = list(_images().values())[:6]
    here = [codec.encode(image) for image in images]
    if _in_a_worker(partial(_encoded, codec), images) != here:
        raise Broken("a spawned process writes other bytes")
    return "a spawned process writes the same bytes"


def _encoded(codec: Codec, images: list[RGB]) -> list[bytes]:
    return [codec.encode(image) for image in images]


def _in_a_worker(function: Callable[[Any], Any], given: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(function, given).result(PATIENCE)
        except BrokenProcessPool:
            raise Broken("the process dies") from None
        except TimeoutError:
            for process in list(pool._processes.values()):
                process.kill()
            raise Broken(f"no answer in {PATIENCE:g} s") from None


def _floor(codec: Codec) -> str:
    return ", ".join(
        f"{side}x{side}: {8 * len(codec.encode(np.full((side, side, 3), 128, np.uint8))) / side**2:.3f} bpp"
        for side in (32, 64, 224)
    )


def _speed(codec: Codec) -> str:
    wall = np.vstack([np.hstack(_patches(4)[:2]), np.hstack(_patches(4)[2:])])
    file = codec.encode(wall)
    paces = []
    for function, given in ((codec.encode, wall), (codec.decode, file)):
        begin, count = perf_counter(), 0
        while perf_counter() - begin < 0.5:
            function(given)  # type: ignore[operator]
            count += 1
        paces.append(count / (perf_counter() - begin))
    return f"64x64, one by one: {paces[0]:,.0f} encodes/s, {paces[1]:,.0f} decodes/s"


_FIRST = (
    _Promise(
        "tells its version",
        "return a text; raise rabench.Unavailable with the remedy where something is missing",
        _available,
    ),
    _Promise("codes a photograph", "the other promises are tried once it does", _photograph),
)
_PROMISES = (
    _Promise("is a value", "hold settings alone, in a frozen dataclass of setting(...)s", _value),
    _Promise("sees the image", "check that the encoder reads what it is given", _sees),
    _Promise("keeps every size", "pad inside, crop on decoding", _sizes),
    _Promise("takes images of few colors", "", _few_colors),
    _Promise("loses nothing where it says so", "set lossless = False, or mend the loss", _lossless),
    _Promise("is deterministic", "pin seeds, threads and time stamps", _deterministic),
    _Promise("codes a batch as each alone", "an image's file may not depend on its neighbours", _batches),
    _Promise("takes its files apart", "anatomy's parts sum to len(file); all payload is fine", _parts),
    _Promise(
        "has a dial that trades bytes for error",
        "mark the setting with quality_parameter=True that does; more bytes, less error",
        _dial,
    ),
    _Promise(
        "answers corrupt files", "raise an exception for bytes that are no file of yours; never hang or crash", _corrupt
    ),
    _Promise("works in spawned workers", "keep no state that a new process lacks", _workers),
    _Promise("floor", "", _floor),
    _Promise("speed", "", _speed),
)


def rows(found: list[Check]) -> Iterator[dict[str, str]]:
    """As a table shows them."""
    for c in found:
        seen = c.seen if c.passed or not c.remedy else f"{c.seen}; {c.remedy}"
        yield {"promise": c.promise, "": "pass" if c.passed else "FAIL", "what": seen}


@dataclass(frozen=True)
class Checks:
    """What the conformance kit found of a codec."""

    codec: str
    checks: list[Check]

    @property
    def broken(self) -> list[Check]:
        """The promises that are not kept."""
        return [c for c in self.checks if not c.passed]

    @property
    def table(self) -> Table:
        """A row a promise."""
        title = f"{self.codec}: "
        title += f"{len(self.broken)} of {len(self.checks)} promises broken" if self.broken else "every promise kept"
        kinds = {"promise": Kind.NAME, "": Kind.TEXT, "what": Kind.TEXT}
        return Table(title, pd.DataFrame(rows(self.checks), columns=list(kinds)), kinds)

    def _repr_html_(self) -> str:
        return self.table.html()
