"""Tables of trained networks: what each training set is worth, in bytes of real files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...core.tables import Kind, Table
from .results import SeededResult, difference

KINDS = {
    "trained on": Kind.NAME,
    "images": Kind.NUMBER,
    "MB": Kind.NUMBER,
    "tested on": Kind.NAME,
    "seeds": Kind.DETAIL,
    "accuracy": Kind.NUMBER,
    "95 % interval": Kind.NUMBER,
    "deviation of seeds": Kind.DETAIL,
    "against originals": Kind.NUMBER,
    "its interval": Kind.DETAIL,
}
COLUMNS = (
    *("dataset", "network", "trained_on", "budget_bytes", "tested_on", "same"),
    *("training_images", "training_bytes", "epochs", "seeds", "test_images"),
    *("accuracy", "accuracy_low", "accuracy_high", "seed_deviation", "difference", "difference_low", "difference_high"),
    "training_seconds",
)
"""Of trained.csv."""
LEGEND = (
    "MB: the files of the training images, and palettes that they share once; a mean over seeds where a budget chose other "
    "images for each. accuracy: the mean over seeds and images in percent; its interval counts both, and needs two seeds. "
    "deviation of seeds: the standard deviation of the accuracies of single seeds. against originals: in points, against "
    "the same network trained alike on lossless images and tested on originals, images paired; empty where there is none."
)


def trained_tables(tested: Sequence[SeededResult]) -> list[Table]:
    """A table for each network and data set of test images, the smallest training set first."""
    found = []
    for dataset, network in dict.fromkeys((t.dataset, t.network) for t in tested):
        own = [t for t in tested if (t.dataset, t.network) == (dataset, network)]
        own.sort(key=lambda t: (np.nan_to_num(t.known("bytes"), nan=np.inf), t.trained_on, not t.same))
        images = max(len(t.measured[0].columns["image"]) for t in own)
        title = f"{network} trained on stored images, {dataset} ({images:,} images)"
        frame = pd.DataFrame([_row(t, _originals(own, t)) for t in own], columns=list(KINDS))
        found.append(Table(title, frame, KINDS, _notes(own), LEGEND))
    return found


def _originals(tested: Sequence[SeededResult], like: SeededResult) -> SeededResult | None:
    """The network that was trained and tested on lossless images in full size, without a budget, and trained alike."""
    for t in tested:
        if t.training != like.training:
            continue
        lossless = t.images.quantizer.name == "none" and t.images.codec.lossless and not t.images.size
        if lossless and not t.budget and (t.test == "none+raw" or t.same):
            return t
    return None


def _row(t: SeededResult, originals: SeededResult | None) -> list[str]:
    mean = t.mean()
    row = [
        t.trained_on_title,
        number(t.known("images"), ",.0f"),
        number(t.known("bytes") / 1e6, ".3g"),
        tested_on(t.test_title, t.same),
        str(t.seeds),
        f"{100 * mean.value:.2f}",
        interval(100 * mean.low, 100 * mean.high, ""),
        number(100 * mean.seed_deviation, ".2f"),
    ]
    if originals is None or originals is t:
        return [*row, "", ""]
    d = difference(t, originals)
    return [*row, f"{100 * d.value:+.2f}", interval(100 * d.low, 100 * d.high, "+")]


def _notes(tested: Sequence[SeededResult]) -> tuple[str, ...]:
    notes = [line for line in [_training_note(tested)] if line]
    if any(t.seeds < 2 for t in tested):
        notes.append("Networks of one seed have no interval: nothing is known of other seeds.")
    if any(not all(m.complete for m in t.measured) for t in tested):
        notes.append("Not all test images are measured at every point yet.")
    of_networks = {(t.trained_on, seed): about for t in tested for seed, about in enumerate(t.abouts)}
    lost = sum(int(about.get("not_coded", 0)) for about in of_networks.values())
    if lost:
        notes.append(f"{lost:,} training images could not be coded, all networks together; no network saw them.")
    return tuple(notes)


def _training_note(tested: Sequence[SeededResult]) -> str:
    """How long networks were trained, and with which recipe; nothing where records were copied without it."""
    known = [
        a for t in tested for a in t.abouts if isinstance(a.get("epochs"), int) and isinstance(a.get("images"), int)
    ]
    if not known:
        return ""
    epochs = _span([a["epochs"] for a in known])
    learned = _span([e if isinstance(e := a.get("examples"), int) else a["epochs"] * a["images"] for a in known])
    recipes = [t.training[0] for t in tested if isinstance(t.training[0], dict)]
    text = f"Trained for {epochs} epoch{'s' * (epochs != '1')}, on {learned} images counted with repetition"
    if recipes and all(recipe == recipes[0] for recipe in recipes):
        values = [f"{name} {recipes[0][name]}" for name in ("lr", "batch", "precision") if name in recipes[0]]
        text += f"; recipe: {', '.join(values)}"
    return f"{text}."


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def tested_on(title: str, same: bool) -> str:
    """How test images are stored, and whether training images are stored so, too."""
    return f"{title}{' (same)' if same else ''}"


def number(value: float, how: str) -> str:
    """A number formatted so; a hyphen where nothing is known."""
    return format(value, how) if np.isfinite(value) else "-"


def interval(low: float, high: float, sign: str) -> str:
    """The ends of an interval; a hyphen where there is none."""
    return f"[{low:{sign}.2f}, {high:{sign}.2f}]" if np.isfinite(low) else "-"


def summary(tested: Sequence[SeededResult]) -> pd.DataFrame:
    """A row for each network, training set and way to store test images, as trained.csv has them: shares and bytes."""
    groups: dict[tuple[str, str], list[SeededResult]] = {}
    for t in tested:
        groups.setdefault((t.dataset, t.network), []).append(t)
    rows = [_summary_row(t, _originals(groups[t.dataset, t.network], t)) for t in tested]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _summary_row(t: SeededResult, originals: SeededResult | None) -> dict[str, object]:
    mean, d = t.mean(), None if originals is None or originals is t else difference(t, originals)
    return {
        "dataset": t.measured[0].point.dataset.label,
        "network": t.network,
        "trained_on": t.images.name,
        "budget_bytes": t.budget or None,
        "tested_on": t.test,
        "same": t.same,
        "training_images": t.known("images"),
        "training_bytes": t.known("bytes"),
        "epochs": t.known("epochs"),
        "seeds": t.seeds,
        "test_images": mean.images,
        "accuracy": mean.value,
        "accuracy_low": mean.low,
        "accuracy_high": mean.high,
        "seed_deviation": mean.seed_deviation,
        "difference": d and d.value,
        "difference_low": d and d.low,
        "difference_high": d and d.high,
        "training_seconds": t.known("seconds"),
    }
