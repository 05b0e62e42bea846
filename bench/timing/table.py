"""Times as people read them."""

from __future__ import annotations

import pandas as pd

from ...core.tables import Kind, Table
from .times import Estimate, Times

NOTE = (
    "Milliseconds of processor time an image, of one worker{pinned} ({machine}): medians of {rounds} rounds with the 95 % "
    "interval of their order statistics, on {images} images of {megapixels:.3g} megapixels on average. Every image goes through all "
    "points, one after another, before the next one, and each round is divided by how slow it was for all together. {quantize}MP/s: megapixels "
    "of the originals a second, to store (quantize and encode) and to read (decode)."
)
BUSY = "The worker had to wait for its core {share:.0f} % of the time: the machine was busy."
WAITS = "{labels}: waits for something beside its core, a disk or another process, and takes {factor:.1f} times as long by the clock on the wall."
BUSY_SHARE, WAITING_SHARE = 0.05, 0.3
"""The shares of waiting time from which on the notes tell of it: of all points, and of one beyond that of the others."""


def times_table(times: Times, title: str) -> Table:
    """A row for each point that was timed. title: the data set's."""
    kinds = {
        "point": Kind.NAME,
        "quantize ms": Kind.NUMBER,
        "encode ms": Kind.NUMBER,
        "decode ms": Kind.NUMBER,
        "MP/s to store": Kind.NUMBER,
        "MP/s to read": Kind.NUMBER,
    }
    megapixels = times.pixels / times.images / 1e6
    lines = [
        (
            label,
            *(_with_interval(times.stage(name, stage)) for stage in ("quantize", "encode", "decode")),
            _pace(megapixels, times.encode(name)),
            _pace(megapixels, times.stage(name, "decode")),
        )
        for name, label in zip(times.names, times.labels, strict=True)
    ]
    frame = pd.DataFrame(lines, columns=list(kinds))
    if max(times.stage(name, "quantize").milliseconds for name in times.names) < 0.01:
        frame = frame.drop(columns="quantize ms")
    note = NOTE.format(
        quantize="quantize: resizing included. " if "quantize ms" in frame else "",
        pinned=", held to one core" if times.pinned else "",
        machine=times.machine,
        rounds=times.rounds,
        images=times.images,
        megapixels=megapixels,
    )
    return Table(f"{title}: times", frame, kinds, (note, *_waiting(times)))


def _waiting(times: Times) -> list[str]:
    notes = [BUSY.format(share=100 * times.waiting)] if times.waiting > BUSY_SHARE else []
    for name, label in zip(times.names, times.labels, strict=True):
        share = times.waits(name)
        if share > times.waiting + WAITING_SHARE:
            notes.append(WAITS.format(labels=label, factor=1 / (1 - share)))
    return notes


def milliseconds(value: float) -> str:
    """Three significant digits, without an exponent."""
    return (
        f"{value:.3f}"
        if value < 1
        else f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
        if value < 100
        else f"{value:.0f}"
    )


def _with_interval(estimate: Estimate) -> str:
    return f"{milliseconds(estimate.milliseconds)} [{milliseconds(estimate.low)}, {milliseconds(estimate.high)}]"


def _pace(megapixels: float, estimate: Estimate) -> str:
    return milliseconds(1000 * megapixels / max(estimate.milliseconds, 1e-6))
