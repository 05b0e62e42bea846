"""What trainings need: memory, disk, and time."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path

from ...core.errors import RabenchError
from ...core.json_texts import parsed
from ...core.quantities import counted
from ...datasets.base import BadImage
from ..study.trained import ABOUT, TrainedNetwork
from .networks import Training

DISK = 2_000_000_000
"""The bytes of coded training images from which on those that are needed last are removed, to be coded again then."""


def demands(missing: Sequence[Training], slots: int) -> str:
    """What some trainings need at the most: networks, images to learn from, memory, disk."""
    sets = dict.fromkeys(t.network.images for t in missing)
    seen = [_bytes(t) for t in {(t.network.images, t.network.side): t for t in missing}.values()]
    largest, stored = max((s for s, _ in seen), default=0), [d for _, d in seen]
    disk = min(sum(stored), DISK + max(stored, default=0))
    return (
        f"{counted(len(missing), 'network')} to train on {counted(len(sets), 'training set')}; at most {_mega(max(1, slots) * largest)} of memory for "
        f"images, and about {_mega(disk)} of disk for coded ones"
    )


def time_needed(missing: Sequence[Training], folder: Path, slots: int) -> str:
    """A line on how long trainings take, at the pace of networks of their names that were trained before.

    folder: the study's. slots: how many train side by side.
    """
    paces = _paces(folder)
    known = [t.network for t in missing if t.network.network in paces]
    unknown = list(dict.fromkeys(t.network.network for t in missing if t.network.network not in paces))
    if not known:
        return "how long that takes is not known before a network is trained"
    seconds = sum(paces[n.network] * _examples(n) for n in known) / max(1, min(slots, len(known)))
    without = f", without {', '.join(unknown)}, which nobody has trained here yet" if unknown else ""
    return f"about {seconds / 60:,.0f} min of training{without}"


def _paces(folder: Path) -> dict[str, float]:
    """Seconds for an image that is learned from, by network: the mean over what was trained before."""
    sums: dict[str, tuple[float, float]] = {}
    for file in (folder / ABOUT).glob("*.json"):
        try:
            about = parsed(file.read_text(encoding="utf-8"))
            network, seconds = str(about["conditions"]["network"]), float(about["seconds"])
            examples = int(about.get("examples", about["images"] * about["epochs"]))
            if not 0 < seconds < inf or examples < 1:
                continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            continue  # of a training that failed, or nothing that can be read
        before = sums.get(network, (0.0, 0))
        sums[network] = (before[0] + seconds, before[1] + examples)
    return {network: seconds / examples for network, (seconds, examples) in sums.items()}


def _examples(network: TrainedNetwork) -> int:
    """The images that a training learns from, counted with repetition; under a budget at the most."""
    try:
        count = len(network.images.dataset)
    except RabenchError:
        return 0
    images = min(count, network.images.limit or count)
    return network.examples or network.recipe.epochs * images


def _mega(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _bytes(training: Training) -> tuple[int, int]:
    """The bytes of a training set's pixels as the network sees them, and as they are stored raw, by its first images."""
    images = training.network.images
    try:
        count = min(len(images.dataset), images.limit or len(images.dataset))
        first = [i for i in images.dataset.load(0, 20).images if not isinstance(i, BadImage)]
    except RabenchError:
        return 0, 0
    raw = sum(images.size.resized(i).nbytes for i in first) // max(1, len(first))
    side = training.network.side
    return count * (3 * side * side or max((i.nbytes for i in first), default=0)), count * raw
