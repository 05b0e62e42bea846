"""The question that `rabench choose` answers: a tolerated loss or a rate, and the confidence of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.errors import BadSetting
from ...core.quantities import loss, rate
from ..reading.groups import LABELS
from ..reading.measures import LOG_LOSS_CAP
from .tolerance import Tolerance

BY = ("accuracy", "log-loss")


@dataclass(frozen=True)
class Question:
    """The cheapest that loses no more than is tolerated, or the most accurate within a rate: one of the first three is said."""

    lose_at_most: float | None = None
    """Points of accuracy or of agreement, or nats of log-loss."""
    bpp_at_most: float | None = None
    """Bits per pixel."""
    bits_at_most: float | None = None
    """Bits an image, the mean."""
    by: str = "accuracy"
    labels: str | None = None
    """``dataset``, ``agreement``, or None: the data set's labels where it has any."""
    confidence: float = 95.0
    """Percent."""
    codecs: tuple[str, ...] = ()
    """The codecs or curves asked about, by name; empty for all of the matrix."""

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.lose_at_most, self.bpp_at_most, self.bits_at_most)) != 1:
            raise BadSetting("say either `lose_at_most` or a rate: `at_most`, or `bytes` with `images`")
        if isinstance(self.confidence, str):
            raise BadSetting(f"`confidence` is a number, got {self.confidence!r}")
        if self.by not in BY:
            raise BadSetting(f"`by` must be one of {', '.join(BY)}, got {self.by!r}")
        if self.labels not in (None, *LABELS):
            raise BadSetting(f"`labels` must be one of {', '.join(LABELS)}, got {self.labels!r}")
        if self.by == "log-loss" and self.labels == "agreement":
            raise BadSetting(
                "log-loss is that of the labels, and agreement has none; choose by accuracy, or leave `labels` out"
            )
        top, unit = (LOG_LOSS_CAP, "nats") if self.by == "log-loss" else (100.0, "points")
        if self.lose_at_most is not None and not 0 < self.lose_at_most < top:
            raise BadSetting(f"`lose_at_most` is above 0 and below {top:g} {unit}, got {self.lose_at_most:g}")
        if not 50 <= self.confidence < 100:
            raise BadSetting(f"`confidence` is a percentage from 50 to below 100, got {self.confidence:g}")

    @classmethod
    def asked(
        cls,
        lose_at_most: str | float | None = None,
        at_most: str | float | None = None,
        bytes: str | float | None = None,
        images: str | float | None = None,
        **more: Any,
    ) -> Question:
        """The question that people ask, with amounts as text: at_most="0.5bpp", or bytes="200GB" and images="1.2M"."""
        said = at_most is not None or bytes is not None or images is not None
        bpp, bits = rate(at_most, bytes, images) if said or lose_at_most is None else (None, None)
        return cls(loss(lose_at_most), bpp, bits, **more)

    @property
    def risk(self) -> float:
        """The probability of a wrong answer that is taken."""
        return 1 - self.confidence / 100

    @property
    def scale(self) -> float:
        """What losses are multiplied by to be shown: shares as points."""
        return 1.0 if self.by == "log-loss" else 100.0

    def tolerance(self, images: int) -> Tolerance:
        """The test of a loss on so many images; its limit is 0 where a rate is asked for."""
        bound = LOG_LOSS_CAP if self.by == "log-loss" else 1.0
        return Tolerance((self.lose_at_most or 0.0) / self.scale, images, bound)
