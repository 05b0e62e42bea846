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
"""The most codecs and pixels of a task: they bound what a kill costs and how long a task may seem to hang.

A quantizer runs once for this many codecs. 1,000 images of 128x128 still go through eight codecs at once; of 512x512
through one.
"""

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
        by_codec: dict[Codec, list[Missing]] = {}
        for m in sorted(block, key=lambda m: forms[m.point.codec.canonical()]):
            by_codec.setdefault(m.point.codec, []).append(m)
        count = max(1, min(CODECS_A_TASK, PIXELS_A_TASK // max(1, block[0].pixels)))
        codecs = list(by_codec.values())
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
    closed: Collection[str] = (),
    seconds: Callable[[], float] = lambda: TASK_SECONDS,
    idle: Callable[[], bool] = lambda: True,
) -> Iterator[tuple[Task, list[Missing]] | None]:
    """The tasks that measure groups of records, each with the records that it gives or gives a piece of.

    A task takes about ``seconds()``, as far as ``pace``, which learns meanwhile, tells. One image of each kind of point that
    nobody has timed comes first; None says that all other groups wait for such an image, unless ``idle()`` says that
    none is under way. What ``pieces`` hold already is left out, and so are records in
    ``closed``, which may grow meanwhile.
    """
    asked: dict[str, int] = {}
    for group in _untimed(groups, pace):
        for members in _by_codec(group):  # all of them, so that they lack the same images afterwards
            first = members[0]
            if gaps := pieces.gaps(first.identity.name, first.start, first.stop):
                asked |= {m.identity.name: gaps[0][0] for m in members}
                yield _part(members, gaps[0][0], gaps[0][0] + FIRST_IMAGES)
    waiting = list(groups)
    while waiting:
        ready = next((i for i, group in enumerate(waiting) if all(pace.knows(m.identity.key) for m in group)), None)
        if ready is None and not idle():
            yield None
        else:
            yield from _tasks_of(waiting.pop(ready or 0), pace, pieces, closed, seconds, asked)


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
    asked: Mapping[str, int],
) -> Iterator[tuple[Task, list[Missing]]]:
    alike: dict[tuple[tuple[int, int], ...], list[Missing]] = {}
    for m in group:
        if m.identity.name in closed:
            continue
        gaps = pieces.gaps(m.identity.name, m.start, m.stop)
        if gaps and gaps[0][0] == asked.get(m.identity.name):  # its first image is under way
            gaps[0] = (gaps[0][0] + FIRST_IMAGES, gaps[0][1])
        alike.setdefault(tuple(gaps), []).append(m)
    for gaps, members in alike.items():
        for start, stop in gaps:
            while start < stop and (members := [m for m in members if m.identity.name not in closed]):
                images, together = _extent(members, pace, stop - start, seconds())
                end = min(stop, start + images)
                for part in [members] if together else _by_codec(members):
                    yield _part(part, start, end)
                start = end


def _part(members: list[Missing], start: int, stop: int) -> tuple[Task, list[Missing]]:
    """The task that measures records of one block on images start..stop-1, and the records."""
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
