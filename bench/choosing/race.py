"""The most accurate of several settings: measured together on more and more images, and left out once another is better."""

from __future__ import annotations

from dataclasses import dataclass, field

from .curve_search import CurveSearch, Steps
from .setting_search import GROWTH
from .tolerance import Tolerance

FEWEST_IMAGES = 1000
"""The images that the best curve is measured on before a race ends, where there are so many: its loss is told from them."""


@dataclass
class Race:
    """A race of curves, each at the setting that is within the rate; what it has found can be read at any time."""

    running: list[CurveSearch]
    """The curves that are not shown to lose more than another, the one that loses least first."""
    left_out: dict[str, str] = field(default_factory=dict)
    """The names of the curves that are, and of which other."""

    def steps(self, tolerance: Tolerance, risk: float, first: int) -> Steps:
        """Yields what is to be measured next.

        tolerance: of all images, with a limit of 0. risk: of leaving out the best. first: how many images to begin with.
        """
        each, images = risk / max(1, len(self.running) - 1), min(first, tolerance.images)
        while self.running:
            yield {s.points[s.within]: images for s in self.running if s.within is not None}
            measured = {s.curve.name: s.losses(s.within) for s in self.running if s.within is not None}
            n = min(map(len, measured.values()))
            self.running.sort(key=lambda s: float(measured[s.curve.name][:n].mean()))
            best = self.running[0].curve.name
            for other in list(measured):
                difference = tolerance.sample(measured[best][:n] - measured[other][:n])
                if other != best and tolerance.shown(difference, each):
                    self.left_out[other] = best
            self.running = [s for s in self.running if s.curve.name not in self.left_out]
            if n >= (tolerance.images if len(self.running) > 1 else min(FEWEST_IMAGES, tolerance.images)):
                return
            images = min(tolerance.images, max(images, round(GROWTH * n)))
