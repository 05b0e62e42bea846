"""What a classifier reaches on the uncompressed images, beside what is published for its weights."""

from __future__ import annotations

from contextlib import suppress

from ...classifiers.base import Published
from ...core.errors import RabenchError
from ..statistics.intervals import wilson
from ..study.points import Point


def baseline(point: Point, correct: int, labelled: int) -> list[str]:
    """A sentence on the accuracy on uncompressed images, and a warning where it is not what is published.

    point: that of the uncompressed images. correct, labelled: how many of so many images with a label were right.
    """
    published = _published(point)
    measured = f"Uncompressed: {_percent(correct, labelled)}."
    told = f" Published: {published}." if published else ""
    return [measured + told, *published_warning(point, correct, labelled)]


def published_warning(point: Point, correct: int, labelled: int) -> list[str]:
    """A warning where the interval of the uncompressed accuracy leaves out what is published for the weights."""
    published = _published(point)
    if published is None or not labelled:
        return []
    low, high = (100 * end for end in wilson(correct, labelled))
    if low <= published.percent <= high:
        return []
    causes = (
        "are preprocessing, normalization and the order of the classes those of the weights?"
        if high < published.percent
        else "are these other images than the published ones, or images that the network was trained on?"
    )
    return [
        f"WARNING: {point.frozen.short} is right on {_percent(correct, labelled)} of the uncompressed images of "
        f"{point.dataset.short}, and published are {published}: {causes}"
    ]


def _percent(correct: int, labelled: int) -> str:
    low, high = wilson(correct, labelled)
    return f"{100 * correct / labelled:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"


def _published(point: Point) -> Published | None:
    with suppress(RabenchError):  # reading results needs no weights
        return point.frozen.published_accuracy
    return None
