"""What one image needs: the smallest file of each image that is seen as the original was, against one setting for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.tables import Kind, Table
from ..reading.curves import Curve
from ..reading.groups import Group, agreeing
from ..statistics.bjontegaard import Array
from ..statistics.intervals import Z95
from .bootstrap import enough, paired_images

LEVELS = (90.0, 95.0, 98.0, 99.0)
"""Agreements, in percent: of each the cheapest setting that reaches it is set beside an oracle of the same agreement."""
NOTE = (
    "setting: the cheapest of the curve whose agreement with the uncompressed images is at least 90, 95, 98 or 99 %. oracle: "
    "a setting for each image instead, the one with the smallest file that is seen as the original was, on as many "
    "images; on the others, the smallest file there is. wasted: the share of the setting's bits that the oracle does not "
    "spend, with its 95 % interval (delta method, over the images that all settings share: {images}); "
    "settings between or below those measured would waste less, or spare more. "
    "without luck: an oracle whose images must be seen as the original at every dearer setting, too. An encoder that "
    "runs the network can be the first oracle; nothing that is chosen for all images can. Below 0: an oracle without luck may "
    "spend more than the setting. -: it cannot keep as many images."
)


@dataclass(frozen=True)
class ImageNeeds:
    """The files of a curve's settings, an image at a time. Settings stand from the lowest rate to the highest."""

    curve: Curve
    rows: tuple[int, ...]
    """The settings' positions in the group."""
    bytes: NDArray[np.int32]
    """The bytes of each image's file at each setting, (N, P)."""
    agrees: NDArray[np.bool_]
    """Whether it is seen as the original was, (N, P)."""
    pixels: Array
    """Of each image, (N,)."""

    @cached_property
    def lasting(self) -> NDArray[np.bool_]:
        """Whether it is seen as the original was at a setting and at all dearer ones, (N, P)."""
        return np.logical_and.accumulate(self.agrees[:, ::-1], axis=1)[:, ::-1]

    def fixed(self) -> tuple[Array, Array]:
        """Rates in bits per pixel and agreements as shares of each setting, (P,) both."""
        return 8 * self.bytes.sum(0, dtype=np.float64) / self.pixels.sum(), self.agrees.mean(0)

    def oracle(self, agrees: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Rates and agreements of oracles that keep 0, 1, 2, ... images, those first that cost least; (K + 1,) both."""
        smallest, more = self._costs(agrees)
        kept = np.sort(more[np.isfinite(more)])
        bits = smallest.sum() + np.concatenate([[0.0], np.cumsum(kept)])
        return bits / self.pixels.sum(), np.arange(len(bits)) / len(self.bytes)

    def _costs(self, agrees: NDArray[np.bool_]) -> tuple[Array, Array]:
        """The bits of each image's smallest file, and how many more its smallest that agrees takes; inf for none."""
        smallest, least = self.bytes.min(1), np.full(len(self.bytes), np.inf)
        for setting in range(self.bytes.shape[1]):  # one by one: a million images are many
            np.minimum(least, self.bytes[:, setting], out=least, where=agrees[:, setting])
        return 8.0 * smallest, 8 * (least - smallest)

    def wasted(self, setting: int, agrees: NDArray[np.bool_]) -> tuple[float, float, float]:
        """The share of a setting's bits that an oracle of its agreement does not spend, with its 95 % interval.

        NaN where no oracle keeps so many images. The interval is that of a ratio of means, by the delta method: an image
        more that agrees lets the oracle keep one image more, at the cost of the dearest that it keeps.
        """
        smallest, more = self._costs(agrees)
        spent, own = 8.0 * self.bytes[:, setting], self.agrees[:, setting]
        kept = np.sort(more)[: int(own.sum())]
        if not np.isfinite(kept).all():
            return np.nan, np.nan, np.nan
        ratio = (smallest.sum() + kept.sum()) / spent.sum()
        dearest = kept[-1] if len(kept) else 0.0
        influence = smallest + np.minimum(more - dearest, 0.0) + dearest * own - ratio * spent
        half = Z95 * float(influence.std(ddof=1)) / np.sqrt(len(spent)) / spent.mean() if len(spent) > 1 else np.nan
        return 1 - ratio, 1 - ratio - half, 1 - ratio + half


def image_needs(group: Group) -> list[ImageNeeds]:
    """What the images need of each curve of three settings or more; none without a classifier or uncompressed images."""
    if group.reference is None or not group.predicts:
        return []
    measured = [agreeing(m, group.measured[group.reference]) for m in group.measured]
    usable = enough(measured)
    needs = []
    for curve in group.plotted:
        rows = tuple(i for i in curve.rows if i in usable)
        if curve.tuned or len(rows) < 3:
            continue
        paired = paired_images([measured[i] for i in rows])
        if len(paired.images):
            needs.append(ImageNeeds(curve, rows, paired.bytes, paired.score.astype(bool, copy=False), paired.pixels))
    return needs


def smallest_files_table(group: Group, needs: list[ImageNeeds]) -> Table | None:
    """For each curve, what settings for all images waste against a setting for each; None without curves."""
    kinds = {
        "curve": Kind.NAME,
        "setting": Kind.NAME,
        "agreement %": Kind.NUMBER,
        "bpp": Kind.NUMBER,
        "oracle bpp": Kind.NUMBER,
        "wasted %": Kind.NUMBER,
        "without luck bpp": Kind.NUMBER,
        "wasted % (without luck)": Kind.NUMBER,
    }
    lines = [line for need in needs for line in _lines(group, need)]
    if not lines:
        return None
    images = sorted({len(need.bytes) for need in needs})
    counts = f"{images[0]:,}" if len(images) == 1 else f"{images[0]:,} to {images[-1]:,}"
    note = NOTE.format(images=counts)
    return Table(f"{group.title}: what one image needs", pd.DataFrame(lines, columns=list(kinds)), kinds, (note,))


def _lines(group: Group, need: ImageNeeds) -> Iterator[tuple[str, ...]]:
    rates, agreements = need.fixed()
    reaching = [np.flatnonzero(100 * agreements >= level - 1e-9) for level in LEVELS]
    for setting in dict.fromkeys(int(places[rates[places].argmin()]) for places in reaching if len(places)):
        cells: list[str] = []
        for agrees in (need.agrees, need.lasting):
            share, low, high = need.wasted(setting, agrees)
            if np.isnan(share):
                cells += ["-", "-"]
                continue
            interval = "" if np.isnan(low) else f" [{_percent(low)}, {_percent(high)}]"
            cells += [f"{(1 - share) * rates[setting]:.3f}", f"{_percent(share)}{interval}"]
        point = group.measured[need.rows[setting]].point
        yield (
            need.curve.name,
            point.title.split("+")[-1] if point.quantizer.name == "none" else point.title,
            f"{100 * agreements[setting]:.2f}",
            f"{rates[setting]:.3f}",
            *cells,
        )


def _percent(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"  # no minus before 0.0
