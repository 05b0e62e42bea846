"""Some images of a study as they come out of its codecs, for the report to show."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from itertools import accumulate, zip_longest

import numpy as np
from PIL import Image

from ...core.errors import RabenchError
from ...core.images import RGB, AnyImage
from ...core.plugins import spread
from ...datasets.base import BadImage
from ..comparing.curves import Measured
from ..comparing.reading import Group
from ..running import chain

MOST = 200
POINTS = 24
PLAIN = 64
"""Pixels a side up to which a picture is kept as it is; larger ones are shrunk to twice that, and lossy."""
PATIENCE, FEWEST = 10.0, 6
"""Seconds that making pictures may take, and images that are shown even where it takes longer."""
AT_ONCE = 32
"""Images that go through a quantizer together."""
SEED = 0


@dataclass(frozen=True)
class Picture:
    """A decoded image."""

    source: str
    """As a data URI."""
    bytes: int
    """Of the codec's file."""
    alike: bool
    """Whether that file is as long as the measured one."""
    prediction: int
    """As it was measured."""


@dataclass(frozen=True)
class Shown:
    """An image of the gallery."""

    image: int
    """Its position in the data set."""
    size: tuple[int, int]
    """Width and height."""
    label: str
    why: str
    original: str
    prediction: int
    """Of the uncompressed image; -1 where it is not measured."""
    pictures: dict[int, Picture]
    """By point."""


@dataclass(frozen=True)
class Gallery:
    """Images under some points of a group."""

    points: list[int] = field(default_factory=list)
    images: list[Shown] = field(default_factory=list)
    of: int = 0
    """Images that there are."""
    left_out: str = ""
    """Why there is no gallery."""


def gallery(group: Group, stamp: str, room: int) -> Gallery:
    """The images whose predictions points agree on least, and as many at random; as many as ``room`` bytes hold.

    stamp: the data set's, as it was measured. Runs quantizers and codecs anew, so that a page shows what was measured; without the data set there is none.
    """
    dataset = group.measured[0].point.dataset
    if dataset.where() is None:
        return Gallery(left_out=f"{dataset.short} is not on this machine")
    if dataset.stamp() != stamp:
        return Gallery(left_out=f"{dataset.short} has changed since it was measured")
    points, shown = _points(group), list[Shown]()
    every, counts = _verdicts(group)
    wanted = _images(every, counts)[: _affordable(group, points)]
    try:
        for few in (wanted[at : at + AT_ONCE] for at in range(0, len(wanted), AT_ONCE)):
            found = _shown(group, points, few)
            sizes = [len(s.original) + sum(len(p.source) for p in s.pictures.values()) for s in found]
            fitting = [s for s, used in zip(found, accumulate(sizes), strict=True) if used <= room]
            shown, room = shown + fitting, room - sum(sizes)
            if room <= 0:
                break
    except RabenchError as error:
        return Gallery(left_out=str(error))
    if not shown:
        return Gallery(left_out="no image fits into the page")
    shown.sort(key=lambda s: s.image)
    return Gallery(points, shown, len(every))


def _affordable(group: Group, points: list[int]) -> int:
    """Images whose pictures are made in some PATIENCE seconds, by what they took when they were measured."""
    seconds = 0.0
    for place in points:
        told = [record.about for record in group.measured[place].records]
        images = sum(said["stop"] - said["start"] for said in told)
        seconds += sum(said["seconds"][stage] for said in told for stage in ("quantize", "encode", "decode")) / images
    return max(FEWEST, int(PATIENCE / max(seconds, 1e-9)))


def _points(group: Group) -> list[int]:
    """Of each curve the lowest, the middle and the highest rate; the middle alone where there are many curves."""
    several = [c for c in group.curves if any(i != group.reference for i in c.rows)]
    chosen = [spread([i for i in c.rows if i != group.reference], 3) for c in several]
    if sum(map(len, chosen)) > POINTS:
        chosen = [few[len(few) // 2 :][:1] for few in chosen]
    return [i for few in chosen for i in few][:POINTS]


def _verdicts(group: Group) -> tuple[np.ndarray, np.ndarray]:
    """Positions of images, and for each how many points have it right and wrong; (N,), (N, 2)."""
    every = np.unique(np.concatenate([m.rows["image"] for m in group.measured]))
    found = np.zeros((len(every), 2), np.int64)
    for m in group.measured:
        judged = m.good & (m.rows["label"] >= 0)
        places = np.searchsorted(every, m.rows["image"][judged])
        wrong = (m.rows["prediction"] != m.rows["label"])[judged].astype(int)
        np.add.at(found, (places, wrong), 1)
    return every, found


def _images(every: np.ndarray, counts: np.ndarray) -> list[tuple[int, str]]:
    """Up to MOST images in the order in which they are shown as long as there is room: by turns one of either kind."""
    flips = counts[:, 0] * counts[:, 1]  # pairs of points that it tells apart
    most = np.argsort(-flips, kind="stable")
    by_flips = [(int(every[i]), "flips") for i in most[: MOST // 2] if flips[i]]
    taken = {image for image, _ in by_flips}
    drawn = np.random.default_rng(SEED).permutation(every)
    by_chance = [(int(i), "random") for i in drawn if int(i) not in taken][: MOST - len(by_flips)]
    turns = zip_longest(by_flips, by_chance)
    return [found for both in turns for found in both if found is not None]


def _shown(group: Group, points: list[int], wanted: list[tuple[int, str]]) -> list[Shown]:
    dataset = group.measured[0].point.dataset
    found, pixels = [], []
    for image, why in wanted:
        block = dataset.load(image, image + 1)
        original, label = block.images[0], int(block.labels[0])
        if isinstance(original, BadImage):
            continue
        said = -1 if group.reference is None else _row(group.measured[group.reference], image, "prediction")
        name = dataset.classes[label] if 0 <= label < len(dataset.classes) else ""
        size = (original.shape[1], original.shape[0])
        found.append(Shown(image, size, name, why, _packed(original), -1 if said is None else said, {}))
        pixels.append(original)
    quantizers = dict.fromkeys(group.measured[place].point.quantizer for place in points)
    for quantizer in quantizers:
        mine = [place for place in points if group.measured[place].point.quantizer == quantizer]
        # What failed when it was measured is not tried again
        good = set.union(*(set(group.measured[p].rows["image"][group.measured[p].good].tolist()) for p in mine))
        sources = {i: p for i, p in enumerate(pixels) if found[i].image in good}
        images, _ = chain.quantize(quantizer, sources)
        for place in mine:
            for i, picture in _pictures(group.measured[place], images, sources, found).items():
                found[i].pictures[place] = picture
    return found


def _row(m: Measured, image: int, column: str) -> int | None:
    here = np.flatnonzero((m.rows["image"] == image) & m.good)
    return int(m.rows[column][here[0]]) if len(here) else None


def _pictures(
    m: Measured, images: dict[int, AnyImage], sources: dict[int, RGB], shown: list[Shown]
) -> dict[int, Picture]:
    """Of the images that a point was measured on without a failure, those that its codec codes now."""
    measured = {i: (_row(m, shown[i].image, "bytes"), _row(m, shown[i].image, "prediction")) for i in images}
    coded = chain.code(m.point.codec, {i: images[i] for i in images if None not in measured[i]}, sources)
    pictures: dict[int, Picture] = {}
    for i, pixels in coded.pixels.items():
        length, prediction = measured[i]
        assert prediction is not None
        pictures[i] = Picture(_packed(pixels), len(coded.files[i]), len(coded.files[i]) == length, prediction)
    return pictures


def _packed(pixels: RGB) -> str:
    picture, side = Image.fromarray(pixels), max(pixels.shape[:2])
    if side > PLAIN:
        picture.thumbnail((2 * PLAIN, 2 * PLAIN), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=side <= PLAIN, quality=85 if side > PLAIN else 60, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
