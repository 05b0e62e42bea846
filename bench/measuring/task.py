"""One task: some images through one quantizer, some codecs and some classifiers.

The whole chain runs here, where the task runs, and only the small table of rows goes back:
source pixels -> quantizer -> file bytes -> those bytes decoded -> those pixels classified.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...classifiers.base import Classifier
from ...codecs.base import ByteBreakdown, Codec, StoredFileCodec
from ...core.errors import Refused
from ...core.images import RGB, AnyImage
from ...core.origins import describe_error
from ...datasets.base import BadImage, Block, Dataset
from ...metrics.base import Metric
from ...quantizers.base import Quantizer
from ..records.format import NOT_TAKEN, UNREADABLE, Rows
from ..records.pieces import content_hash
from ..study.sizes import FULL, Size
from . import chain
from .classify import BatchedInference
from .content import Clock, chunks, digest
from .threads import one_thread
from .time_limit import TimeLimit


class Changed(Refused):
    """The error for a data set whose images are not those that the index knows."""


@dataclass(frozen=True)
class Task:
    """What a worker measures at a time: images start..stop-1 of a data set through one quantizer."""

    dataset: Dataset
    start: int
    stop: int
    block: str
    """The sha256 that these images must have, as hex; empty where it is known of more images together."""
    quantizer: Quantizer
    pairs: tuple[tuple[Codec, Classifier | Metric], ...]
    """The codecs, and the classifiers and metrics that look at their images, that are to be measured together."""
    versions: tuple[tuple[str, str], ...]
    """The spec of each plug-in and the version that the study's own machine has of it."""
    size: Size = FULL
    """The size that images are stored in."""
    seconds: float = math.inf
    """The seconds after which the task gives the rows of the images that it came to, and leaves the others."""

    @property
    def images(self) -> int:
        """The number of images that the task measures."""
        return self.stop - self.start

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU, in part, where there is one."""
        return self.quantizer.on_gpu or any(judge.on_gpu for _, judge in self.pairs)


def run(task: Task) -> list[Rows]:
    """The rows of each pair of ``task.pairs``, in that order, each of the same first images of the task.

    These are all of them, unless ``task.seconds`` end before; then one at least. Raises Refused where a plug-in here has
    another version than the study's machine, Changed where the images are not those of ``task.block``.
    """
    return timed(task)[0]


def timed(task: Task) -> tuple[list[Rows], dict[tuple[str, str], float]]:
    """What ``run`` gives, and the seconds that were spent, by the stage and the plug-in's label, each counted once.

    A row's own seconds count what pairs share, such as the quantizer's, for each pair.
    """
    one_thread()
    _check_versions(task)
    measurement = _Measurement(task)
    limit = TimeLimit(task.seconds, task.images, measurement.pending)
    for block in chunks(task.dataset, task.start, task.stop, measurement.clock, limit.most):
        for part in limit.parts(block):
            measurement.add(part)
    whole = measurement.measured == task.images
    if task.block and whole and content_hash(measurement.digests, measurement.labels.tolist()) != task.block:
        raise changed(task.dataset, task.start, task.stop)
    return measurement.rows(), measurement.spent()


def changed(dataset: Dataset, start: int, stop: int) -> Changed:
    """The error for images start..stop-1."""
    return Changed(
        f"images {start}..{stop - 1} of {dataset.label} are not those this run began with; "
        "let nothing change the data set, and run again"
    )


@dataclass
class _Files:
    """What is measured of one codec's files, a row per image."""

    codec: Codec
    parts: NDArray[np.int32]
    """The bytes of each file by part, (N, 4), in the order of ByteBreakdown."""
    squared_error: NDArray[np.int64]
    """The squared error of each decoded file, summed over pixels and channels, (N,)."""
    errors: dict[int, str] = field(default_factory=dict)
    """The reason of each row that failed."""
    remarks: dict[int, str] = field(default_factory=dict)
    """A remark on each row whose stored file the codec could not take."""
    clock: Clock = field(default_factory=Clock)
    """The seconds of encoding and decoding."""


@dataclass(frozen=True)
class _Chunk:
    """Images of a task that are in memory together, by their row."""

    sources: dict[int, RGB]
    """The original pixels."""
    stored: chain.Stored
    """The files that they came from."""
    digests: dict[int, bytes]
    """The digests of the original pixels."""


class _Measurement:
    """The measuring of a task: takes its images in chunks, and gives the rows of all of them in the end."""

    def __init__(self, task: Task) -> None:
        self.task, self.clock = task, Clock()
        n = task.images
        self.labels, self.pixels = np.full(n, -1, np.int64), np.zeros(n, np.int32)
        codecs = dict.fromkeys(codec for codec, _ in task.pairs)
        self.files = {c: _Files(c, np.zeros((n, 4), np.int32), np.zeros(n, np.int64)) for c in codecs}
        judges = dict.fromkeys(judge for _, judge in task.pairs)
        self.inferences = {k: BatchedInference(k) for k in judges if isinstance(k, Classifier) and k.predicts}
        self.fidelity = {pair: np.full(n, np.nan) for pair in task.pairs if isinstance(pair[1], Metric)}
        """The value of each image, by codec and metric."""
        self.metric_errors: dict[Metric, dict[tuple[Codec, int], str]] = {}
        """The reasons of images that a metric failed on."""
        self.digests: list[bytes] = []
        """The digest of each image."""
        self.representatives: dict[Codec, Codec] = {}
        """The codec that encodes for each: itself, or the first one with equal files; empty until there is an image."""
        self.measured = 0

    def add(self, block: Block) -> None:
        """Runs the next images through quantizer, codecs and classifiers."""
        first, self.measured = self.measured, self.measured + len(block.images)
        digests = [digest(image) for image in block.images]
        self.digests += digests
        self.labels[first : self.measured] = block.labels
        sources: dict[int, RGB] = {}
        stored = {row: source.file for row, source in enumerate(block.sources, first)}
        for row, image in enumerate(block.images, first):
            if isinstance(image, BadImage):
                for files in self.files.values():
                    files.errors[row] = f"{UNREADABLE}{image.reason}"
            else:
                sources[row] = image
                self.pixels[row] = image.shape[0] * image.shape[1]
        chunk = _Chunk(sources, stored, {row: digests[row - first] for row in sources})
        with self.clock("quantize"):
            resized = chain.resize(self.task.size, sources)
            images, failures = chain.quantize(self.task.quantizer, resized)
        if images and not self.representatives:
            self.representatives = chain.representatives(tuple(self.files), next(iter(images.values())))
        for codec, files in self.files.items():
            files.errors.update(failures)
            if self.representatives.get(codec) == codec:
                self._code(files, images, resized, chunk)

    def _code(self, files: _Files, images: dict[int, AnyImage], resized: dict[int, RGB], chunk: _Chunk) -> None:
        """Runs images through one codec, and hands the decoded ones to the classifiers that are to see them."""
        coded = chain.code(files.codec, images, resized, files.clock, chunk.stored)
        files.errors.update(coded.failures)
        judges = {k for codec, k in self.task.pairs if self.representatives[codec] == files.codec}
        inferences = [inference for k, inference in self.inferences.items() if k in judges]
        metrics = [judge for judge in judges if isinstance(judge, Metric)]
        for row, pixels in coded.pixels.items():
            try:
                files.parts[row] = chain.byte_breakdown(files.codec, coded.files[row])
            except Exception as error:  # a plug-in's own code: one row's failure
                files.errors[row] = f"byte breakdown: {describe_error(error)}"
                continue
            if isinstance(files.codec, StoredFileCodec):
                taken = bool(chunk.stored[row]) and files.codec.taken(coded.files[row])
                files.remarks |= {} if taken else {row: NOT_TAKEN}
            decoded_digest, original = digest(pixels), chunk.sources[row]
            restored = self.task.size.restored(pixels, original)
            if decoded_digest != chunk.digests[row]:
                files.squared_error[row] = chain.squared_error(restored, original)
            for metric in metrics:
                self._compare(files, metric, row, restored, original)
            for inference in inferences:
                inference.add((files.codec, row), decoded_digest, pixels)

    def _compare(self, files: _Files, metric: Metric, row: int, decoded: RGB, original: RGB) -> None:
        """Notes the fidelity of one image, for every codec whose files these are."""
        with files.clock(metric.spec):
            try:
                value = metric.value(decoded, original)
            except Exception as error:  # a plug-in's own code: one row's failure
                self.metric_errors.setdefault(metric, {})[files.codec, row] = f"metric: {describe_error(error)}"
                return
        for codec, judge in self.fidelity:
            if judge == metric and self.representatives[codec] == files.codec:
                self.fidelity[codec, judge][row] = value

    def pending(self) -> float:
        """The seconds that the classifiers take for the images that wait for their batch to fill."""
        return sum(inference.pending for inference in self.inferences.values())

    def rows(self) -> list[Rows]:
        """The rows of each pair, once all images are added."""
        for inference in self.inferences.values():
            inference.flush()
        return [self._rows(self.files[self.representatives.get(c, c)], c, k) for c, k in self.task.pairs]

    def spent(self) -> dict[tuple[str, str], float]:
        """The seconds spent, by stage and the label of the plug-in."""
        task = self.task
        spent = {("load", task.dataset.label): self.clock.seconds["load"]}
        spent["quantize", task.quantizer.label] = self.clock.seconds["quantize"]
        for codec, files in self.files.items():
            spent |= {(stage, codec.label): files.clock.seconds[stage] for stage in ("encode", "decode")}
        for metric in {judge for _, judge in task.pairs if isinstance(judge, Metric)}:
            spent["classify", metric.label] = sum(f.clock.seconds[metric.spec] for f in self.files.values())
        for classifier, inference in self.inferences.items():
            spent["classify", classifier.label] = inference.seconds
        return spent

    def _rows(self, files: _Files, codec: Codec, judge: Classifier | Metric) -> Rows:
        n, errors = self.measured, dict(files.errors)
        predicted, log_probabilities, confidences = np.full(n, -1, np.int32), *np.full((2, n), np.nan, np.float32)
        judging = files.clock.seconds[judge.spec]
        if isinstance(judge, Classifier) and (inference := self.inferences.get(judge)) is not None:
            predicted, log_probabilities, confidences = inference.of(files.codec, self.labels[:n], errors)
            # What n images take in full batches; equal images were classified once.
            judging = inference.unpadded_seconds / max(1, inference.classified) * n
        if isinstance(judge, Metric):
            failures = self.metric_errors.get(judge, {})
            errors.update({row: reason for (c, row), reason in failures.items() if c == files.codec})
        failed, parts = np.fromiter(errors, int, len(errors)), files.parts[:n].copy()
        squared_error = files.squared_error[:n].copy()
        parts[failed] = squared_error[failed] = 0
        columns = {
            "image": np.arange(self.task.start, self.task.start + n, dtype=np.int32),
            "label": self.labels[:n].astype(np.int32),
            "prediction": predicted,
            "log_probability": log_probabilities,
            "confidence": confidences,
            "pixels": self.pixels[:n],
            "bytes": parts.sum(axis=1, dtype=np.int32),
            **{name: parts[:, i] for i, name in enumerate(ByteBreakdown._fields)},
            "squared_error": squared_error,
        }
        if isinstance(judge, Metric):
            columns["value"] = self.fidelity[codec, judge][:n]
        seconds = {
            "load": self.clock.seconds["load"],
            "quantize": self.clock.seconds["quantize"],
            "encode": files.clock.seconds["encode"],
            "decode": files.clock.seconds["decode"],
            "classify": judging,
        }
        remarks = {row: remark for row, remark in files.remarks.items() if row not in errors}
        return Rows(columns, errors, {stage: float(s) for stage, s in seconds.items()}, remarks, self.digests)


def _check_versions(task: Task) -> None:
    """Raises Refused where a plug-in has another version here than on the study's machine."""
    plugins = {p.spec: p for pair in task.pairs for p in (task.quantizer, *pair)}
    stages = {str(task.size): task.size, **plugins}
    for spec, expected in task.versions:
        version = stages[spec].version()
        if version != expected:
            raise Refused(
                f"{spec}: a worker has {version}, this machine {expected}; records would not be alike, "
                "give the workers the same packages, weights and device"
            )
