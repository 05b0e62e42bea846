"""A point of a study: the data set, quantizer, codec and classifier that are measured together."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...classifiers.base import Classifier
from ...classifiers.classes import check_classes
from ...codecs.base import Codec, StoredFileCodec
from ...codecs.raw import Raw
from ...core.errors import RabenchError, Refused
from ...core.networks import weights_hash
from ...core.plugins import Plugin
from ...datasets.base import Dataset
from ...metrics.base import Metric
from ...quantizers.base import Quantizer
from ...quantizers.none import NoQuantizer
from .sizes import FULL, Size

PLUGINS = ("dataset", "quantizer", "codec", "classifier")
"""The names of a point's plug-ins, in the order in which an image meets them."""


def stored_name(quantizer: Quantizer, codec: Codec, size: Size) -> str:
    """The name of what stores images: ``median-cut:colors=2+png``, or ``none+jpeg:quality=50@short=256`` in a smaller size."""
    return f"{quantizer.short}+{codec.short}{f'@{size}' if size else ''}"


@dataclass(frozen=True)
class Point:
    """One quantizer, one codec and one classifier on one data set: a point of a rate-accuracy plot."""

    dataset: Dataset
    quantizer: Quantizer
    codec: Codec
    classifier: Classifier
    tuned_from: Classifier | None = None
    """The classifier that ``classifier`` was before it was fine-tuned on this very point's images."""
    tuned_seed: int | None = None
    """The seed of the fine-tuning, where the matrix names seeds."""
    size: Size = FULL
    """The size that images are stored in."""
    metric: Metric | None = None
    """The fidelity metric that the decoded images are measured with, instead of a classifier."""

    def __str__(self) -> str:
        return f"{stored_name(self.quantizer, self.codec, self.size)}+{self.judge.short}"

    @property
    def judge(self) -> Classifier | Metric:
        """What looks at the decoded images."""
        return self.classifier if self.metric is None else self.metric

    @property
    def name(self) -> str:
        """The name that tells the point from others of the same data set and classifier: ``median-cut:colors=2+png``,
        or ``none+jpeg:quality=50@short=256`` for images that are stored smaller."""
        return f"{stored_name(self.quantizer, self.codec, self.size)}{self.tuned and f', {self.tuned}'}"

    @property
    def tuned(self) -> str:
        """``fine-tuned`` or ``fine-tuned seed1``, of a classifier tuned on the point's images; else empty."""
        seed = "" if self.tuned_seed is None else f" seed{self.tuned_seed}"
        return "" if self.tuned_from is None else f"fine-tuned{seed}"

    @property
    def title(self) -> str:
        """The name as figures show it, with the codec alone where no quantizer comes before it."""
        return self.name.removeprefix(f"{NoQuantizer.name}+")

    @property
    def plugins(self) -> tuple[Dataset, Quantizer, Codec, Classifier]:
        """Data set, quantizer, codec and classifier."""
        return (self.dataset, self.quantizer, self.codec, self.classifier)

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """The labels of data set, quantizer, codec and classifier, as a record keeps them; a size stands before the quantizer."""
        return (self.dataset.label, self._sized(self.quantizer.label), self.codec.label, self.judge.label)

    def _sized(self, quantizer: str) -> str:
        return f"{self.size} {quantizer}" if self.size else quantizer

    @property
    def key(self) -> tuple[str, str, str]:
        """The keys of quantizer, codec and classifier, which records are filed under; a size stands before the quantizer.

        The data set is not among them: a record knows its images by their content.
        """
        return (self._sized(self.quantizer.key), self.codec.key, self.judge.key)

    def versions(self) -> tuple[str, str, str]:
        """The versions of quantizer, codec and classifier: the code and the weights that do the work here.

        That of a size stands before the quantizer's. Raises Unavailable, with the remedy, where one cannot work on this
        machine.
        """
        return (*self.stored_versions(), self.judge.version())

    def stored_versions(self) -> tuple[str, str]:
        """The first two of ``versions``, of what makes the files, whoever looks at them."""
        first = f"{self.size.version()}; " if self.size else ""
        return (first + self.quantizer.version(), self.codec.version())

    def check_size(self) -> None:
        """Raises Refused for a size that the codec cannot store."""
        if self.size and isinstance(self.codec, StoredFileCodec):
            raise Refused(
                f"{self.codec.name} takes the stored file, which has no other size than full, got {self.size}"
            )

    def without_size(self, version: str) -> str:
        """The quantizer's own part of the first of ``versions``."""
        return version.partition("; ")[2] if self.size else version

    @property
    def frozen(self) -> Classifier:
        """The classifier before any fine-tuning; a table or a figure holds the points of one of these."""
        return self.tuned_from or self.classifier

    @property
    def is_reference(self) -> bool:
        """Whether the point is the uncompressed image in full size, seen by a classifier that was not fine-tuned."""
        return (
            not self.size
            and self.metric is None
            and self.tuned_from is None
            and isinstance(self.quantizer, NoQuantizer)
            and isinstance(self.codec, Raw)
        )

    @property
    def parts(self) -> dict[str, Plugin]:
        """The plug-ins by the names in PLUGINS; the classifier is the one before any fine-tuning."""
        return dict(zip(PLUGINS, (self.dataset, self.quantizer, self.codec, self.frozen), strict=True))

    def check(self) -> None:
        """Raises Unavailable or Refused, with the reason, where the point cannot be measured on this machine."""
        if self.tuned_from is not None:
            check_tuning(self)
        self.versions()
        self.check_size()
        for plugin in self.parts.values():
            plugin.check_point({**self.parts, "classifier": self.classifier})
        if self.classifier.predicts:
            check_classes(self.classifier, self.dataset)

    def notes(self) -> list[str]:
        """Sentences that a reader of the point's results must know, such as that a ColorCNN was trained for another classifier.

        What needs weights or data that are not on this machine is left out.
        """
        notes: list[str] = []
        for plugin in self.parts.values():
            with suppress(RabenchError):  # reading results needs no weights
                notes += plugin.point_notes(self.parts)
        return notes


def tuned_file(classifier: Classifier, quantizer: Quantizer, codec: Codec, seed: int | None = None) -> str:
    """The file name of the weights that a classifier has after fine-tuning on a quantizer's and a codec's images.

    seed: of the fine-tuning, where the matrix names seeds.
    """
    name = f"{classifier.title}+{quantizer.short}+{codec.short}" + ("" if seed is None else f"+seed{seed}")
    return re.sub(r"[^A-Za-z0-9.+]+", "-", name) + ".safetensors"


def fine_tuned(
    classifier: Classifier, folder: str | Path, quantizer: Quantizer, codec: Codec, seed: int | None = None
) -> Classifier:
    """The classifier that ``classifier`` becomes by fine-tuning on a quantizer's and a codec's images.

    folder: where the tuned weights lie, or will lie. seed: as for ``tuned_file``. Raises Refused for a classifier that
    cannot be fine-tuned.
    """
    return classifier.fine_tuned(Path(folder) / tuned_file(classifier, quantizer, codec, seed))


def check_tuning(point: Point) -> None:
    """Raises Unavailable or Refused where the point's tuned weights are missing, or were tuned on something else."""
    assert point.tuned_from is not None
    expected, tuning = f"{point.quantizer.label}+{point.codec.label}", point.classifier.tuning()
    path = point.classifier.weights_path()
    if tuning.images != expected:
        raise Refused(f"{path} was tuned on {tuning.images or 'originals'}, not on {expected}; tune one for it")
    if point.tuned_seed is not None and tuning.seed != point.tuned_seed:
        raise Refused(
            f"{path} was tuned with seed {tuning.seed}, not {point.tuned_seed}; 'rabench finetune --study STUDY' makes it"
        )
    for name, then, now in (
        (point.quantizer.short, tuning.quantizer_version, point.quantizer.version()),
        (point.tuned_from.short, tuning.classifier_version, point.tuned_from.version()),
    ):
        if weights_hash(then) != weights_hash(now):
            raise Refused(
                f"{path} was tuned with other weights of {name} ({weights_hash(then)}, now {weights_hash(now)}); "
                "'rabench finetune --study STUDY --restart' makes it anew"
            )
