"""How long the images of a point take, from what like ones took."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..study.records import Record

Key = tuple[str, str, str]
"""Quantizer, codec and classifier, as a record is filed."""


class Pace:
    """Seconds that one worker takes for an image, by point: from this point, else from like ones, else from any."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    @classmethod
    def of(cls, records: Iterable[Record]) -> Pace:
        """The pace of records that are there."""
        pace = cls()
        for record in records:
            images = record.about["stop"] - record.about["start"]
            pace.learn(record.identity.key, images, sum(record.about["seconds"].values()))
        return pace

    def __bool__(self) -> bool:
        return bool(self._seconds)

    def learn(self, key: Key, images: int, seconds: float) -> None:
        """Takes note of what some images of a point took."""
        for name in _names(key):
            self._seconds.setdefault(name, []).append(seconds / max(1, images))

    def seconds(self, key: Key, images: int) -> float:
        """What images of a point will take; 0 where nothing is known at all."""
        seconds = next((self._seconds[name] for name in _names(key) if name in self._seconds), [0.0])
        return float(np.median(seconds)) * images


def kind_of(key: Key) -> str:
    """The plug-ins' names without their settings: points of one kind take about equally long."""
    return "+".join(part.split(":")[0] for part in key)


def _names(key: Key) -> tuple[str, str, str]:
    return str(key), kind_of(key), ""
