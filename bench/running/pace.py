"""Estimates of the seconds that images take, from what those of like points took."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from ..records.format import Record

LAST = 101
"""The last measurements of a point, of its kind and of all that count."""
Key = tuple[str, str, str]
"""The keys of quantizer, codec and classifier, as records are filed."""


class Pace:
    """The seconds that one worker takes for an image of a point, estimated as a median.

    The median is that of the point's own images, else of points of its kind, else of all. A pace without any is false.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}
        self._medians: dict[str, float] = {}
        """The medians that were asked for since the last measurement."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> Pace:
        """The pace that a study's records tell of."""
        pace = cls()
        for record in records:
            pace.learn(record.identity.key, record.images, sum(record.about["seconds"].values()))
        return pace

    def __bool__(self) -> bool:
        return bool(self._seconds)

    def knows(self, key: Key) -> bool:
        """Whether images of a point, or of points of its kind, were measured."""
        return kind_of(key) in self._seconds

    def measured(self, key: Key) -> bool:
        """Whether images of the point itself were measured."""
        return str(key) in self._seconds

    def learn(self, key: Key, images: int, seconds: float) -> None:
        """Takes in the seconds that some images of a point took."""
        for name in _names(key):
            self._seconds.setdefault(name, deque(maxlen=LAST)).append(seconds / max(1, images))
            self._medians.pop(name, None)

    def seconds(self, key: Key, images: int) -> float:
        """The seconds that so many images of a point will take one worker; 0 where nothing was measured yet."""
        name = next((name for name in _names(key) if name in self._seconds), None)
        if name is None:
            return 0.0
        if name not in self._medians:
            self._medians[name] = median(self._seconds[name])
        return self._medians[name] * images


def kind_of(key: Key) -> str:
    """The plug-ins' names without their settings: points of one kind take about equally long."""
    return "+".join(part.split(":")[0] for part in key)


def _names(key: Key) -> tuple[str, str, str]:
    """The names of the point itself, of its kind, and of all points."""
    return str(key), kind_of(key), ""
