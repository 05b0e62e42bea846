"""How missing records are cut into tasks: which are measured together, in which order, and how many images at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from ...codecs.base import Codec
from ...core.plugins import Plugin
from ..measuring.task import Task
from ..records.pieces import Pieces
from ..study.points import Point
from .pace import Pace, kind_of
from .plan import Missing

CODECS_A_TASK, PIXELS_A_TASK = 8, 1 << 27
"""The most codecs that records of a block are measured with together, and the most pixels times codecs.

A quantizer runs once for this many codecs. 1,000 images of 128x128 still go through eight codecs at once; of 512x512
through one.
"""
Batch = tuple[Task, list[Missing]]
"""A task, and the record that each of its pairs gives, or gives a piece of."""

TASK_SECONDS, SHORTEST_SECONDS, FIRST_IMAGES = 10.0, 1.0, 1
"""How long a task is to take, which bounds what a kill costs; how long in the end, when other workers wait for the last;
and the images of a task whose pace nobody knows yet."""


def make_groups(missing: list[Missing]) -> list[list[Missing]]:
    """Missing records that are measured together, in the order in which they are.

    A block is loaded and quantized once for up to CODECS_A_TASK codecs, and all classifiers share the files. The first
    images come first, and on them the ends and the middle of every curve, so that all curves can be seen early.
    """

    def place(m: Missing) -> tuple[str, int, int, str, str]:
        return (m.point.dataset.spec, m.start, m.stop, str(m.point.size), m.point.quantizer.spec)

    levels, ranks = _levels(dict.fromkeys(m.point for m in missing)), _block_ranks(missing)
    together: dict[tuple[str, int, int, str, str], list[Missing]] = {}
    for m in missing:
        together.setdefault(place(m), []).append(m)
    groups: list[list[Missing]] = []
    for block in together.values():
        alike: dict[Codec, int] = {}  # codecs that write the same files stay together
        for m in block:
            form = m.point.codec.canonical()
            alike[form] = min(levels[m.point], alike.get(form, levels[m.point]))
        forms = {form: place for place, form in enumerate(sorted(alike, key=alike.__getitem__))}
        codecs = _by_codec(sorted(block, key=lambda m: forms[m.point.codec.canonical()]))
        count = max(1, min(CODECS_A_TASK, PIXELS_A_TASK // max(1, block[0].pixels)))
        firsts = range(0, len(codecs), count)
        groups += [list(chain.from_iterable(codecs[first : first + count])) for first in firsts]
    return sorted(groups, key=lambda g: (ranks[_block(g[0])], min(levels[m.point] for m in g)))


def _block(m: Missing) -> tuple[str, int]:
    return (m.point.dataset.spec, m.start)


def _block_ranks(missing: Iterable[Missing]) -> dict[tuple[str, int], int]:
    """The place of each block among those of its data set, as they are named."""
    count, ranks = Counter[str](), dict[tuple[str, int], int]()
    for block in map(_block, missing):
        if block not in ranks:
            ranks[block] = count[block[0]]
            count[block[0]] += 1
    return ranks


def _levels(points: Iterable[Point]) -> dict[Point, int]:
    """How early each point of a curve is measured: 0 for its ends and middle, 1 for those halfway between, and so on."""
    curves: dict[tuple[object, ...], list[Point]] = {}
    for p in points:
        curves.setdefault((p.dataset, p.size, p.quantizer.variant, p.codec.variant, p.judge), []).append(p)
    levels: dict[Point, int] = {}
    for curve in curves.values():
        ordered = sorted(curve, key=lambda p: (_quality(p.quantizer), _quality(p.codec)))
        levels |= zip(ordered, bisection_levels(len(ordered)), strict=True)
    return levels


def _quality(plugin: Plugin) -> float:
    """The value of the setting that trades rate for quality; 0 where there is none, or no number."""
    value = getattr(plugin, plugin.quality_parameter() or "", 0)
    return float(value) if isinstance(value, int | float) else 0.0


def bisection_levels(count: int) -> list[int]:
    """The level of each of ``count`` places in a row: 0 for the ends and the middle, 1 for the middles between these, ..."""
    levels = [0] * count
    halves = [(0, count // 2), (count // 2, count - 1)]
    level = 1
    while halves := [(a, b) for a, b in halves if b - a > 1]:
        for a, b in halves:
            levels[(a + b) // 2] = level
        halves = [half for a, b in halves for half in ((a, (a + b) // 2), ((a + b) // 2, b))]
        level += 1
    return levels


def make_tasks(
    groups: Sequence[list[Missing]],
    pace: Pace,
    pieces: Pieces,
    closed: Collection[str],
    seconds: Callable[[], float],
    idle: Callable[[], bool],
) -> Iterator[Batch | None]:
    """The tasks that measure groups of records, one after another; None where the next has to wait for a task under way.

    pace: how long images take; it may learn from one task to the next. Kinds of points that it does not know are timed by
    one image each, which come first, and their groups wait for it. pieces: whose images are left out. closed: the names of
    records to leave out; it may grow from one task to the next. seconds: tells how long the next task is to take. idle:
    tells whether no task is under way, so that there is nothing to wait for.
    """
    timing: dict[str, int] = {}
    """The image that times a record's kind, by the record's name."""
    for group in _untimed(groups, pace):
        for members in _by_codec(group):  # all of them, so that they lack the same images afterwards
            first = members[0]
            if gaps := pieces.gaps(first.identity.name, first.start, first.stop):
                timing |= {m.identity.name: gaps[0][0] for m in members}
                yield part_of_block(members, gaps[0][0], gaps[0][0] + FIRST_IMAGES)
    waiting = list(groups)
    while waiting:
        ready = next((i for i, group in enumerate(waiting) if all(pace.knows(m.identity.key) for m in group)), None)
        if ready is None and not idle():
            yield None
        else:
            yield from _tasks_of(waiting.pop(ready or 0), pace, pieces, closed, seconds, timing)


def _untimed(groups: Iterable[list[Missing]], pace: Pace) -> Iterator[list[Missing]]:
    """The first group with each kind of point whose pace nobody knows."""
    asked: set[str] = set()
    for group in groups:
        kinds = {kind_of(m.identity.key) for m in group if not pace.knows(m.identity.key)}
        if kinds - asked:
            asked |= kinds
            yield group


def _tasks_of(
    group: list[Missing],
    pace: Pace,
    pieces: Pieces,
    closed: Collection[str],
    seconds: Callable[[], float],
    timing: Mapping[str, int],
) -> Iterator[Batch]:
    alike: dict[tuple[tuple[int, int], ...], list[Missing]] = {}
    for m in group:
        if m.identity.name in closed:
            continue
        gaps = pieces.gaps(m.identity.name, m.start, m.stop)
        if gaps and gaps[0][0] == timing.get(m.identity.name):  # it is under way
            gaps[0] = (gaps[0][0] + FIRST_IMAGES, gaps[0][1])
        alike.setdefault(tuple(gaps), []).append(m)
    for gaps, members in alike.items():
        for start, stop in gaps:
            while start < stop and (members := [m for m in members if m.identity.name not in closed]):
                images, together = _extent(members, pace, stop - start, seconds())
                end = min(stop, start + images)
                for part in [members] if together else _by_codec(members):
                    yield part_of_block(part, start, end)
                start = end


def part_of_block(members: list[Missing], start: int, stop: int) -> Batch:
    """The task that measures records of one block on its images start..stop-1, and the records."""
    task = task_of(members)
    if (start, stop) == (task.start, task.stop):
        return task, members
    return replace(task, start=start, stop=stop, block=""), members


def _extent(members: list[Missing], pace: Pace, left: int, seconds: float) -> tuple[int, bool]:
    """How many of the images that are left a task takes, and whether through all codecs together."""
    known = [pace.seconds(m.identity.key, 1) for m in members if pace.knows(m.identity.key)]
    if len(known) < len(members):
        return FIRST_IMAGES, False
    if not all(pace.measured(m.identity.key) for m in members):
        seconds /= 2  # settings of one kind may take twice as long as others
    an_image = sum(known)
    if an_image * left <= 1.3 * seconds:
        return left, True
    return max(1, int(seconds / an_image)), an_image <= seconds


def _by_codec(members: list[Missing]) -> list[list[Missing]]:
    codecs: dict[Codec, list[Missing]] = {}
    for m in members:
        codecs.setdefault(m.point.codec, []).append(m)
    return list(codecs.values())


def task_of(members: list[Missing]) -> Task:
    """The task that measures records of one block and one quantizer; its pairs are in the order of ``members``."""
    first = members[0]
    size = first.point.size
    versions = {str(size): size.version()} if size else {}
    for m in members:
        plugins = (m.point.quantizer, m.point.codec, m.point.judge)
        own = (m.point.without_size(m.identity.versions[0]), *m.identity.versions[1:])
        versions.update(zip((p.spec for p in plugins), own, strict=True))
    return Task(
        first.point.dataset,
        first.start,
        first.stop,
        first.content,
        first.point.quantizer,
        tuple((m.point.codec, m.point.judge) for m in members),
        tuple(versions.items()),
        size,
    )
