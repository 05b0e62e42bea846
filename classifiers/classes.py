"""Whether a classifier and a data set are of the same classes."""

from __future__ import annotations

from typing import Protocol

from ..core.errors import Refused
from .base import Classifier


class Labelled(Protocol):
    """A data set, as far as its classes go."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def short(self) -> str: ...


def check_classes(classifier: Classifier, dataset: Labelled) -> None:
    """Raises Refused for a classifier that was trained for other classes than the data set has.

    Where either side has numbers instead of names, the number of classes must be equal; a data set whose classes are
    numbers may have fewer, since its labels count the classifier's.
    """
    predicted, labelled = classifier.classes, dataset.classes
    if not labelled or predicted == labelled:
        return
    numbered = all(c.isdigit() for c in labelled)
    if len(predicted) == len(labelled) and (numbered or all(c.isdigit() for c in predicted)):
        return
    if numbered and len(labelled) < len(predicted):  # such as some shards, whose highest label is not the last class
        return
    raise Refused(
        f"{classifier.short} knows {_some(predicted)} of {classifier.trained_on or 'an unnamed data set'}, "
        f"but {dataset.short} has {_some(labelled)}; name weights trained on these, or train some: "
        f"rabench train classifier --dataset {dataset.short} ..."
    )


def _some(classes: tuple[str, ...]) -> str:
    """The number of classes and the first three names."""
    names = ", ".join(classes[:3])
    return f"{len(classes)} classes ({names}{', ...' if len(classes) > 3 else ''})"
