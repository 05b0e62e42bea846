"""One task: some images through one quantizer, some codecs and some classifiers.

The whole chain runs here, where the task runs, and only the small table of rows goes back:
source pixels -> quantizer -> file bytes -> those bytes decoded -> those pixels classified.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..classifiers.base import Classifier
from ..codecs.base import Anatomy, Codec
from ..core.errors import Refused
from ..core.images import RGB, AnyImage
from ..core.origins import told
from ..datasets.base import BadImage, Block, Dataset
from ..quantizers.base import Quantizer
from .executors import one_thread
from .predictions import Predictions
from .records import UNREADABLE, Rows

CHUNK_IMAGES = 100
CHUNK_BYTES = 32 << 20
"""Source pixels held at a time, so that memory does not grow with the size or number of images."""


class Changed(Refused):
    """A data set's images are not those that the index knows."""


@dataclass(frozen=True)
class Task:
    """Images start..stop-1 of a data set; ``pairs`` are the codecs and classifiers still missing."""

    dataset: Dataset
    start: int
    stop: int
    block: str
    """The sha256 that these images must have."""
    quantizer: Quantizer
    pairs: tuple[tuple[Codec, Classifier], ...]
    versions: tuple[tuple[str, str], ...]
    """(spec, version) of each plug-in as the study's own machine has it."""

    @property
    def images(self) -> int:
        return self.stop - self.start

    @property
    def work(self) -> int:
        """Rows to come."""
        return self.images * len(self.pairs)


def run(task: Task) -> list[Rows]:
    """The rows of each pair of ``task.pairs``, in that order."""
    one_thread()
    _check_versions(task)
    codecs = tuple(dict.fromkeys(codec for codec, _ in task.pairs))
    chain = _Chain(task, codecs)
    for block in chunks(task.dataset, task.start, task.stop, chain.clock):
        chain.add(block)
    found = chain.content.hexdigest()
    if found != task.block:
        raise Changed(
            f"images {task.start}..{task.stop - 1} of {task.dataset.label} are not those this run began with; "
            "let nothing change the data set, and run again"
        )
    return chain.rows()


def chunks(dataset: Dataset, start: int, stop: int, clock: _Clock | None = None) -> Iterator[Block]:
    """The images in pieces of at most some 32 MB of pixels, as far as their sizes are alike."""
    clock = clock or _Clock()
    step = 8
    while start < stop:
        with clock("load"):
            block = dataset.load(start, min(start + step, stop))
        if len(block.images) < min(step, stop - start):
            raise Refused(f"{dataset.label} ends before image {stop - 1} here; give every worker the same images")
        yield block
        start += len(block.images)
        largest = max((i.nbytes for i in block.images if not isinstance(i, BadImage)), default=1)
        step = max(1, min(2 * step, CHUNK_IMAGES, CHUNK_BYTES // largest))


def describe_block(dataset: Dataset, start: int, stop: int) -> dict[str, Any]:
    """A block's content hash, its images' sizes, and what they were stored as."""
    content, sizes, formats = Content(), Counter[str](), Counter[str]()
    stored: Counter[str] = Counter()
    for block in chunks(dataset, start, stop):
        content.add(block, [digest(image) for image in block.images])
        sizes.update(_size(image) for image in block.images)
        for image, source in zip(block.images, block.sources, strict=True):
            if isinstance(image, BadImage):
                continue
            formats[source.format] += 1
            stored[source.format] += source.bytes
    sources = {kind: {"images": formats[kind], "bytes": stored[kind]} for kind in sorted(formats)}
    return {"sha256": content.hexdigest(), "sizes": dict(sorted(sizes.items())), "sources": sources}


def _size(image: RGB | BadImage) -> str:
    return "unreadable" if isinstance(image, BadImage) else f"{image.shape[1]}x{image.shape[0]}"


def digest(image: RGB | BadImage) -> bytes:
    """sha256 over shape and pixels; of what cannot be read, over nothing that a library's wording could change."""
    if isinstance(image, BadImage):
        return hashlib.sha256(b"unreadable").digest()
    content = hashlib.sha256(b"%d %d " % image.shape[:2])
    content.update(image.data)
    return content.digest()


class Content:
    """sha256 over images' digests and labels, in order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, block: Block, digests: list[bytes]) -> None:
        for one, label in zip(digests, block.labels.tolist(), strict=True):
            self._hash.update(one + label.to_bytes(8, "little", signed=True))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class _Clock:
    """Seconds by stage: ``with clock("encode"): ...``"""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def __call__(self, stage: str) -> _Clock:
        self._stage = stage
        return self

    def __enter__(self) -> None:
        self._begin = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self._stage] += perf_counter() - self._begin


@dataclass
class _Sheet:
    """What is known of one codec's files, a row per image."""

    codec: Codec
    parts: NDArray[np.int32]
    """(N, 4): the anatomy."""
    squared_error: NDArray[np.int64]
    errors: dict[int, str] = field(default_factory=dict)
    clock: _Clock = field(default_factory=_Clock)


class _Chain:
    def __init__(self, task: Task, codecs: tuple[Codec, ...]) -> None:
        self.task, self.clock, self.content = task, _Clock(), Content()
        n = task.images
        self.labels, self.pixels = np.full(n, -1, np.int64), np.zeros(n, np.int32)
        self.sheets = {c: _Sheet(c, np.zeros((n, 4), np.int32), np.zeros(n, np.int64)) for c in codecs}
        self.predictions = {k: Predictions(k) for k in dict.fromkeys(k for _, k in task.pairs)}
        self.leaders: dict[Codec, Codec] = {}
        """The codec that encodes for each: itself, or the first of those alike. Known once there is an image."""
        self.done = 0

    def add(self, block: Block) -> None:
        """Runs the next images through quantizer, codecs and classifiers."""
        first, self.done = self.done, self.done + len(block.images)
        digests = [digest(image) for image in block.images]
        self.content.add(block, digests)
        self.labels[first : self.done] = block.labels
        sources: dict[int, RGB] = {}
        for row, image in enumerate(block.images, first):
            if isinstance(image, BadImage):
                for sheet in self.sheets.values():
                    sheet.errors[row] = f"{UNREADABLE}{image.reason}"
            else:
                sources[row] = image
                self.pixels[row] = image.shape[0] * image.shape[1]
        known = {row: digests[row - first] for row in sources}
        with self.clock("quantize"):
            quantized, failed = one_by_one_on_failure(self.task.quantizer.drawn, sources)
        if quantized and not self.leaders:
            self.leaders = leaders(tuple(self.sheets), next(iter(quantized.values())))
        for codec, sheet in self.sheets.items():
            sheet.errors.update({row: f"quantizer: {reason}" for row, reason in failed.items()})
            if self.leaders.get(codec) == codec:
                self._through_codec(sheet, sources, quantized, known)

    def _through_codec(
        self, sheet: _Sheet, sources: dict[int, RGB], images: dict[int, AnyImage], known: dict[int, bytes]
    ) -> None:
        with sheet.clock("encode"):
            files, not_encoded = one_by_one_on_failure(sheet.codec.encode_batch, images)
        with sheet.clock("decode"):
            decoded, not_decoded = one_by_one_on_failure(sheet.codec.decode_batch, files)
        sheet.errors.update({row: f"encoder: {reason}" for row, reason in not_encoded.items()})
        sheet.errors.update({row: f"decoder: {reason}" for row, reason in not_decoded.items()})
        wanted = {k for codec, k in self.task.pairs if self.leaders[codec] == sheet.codec}
        waiting = [p for k, p in self.predictions.items() if k in wanted]
        for row, pixels in decoded.items():
            source = sources[row]
            if problem := _unlike(pixels, source):
                sheet.errors[row] = f"decoder: {problem}"
                continue
            try:
                sheet.parts[row] = _anatomy(sheet.codec, files[row])
            except Exception as error:  # a plug-in's own code: one row's failure
                sheet.errors[row] = f"anatomy: {told(error)}"
                continue
            pixels = np.ascontiguousarray(pixels)  # a plug-in may hand on a view
            one = digest(pixels)
            if one != known[row]:
                sheet.squared_error[row] = squared_error(pixels, source)
            for predictions in waiting:
                predictions.add((sheet.codec, row), one, pixels)

    def rows(self) -> list[Rows]:
        for predictions in self.predictions.values():
            predictions.flush()
        return [self._rows(self.sheets[self.leaders.get(c, c)], k) for c, k in self.task.pairs]

    def _rows(self, sheet: _Sheet, classifier: Classifier) -> Rows:
        n, predictions = self.task.images, self.predictions[classifier]
        errors = dict(sheet.errors)
        predicted, likely = predictions.of(sheet.codec, self.labels, errors)
        parts = sheet.parts
        columns = {
            "image": np.arange(self.task.start, self.task.stop, dtype=np.int32),
            "label": self.labels.astype(np.int32),
            "prediction": predicted,
            "log_probability": likely,
            "pixels": self.pixels,
            "bytes": parts.sum(axis=1, dtype=np.int32),
            **{name: parts[:, i] for i, name in enumerate(Anatomy._fields)},
            "squared_error": sheet.squared_error,
        }
        seconds = {
            "load": self.clock.seconds["load"],
            "quantize": self.clock.seconds["quantize"],
            "encode": sheet.clock.seconds["encode"],
            "decode": sheet.clock.seconds["decode"],
            # What n images take; images alike were classified once.
            "classify": predictions.seconds / max(1, predictions.classified) * n,
        }
        failed = np.fromiter(errors, int, len(errors))
        for name in ("bytes", *Anatomy._fields, "squared_error"):
            columns[name] = columns[name].copy()
            columns[name][failed] = 0
        return Rows(columns, errors, {stage: float(s) for stage, s in seconds.items()})


def leaders(codecs: Sequence[Codec], image: AnyImage) -> dict[Codec, Codec]:
    """For each codec the first of those that say to be alike, if an image's files bear it out."""
    first: dict[Codec, Codec] = {}
    found = {codec: first.setdefault(codec.alike(), codec) for codec in codecs}
    for codec, leader in found.items():
        if leader is not codec:
            try:
                alike = codec.encode(image) == leader.encode(image)
            except Exception:  # whatever it is will be told for each
                alike = False
            found[codec] = leader if alike else codec
    return found


A = TypeVar("A")
B = TypeVar("B")


def one_by_one_on_failure(
    function: Callable[[Sequence[A]], Sequence[B]], given: dict[int, A]
) -> tuple[dict[int, B], dict[int, str]]:
    """``function`` on all at once; where that raises, on each alone, so that one failure is one row."""
    if not given:
        return {}, {}
    try:
        found = function(list(given.values()))
        if len(found) != len(given):
            raise ValueError(f"gave {len(found)} for {len(given)} images")
        return dict(zip(given, found, strict=True)), {}
    except Exception as error:  # whatever a plug-in raises belongs to its rows, not to the run
        if len(given) == 1:
            return {}, {next(iter(given)): told(error)}
    results: dict[int, B] = {}
    failed: dict[int, str] = {}
    for row, one in given.items():
        done, reason = one_by_one_on_failure(function, {row: one})
        results |= done
        failed |= reason
    return results, failed


def squared_error(decoded: RGB, source: RGB) -> int:
    """The sum over pixels and channels; exact (float64 holds integers up to 2^53)."""
    difference = np.subtract(decoded, source, dtype=np.int16).ravel().astype(np.float64)
    return int(difference @ difference)


def _unlike(decoded: Any, source: RGB) -> str | None:
    if not isinstance(decoded, np.ndarray) or decoded.dtype != np.uint8:
        return f"gave {getattr(decoded, 'dtype', type(decoded).__name__)} instead of uint8 pixels"
    if decoded.shape != source.shape:
        return f"gave {'x'.join(map(str, decoded.shape))} for an image of {'x'.join(map(str, source.shape))}"
    return None


def _anatomy(codec: Codec, file: bytes) -> Anatomy:
    parts = codec.anatomy(file)
    if sum(parts) != len(file):
        raise ValueError(f"the parts sum to {sum(parts)} of {len(file)} bytes")
    return parts


def _check_versions(task: Task) -> None:
    here = {p.spec: p for pair in task.pairs for p in (task.quantizer, *pair)}
    for spec, expected in task.versions:
        found = here[spec].version()
        if found != expected:
            raise Refused(
                f"{spec}: a worker has {found}, this machine {expected}; records would not be alike, "
                "give the workers the same packages, weights and device"
            )
