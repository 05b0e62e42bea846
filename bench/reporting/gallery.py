"""Some images of a study as they come out of its codecs, for the page to show. Runs quantizers and codecs anew."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from itertools import accumulate, zip_longest

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...core.errors import RabenchError
from ...core.images import RGB, AnyImage
from ...core.plugins import spread
from ...datasets.base import BadImage
from ..measuring import chain
from ..reading.columns import rows_of_both
from ..reading.curves import Measured
from ..reading.groups import Group

MOST = 200
"""Images of a gallery."""
POINTS = 24
"""Points under which each image is shown."""
PLAIN = 64
"""Pixels a side up to which a picture is kept as it is; larger ones are shrunk to twice that, and lossy."""
PATIENCE, FEWEST = 4.0, 6
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
    """Length of the codec's file."""
    alike: bool
    """Whether that file is as long as the measured one."""
    prediction: int
    """As it was measured."""


@dataclass(frozen=True)
class ShownImage:
    """An image of the gallery."""

    image: int
    """Its position in the data set."""
    name: str
    """Its file's name; empty where it has none."""
    size: tuple[int, int]
    """Width and height."""
    label: str
    why: str
    """Why it is shown: discordant or random."""
    original: str
    """As a data URI."""
    prediction: int
    """On the uncompressed image; -1 where it is not measured."""
    pictures: dict[int, Picture]
    """By point."""


@dataclass(frozen=True)
class Gallery:
    """Images under some points of a group."""

    points: list[int] = field(default_factory=list)
    images: list[ShownImage] = field(default_factory=list)
    of: int = 0
    """How many images there are in all."""
    left_out: str = ""
    """Why there is no gallery."""


def gallery(group: Group, images: NDArray[np.int64], room: int) -> Gallery:
    """Images for a page: those that points agree on least and as many drawn at random, together in ``room`` bytes.

    Quantizers and codecs run anew, so that a page shows what was measured; without the data set there is no gallery.
    """
    dataset = group.measured[0].point.dataset
    if dataset.where() is None:
        return Gallery(left_out=f"{dataset.short} is not on this machine")
    try:
        if dataset.stamp() != group.sources.stamp:
            return Gallery(left_out=f"{dataset.short} has changed since it was measured")
    except RabenchError as error:
        return Gallery(left_out=str(error))
    points, shown = _points(group), list[ShownImage]()
    chosen = _chosen(images, _verdicts(group, images))[: _affordable(group, points)]
    try:
        for part in (chosen[at : at + AT_ONCE] for at in range(0, len(chosen), AT_ONCE)):
            new = _shown(group, points, part)
            sizes = [len(s.original) + sum(len(p.source) for p in s.pictures.values()) for s in new]
            shown += [s for s, total in zip(new, accumulate(sizes), strict=True) if total <= room]
            room -= sum(sizes)
            if room <= 0:
                break
    except RabenchError as error:
        return Gallery(left_out=str(error))
    if not shown:
        return Gallery(left_out="no image fits into the page")
    return Gallery(points, sorted(shown, key=lambda s: s.image), len(images))


def _affordable(group: Group, points: list[int]) -> int:
    """Images whose pictures are made in some PATIENCE seconds, by what they took when they were measured."""
    seconds = 0.0
    for place in points:
        abouts = [record.about for record in group.measured[place].records]
        images = sum(about["stop"] - about["start"] for about in abouts)
        stages = ("quantize", "encode", "decode")
        seconds += sum(about["seconds"][stage] for about in abouts for stage in stages) / images
    return max(FEWEST, int(PATIENCE / max(seconds, 1e-9)))


def _points(group: Group) -> list[int]:
    """On each curve the lowest, the middle and the highest rate; the middle alone where there are many curves."""
    chosen = [spread([i for i in c.rows if i != group.reference], 3) for c in group.plotted]
    if sum(map(len, chosen)) > POINTS:
        chosen = [rows[len(rows) // 2 :][:1] for rows in chosen]
    return [i for rows in chosen for i in rows][:POINTS]


def _verdicts(group: Group, images: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many points have each of these images right and wrong, (N, 2)."""
    counts, every = np.zeros((len(images), 2), np.int64), np.ones(len(images), bool)
    for m in group.measured:
        rows, places = rows_of_both(m.columns["image"], images, m.judged, every)
        counts[places, (~m.right[rows]).astype(int)] += 1
    return counts


def _chosen(images: NDArray[np.int64], verdicts: NDArray[np.int64]) -> list[tuple[int, str]]:
    """Up to MOST images in the order in which they are shown as long as there is room: by turns one of either kind."""
    told_apart = verdicts[:, 0] * verdicts[:, 1]  # pairs of points
    order = np.argsort(-told_apart, kind="stable")
    discordant = [(int(images[i]), "discordant") for i in order[: MOST // 2] if told_apart[i]]
    taken = {image for image, _ in discordant}
    permuted = np.random.default_rng(SEED).permutation(images)
    random = [(int(i), "random") for i in permuted if int(i) not in taken][: MOST - len(discordant)]
    return [image for turn in zip_longest(discordant, random) for image in turn if image is not None]


def _shown(group: Group, points: list[int], chosen: list[tuple[int, str]]) -> list[ShownImage]:
    dataset = group.measured[0].point.dataset
    shown, pixels, files = [], [], {}
    for image, why in chosen:
        block = dataset.load(image, image + 1)
        original, label = block.images[0], int(block.labels[0])
        if isinstance(original, BadImage):
            continue
        prediction = None if group.reference is None else _cell(group.measured[group.reference], image, "prediction")
        class_name = dataset.classes[label] if 0 <= label < len(dataset.classes) else ""
        size = (original.shape[1], original.shape[0])
        uncompressed = -1 if prediction is None else prediction
        name = dataset.image_name(image)
        shown.append(ShownImage(image, name, size, class_name, why, _data_uri(original), uncompressed, {}))
        files[len(pixels)] = block.sources[0].file
        pixels.append(original)
    stages = {place: (group.measured[place].point.size, group.measured[place].point.quantizer) for place in points}
    for size, quantizer in dict.fromkeys(stages.values()):
        places = [place for place in points if stages[place] == (size, quantizer)]
        # What failed when it was measured is not tried again
        good = [any(_cell(group.measured[p], s.image, "bytes") is not None for p in places) for s in shown]
        sources = chain.resize(size, {i: source for i, source in enumerate(pixels) if good[i]})
        images, _ = chain.quantize(quantizer, sources)
        for place in places:
            for i, picture in _pictures(group.measured[place], images, sources, shown, files).items():
                shown[i].pictures[place] = picture
    return shown


def _cell(m: Measured, image: int, column: str) -> int | None:
    """A figure of an image that went through; None of one that did not."""
    rows = np.flatnonzero((m.columns["image"] == image) & m.good)
    return int(m.columns[column][rows[0]]) if len(rows) else None


def _pictures(
    m: Measured, images: dict[int, AnyImage], sources: dict[int, RGB], shown: list[ShownImage], stored: chain.Stored
) -> dict[int, Picture]:
    """Pictures of the images that a point was measured on without a failure, as far as its codec codes them now."""
    measured = {i: (_cell(m, shown[i].image, "bytes"), _cell(m, shown[i].image, "prediction")) for i in images}
    wanted = {i: images[i] for i in images if None not in measured[i]}
    coded = chain.code(m.point.codec, wanted, sources, stored=stored)
    pictures: dict[int, Picture] = {}
    for i, pixels in coded.pixels.items():
        length, prediction = measured[i]
        assert prediction is not None
        pictures[i] = Picture(_data_uri(pixels), len(coded.files[i]), len(coded.files[i]) == length, prediction)
    return pictures


def _data_uri(pixels: RGB) -> str:
    picture, side = Image.fromarray(pixels), max(pixels.shape[:2])
    if side > PLAIN:
        picture.thumbnail((2 * PLAIN, 2 * PLAIN), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=side <= PLAIN, quality=85 if side > PLAIN else 60, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
