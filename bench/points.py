"""A point: what is measured, from the data set to the classifier."""

from __future__ import annotations

from dataclasses import dataclass

from ..classifiers.base import Classifier
from ..codecs.base import Codec
from ..core.errors import Refused
from ..datasets.base import Dataset
from ..quantizers.base import Quantizer


@dataclass(frozen=True)
class Point:
    """One quantizer, codec and classifier on one data set."""

    dataset: Dataset
    quantizer: Quantizer
    codec: Codec
    classifier: Classifier

    def __str__(self) -> str:
        return "+".join(plugin.short for plugin in (self.quantizer, self.codec, self.classifier))

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

    def check(self) -> None:
        """Raises Unavailable or Refused, with the reason, where this point cannot be measured here."""
        self.versions()
        check_classes(self.classifier, self.dataset)


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
