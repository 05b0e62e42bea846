"""A point: what is measured, from the data set to the classifier."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from ...classifiers.base import Classifier
from ...classifiers.network import Network
from ...codecs.base import Codec
from ...codecs.raw import Raw
from ...core.errors import Refused, Unavailable
from ...datasets.base import Dataset
from ...quantizers.base import Quantizer
from ...quantizers.colorcnn.quantizer import ColorCNNQuantizer
from ...quantizers.none import NoQuantizer


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

    def check(self) -> None:
        """Raises Unavailable or Refused, with the reason, where this point cannot be measured here."""
        if self.tuned_from is not None:
            _check_tuned(self)
        self.versions()
        _check_normalization(self)
        check_classes(self.classifier, self.dataset)


def tuned_file(classifier: Classifier, quantizer: Quantizer, codec: Codec) -> str:
    """The name of a classifier's weights tuned on a quantizer's and a codec's images, in a folder of such."""
    name = f"{classifier.title}+{quantizer.short}+{codec.short}"
    return re.sub(r"[^A-Za-z0-9.+]+", "-", name) + ".safetensors"


def tuned_from(classifier: Classifier, folder: str | Path, quantizer: Quantizer, codec: Codec) -> Classifier:
    """What ``classifier`` becomes when it is fine-tuned, its weights in ``folder``.

    Raises Refused for a classifier that cannot be tuned.
    """
    if not isinstance(classifier, Network):
        raise Refused(f"{classifier.short} cannot be fine-tuned: it is no network of rabench; name alexnet, vgg16, ...")
    return replace(classifier, weights=str(Path(folder) / tuned_file(classifier, quantizer, codec)))


def _check_tuned(point: Point) -> None:
    wanted, tuned = f"{point.quantizer.label}+{point.codec.label}", point.classifier
    assert isinstance(tuned, Network) and point.tuned_from is not None
    if not Path(tuned.weights).is_file():
        raise Unavailable(f"{tuned.weights} is not there yet; 'rabench finetune --study STUDY' makes it")
    if (found := tuned.about.tuned_on) != wanted:
        raise Refused(f"{tuned.weights} was tuned on {found or 'originals'}, not on {wanted}; tune one for it")
    said = tuned.about.training
    for what, then, now in (
        (point.quantizer.short, said["quantizer_version"], point.quantizer.version()),
        (point.tuned_from.short, said["from_version"], point.tuned_from.version()),
    ):
        if weights_of(then) != weights_of(now):
            raise Refused(
                f"{tuned.weights} was tuned with other weights of {what} ({weights_of(then)}, now {weights_of(now)}); "
                "'rabench finetune --study STUDY --restart' makes it anew"
            )


def weights_of(version: str) -> str:
    """Of a version what does not change with the machine: the weights' hash, or nothing."""
    return version.split(",")[0] if version.startswith("sha256 ") else ""


def _check_normalization(point: Point) -> None:
    """A ColorCNN chooses colors for what a classifier makes of pixels."""
    if not isinstance(point.quantizer, ColorCNNQuantizer) or not isinstance(point.classifier, Network):
        return
    chooses, judges = point.quantizer.about, point.classifier.about
    if (chooses.mean, chooses.std) != (judges.mean, judges.std):
        raise Refused(
            f"{point.quantizer.short} was trained for pixels normalized by mean {chooses.mean} and std {chooses.std}, "
            f"{point.classifier.short} takes mean {judges.mean} and std {judges.std}; train one for it: "
            f"rabench train colorcnn --classifier {point.classifier.short} ..."
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
