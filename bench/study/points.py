"""A point: what is measured, from the data set to the classifier."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...classifiers.base import Classifier
from ...codecs.base import Codec
from ...codecs.raw import Raw
from ...core.errors import RabenchError, Refused
from ...core.networks import weights_hash
from ...core.plugins import Plugin
from ...datasets.base import Dataset
from ...quantizers.base import Quantizer
from ...quantizers.none import NoQuantizer

PLUGINS = ("dataset", "quantizer", "codec", "classifier")
"""The names of a point's plug-ins, in the order in which an image meets them."""


@dataclass(frozen=True)
class Point:
    """One quantizer, codec and classifier on one data set."""

    dataset: Dataset
    quantizer: Quantizer
    codec: Codec
    classifier: Classifier
    tuned_from: Classifier | None = None
    """The classifier that ``classifier`` was before it was fine-tuned on this very point's images."""

    def __str__(self) -> str:
        return "+".join(plugin.short for plugin in (self.quantizer, self.codec, self.classifier))

    @property
    def name(self) -> str:
        """Among the points of one data set and classifier."""
        return f"{self.quantizer.short}+{self.codec.short}{', fine-tuned' if self.tuned_from else ''}"

    @property
    def title(self) -> str:
        """The name as a figure shows it: the codec alone for originals."""
        return self.name.removeprefix(f"{NoQuantizer.name}+")

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """Data set, quantizer, codec and classifier as tables name them."""
        return (self.dataset.label, self.quantizer.label, self.codec.label, self.classifier.label)

    @property
    def key(self) -> tuple[str, str, str]:
        """What a record is filed under; the images count by content, not by the data set's name."""
        return (self.quantizer.key, self.codec.key, self.classifier.key)

    def versions(self) -> tuple[str, str, str]:
        """Which code and weights do the work. Raises Unavailable, with the remedy."""
        return (self.quantizer.version(), self.codec.version(), self.classifier.version())

    @property
    def frozen(self) -> Classifier:
        """The classifier as it was trained on originals: a table and a figure are about one of these."""
        return self.tuned_from or self.classifier

    @property
    def is_reference(self) -> bool:
        """Whether this is the uncompressed image itself, for a classifier as it was trained."""
        return self.tuned_from is None and isinstance(self.quantizer, NoQuantizer) and isinstance(self.codec, Raw)

    @property
    def parts(self) -> dict[str, Plugin]:
        """The plug-ins by the name of their family; the classifier is the one that was trained on originals."""
        return dict(zip(PLUGINS, (self.dataset, self.quantizer, self.codec, self.frozen), strict=True))

    def check(self) -> None:
        """Raises Unavailable or Refused, with the reason, where this point cannot be measured here."""
        if self.tuned_from is not None:
            check_tuning(self)
        self.versions()
        for plugin in self.parts.values():
            plugin.check_point({**self.parts, "classifier": self.classifier})
        check_classes(self.classifier, self.dataset)

    def notes(self) -> list[str]:
        """What a reader of the point's results must know of its plug-ins beside one another, as far as they are here."""
        notes: list[str] = []
        for plugin in self.parts.values():
            with suppress(RabenchError):  # reading results needs no weights
                notes += plugin.point_notes(self.parts)
        return notes


def tuned_file(classifier: Classifier, quantizer: Quantizer, codec: Codec) -> str:
    """The name of a classifier's weights tuned on a quantizer's and a codec's images, in a folder of such weights."""
    name = f"{classifier.title}+{quantizer.short}+{codec.short}"
    return re.sub(r"[^A-Za-z0-9.+]+", "-", name) + ".safetensors"


def fine_tuned(classifier: Classifier, folder: str | Path, quantizer: Quantizer, codec: Codec) -> Classifier:
    """The classifier that ``classifier`` becomes when it is tuned on a quantizer's and a codec's images.

    folder: where its weights lie, or will lie. Raises Refused for a classifier that cannot be tuned.
    """
    return classifier.fine_tuned(Path(folder) / tuned_file(classifier, quantizer, codec))


def check_tuning(point: Point) -> None:
    """Raises Unavailable or Refused where the point's tuned weights are missing, or were tuned on something else."""
    assert point.tuned_from is not None
    expected, tuning = f"{point.quantizer.label}+{point.codec.label}", point.classifier.tuning()
    path = point.classifier.weights_path()
    if tuning.images != expected:
        raise Refused(f"{path} was tuned on {tuning.images or 'originals'}, not on {expected}; tune one for it")
    for what, then, now in (
        (point.quantizer.short, tuning.quantizer_version, point.quantizer.version()),
        (point.tuned_from.short, tuning.classifier_version, point.tuned_from.version()),
    ):
        if weights_hash(then) != weights_hash(now):
            raise Refused(
                f"{path} was tuned with other weights of {what} ({weights_hash(then)}, now {weights_hash(now)}); "
                "'rabench finetune --study STUDY --restart' makes it anew"
            )


def check_classes(classifier: Classifier, dataset: Dataset) -> None:
    """Refuses a classifier that was trained for other classes than the data set has."""
    known, wanted = classifier.classes, dataset.classes
    if not wanted or known == wanted:
        return
    unnamed = all(c.isdigit() for c in known) or all(c.isdigit() for c in wanted)
    if unnamed and len(known) == len(wanted):
        return
    raise Refused(
        f"{classifier.short} knows {_some(known)} of {classifier.trained_on or 'an unnamed data set'}, "
        f"but {dataset.short} has {_some(wanted)}; name weights trained on these, or train some: "
        f"rabench train classifier --dataset {dataset.short} ..."
    )


def _some(classes: tuple[str, ...]) -> str:
    shown = ", ".join(classes[:3])
    return f"{len(classes)} classes ({shown}{', ...' if len(classes) > 3 else ''})"
