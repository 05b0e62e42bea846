"""`rabench add`: one codec more in a study that is measured, and how it compares with each curve there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..codecs import CODECS
from ..codecs.base import Codec
from ..core import specs
from ..core.errors import BadSetting, Refused, Unavailable
from ..core.files import write_text
from ..core.plugins import Span, spread
from . import runner
from .brought import bring
from .every_pair import EveryPair, every_pair
from .executors import Pool
from .matrix import Study, opened
from .reading import Group, judged, read
from .records import Index
from .runner import Outcome, Progress

SWEPT = 8
"""Values of the dial that are measured where none are named."""


def swept(text: str) -> list[Codec]:
    """The codecs that a text asks for; without a word on the dial a curve's worth of its values."""
    name, given = specs.parse(text)
    dial = CODECS[name].dial()
    if dial is None or dial in given:
        return CODECS.sweep(text)
    among = next(f for f in fields(CODECS[name]) if f.name == dial).metadata["among"]
    if isinstance(among, Span):
        raise BadSetting(f"say which values of {dial} to measure, such as {text}:{dial}={among.low:g},{among.high:g}")
    return CODECS.sweep(f"{text}:{dial}={','.join(map(str, spread(list(among), SWEPT)))}")


def add(
    study: Study,
    text: str,
    quantizers: list[str],
    plugins: list[Path],
    make_pool: Callable[[], Pool],
    progress: Progress | None = None,
    command: str = "rabench.add",
) -> Outcome:
    """Measures a codec alone on a study's images, with its classifiers, and notes it in ``added.toml``.

    quantizers: before the codec; ``none`` for originals. Raises Unavailable for a study without records or a codec that
    cannot run here, BadSetting for a name or setting that is none.
    """
    known = Index(study.records)
    if not known.datasets:
        raise Unavailable(f"{study.folder} is not measured yet; measure it first: rabench run {study.folder}")
    for path in plugins:
        bring(path)
    codecs = swept(text)
    codecs[0].version()
    before = study.added.read_text(encoding="utf-8") if study.added.is_file() else None
    after = _noted(study, codecs, quantizers, plugins, before)
    write_text(study.added, after)
    try:
        wanted = {codec.spec for codec in codecs}
        study.load()
        limits = {said["limit"] for said in known.datasets.values()}
        limit = limits.pop() if len(limits) == 1 else None
        return runner.run(study, make_pool, limit, progress, command, only=lambda point: point.codec.spec in wanted)
    except (BadSetting, Refused, Unavailable):
        if before is None:  # nothing was measured: nothing is added
            study.added.unlink(missing_ok=True)
        else:
            write_text(study.added, before)
        raise


def _noted(study: Study, codecs: list[Codec], quantizers: list[str], plugins: list[Path], before: str | None) -> str:
    """What ``added.toml`` says with the codecs in it: a block for each data set and classifiers of the matrix."""
    where, content = opened(study.matrix)
    places = [os.path.relpath(p, study.folder) for p in plugins]
    more = opened(study.added)[1] if before is not None else {}
    files = list(dict.fromkeys([*more.get("plugins", {}).get("files", []), *places]))
    blocks = list(more.get("points", []))
    judges: dict[str, dict[str, Any]] = {}
    for block in content.get("points", [{}]):
        whole = {**content, **block}
        if "dataset" not in whole or "classifiers" not in whole:
            raise where.error("[[points]]", "dataset or classifiers are missing")
        judge = {key: whole[key] for key in ("dataset", "classifiers")}
        judges.setdefault(json.dumps(judge, sort_keys=True), judge)
    for judge in judges.values():
        new = {**judge, "quantizers": quantizers, "codecs": [codec.spec for codec in codecs]}
        blocks += [new] if new not in blocks else []
    head = "# Codecs that `rabench add` measured for this study; a part of its matrix.\n"
    lines = [head, f"[plugins]\nfiles = {json.dumps(files)}\n"] if files else [head]
    for block in blocks:
        lines.append("[[points]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in block.items()))
    return "\n".join(lines)


def against_each(study: Study, codecs: list[Codec]) -> list[tuple[Group, EveryPair, list[int]]]:
    """BD figures of the new curves against every other: groups, their figures, and the rows that are new."""
    variants = {codec.variant for codec in codecs}
    found = []
    for group in (judged(g, None) for g in read(study).groups):
        pairs = every_pair(group)
        if pairs is not None:
            names = {c.name for c in group.curves if c.codec in variants}
            found.append((group, pairs, [i for i, name in enumerate(pairs.curves) if name in names]))
    return found
