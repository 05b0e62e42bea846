"""`rabench add`: one codec more in a study that is measured, and how it compares with each curve there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ...codecs.base import Codec
from ...core.errors import BadSetting, Refused, Unavailable
from ...core.files import write_text
from ...core.tables import Kind, Table
from ...core.toml_files import TomlFile
from ...quantizers import QUANTIZERS
from ...quantizers.base import Quantizer
from ..choosing.quality_values import quality_values
from ..comparing.bootstrap import Estimate
from ..comparing.comparison import with_interval
from ..comparing.pairwise import PairwiseBD
from ..records.index import Index
from ..reporting.group_report import GroupReport
from ..running import session
from ..running.pool import Pool
from ..running.runner import Progress
from ..running.session import Outcome
from ..study.plugin_files import load_plugins
from ..study.study import Study


@dataclass(frozen=True)
class Added:
    """What `add` measured."""

    outcome: Outcome
    codecs: list[Codec]
    quantizers: list[Quantizer]
    """The quantizers that run before the added codecs."""
    chosen: str
    """Which values of the quality parameter were taken where none were named, and why these; else nothing."""


def add(
    study: Study,
    text: str,
    quantizers: list[str],
    plugins: list[Path],
    make_pool: Callable[[], Pool],
    progress: Progress | None = None,
    command: str = "rabench.add",
) -> Added:
    """Measures a codec alone on a study's images, with its classifiers, and notes it in ``added.toml``.

    text: the codec; without a word on its quality parameter, values whose rates lie where the study's curves do.
    quantizers: before the codec; ``none`` for originals. Raises Unavailable for a study without records or a codec that
    cannot run here, BadSetting for a name or setting that is none.
    """
    index = Index(study.records)
    if not index.datasets:
        raise Unavailable(f"{study.folder} is not measured yet; measure it first: rabench run {study.folder}")
    points = study.load(measuring=True).points  # a codec in a file that the study names already needs no word on it
    for path in plugins:
        load_plugins(path)
    codecs, chosen = quality_values(text, quantizers, study, points)
    _check_origin(codecs[0], study, plugins)
    before = study.added.read_text(encoding="utf-8") if study.added.is_file() else None
    _note(study, codecs, quantizers, plugins)
    try:
        variants = {codec.variant for codec in codecs}  # points added before, too: they may be of edited code
        limits = {about["limit"] for about in index.datasets.values()}
        limit = limits.pop() if len(limits) == 1 else None
        outcome = session.run(study, make_pool, limit, progress, command, only=lambda p: p.codec.variant in variants)
        swept = [q for text in quantizers for q in QUANTIZERS.sweep(text)]
        return Added(outcome, codecs, swept, chosen)
    except (BadSetting, Refused, Unavailable):
        if before is None:  # nothing was measured: nothing is added
            study.added.unlink(missing_ok=True)
        else:
            write_text(study.added, before)
        raise


def _check_origin(codec: Codec, study: Study, plugins: list[Path]) -> None:
    """Refuses a codec of a file that is known in this process alone: the study could not be opened without it."""
    if codec.origin is None:
        return
    named = {path.name for path in plugins}
    for path in (study.matrix, study.added):
        if path.is_file():
            content = TomlFile.open(path).content
            named |= {path.name} | {Path(file).name for file in content.get("plugins", {}).get("files", [])}
    if codec.origin.name not in named:
        raise BadSetting(
            f"{codec.name} comes from {codec.origin.name}, which the study does not name; give it as `plugin`"
        )


def _note(study: Study, codecs: list[Codec], quantizers: list[str], plugins: list[Path]) -> None:
    """Adds codecs to what was added: a block for each data set, classifiers, metrics and sizes of the matrix."""
    matrix = TomlFile.open(study.matrix)
    more = TomlFile.open(study.added).content if study.added.is_file() else {}
    files = [*(study.folder / file for file in more.get("plugins", {}).get("files", [])), *plugins]
    blocks = list(more.get("points", []))
    combinations: dict[str, dict[str, Any]] = {}
    for block in matrix.content.get("points", [{}]):
        settings = {**matrix.content, **block}
        if "dataset" not in settings or "classifiers" not in settings:
            raise matrix.error("[[points]]", "dataset or classifiers are missing")
        shared = ("dataset", "classifiers", "metrics", "sizes")
        images_and_classifiers = {key: settings[key] for key in shared if key in settings}
        combinations.setdefault(json.dumps(images_and_classifiers, sort_keys=True), images_and_classifiers)
    for images_and_classifiers in combinations.values():
        new = {**images_and_classifiers, "quantizers": quantizers, "codecs": [codec.spec for codec in codecs]}
        blocks += [new] if new not in blocks else []
    study.write_added(files, blocks)


NOTE = (
    "On the {images:,} images that all points share; 95 % intervals from {resamples:,} bootstrap resamples of them. Where "
    "a reason stands instead of a figure, values of the quality parameter nearer to the other curve help, and rabench "
    "points says what a requirement costs."
)


def comparison_tables(groups: Sequence[GroupReport], added: Added) -> list[Table]:
    """BD figures of the curves that were added against every other, a table for each data set and classifier."""
    codecs = {codec.variant for codec in added.codecs}
    quantizers = {name for q in added.quantizers for name in (q.variant, q.short)}
    tables = []
    for part in groups:
        if part.pairs is None:
            continue
        names = {c.name for c in part.group.curves if c.codec in codecs and c.quantizer in quantizers}
        new = [i for i, name in enumerate(part.pairs.curves) if name in names]
        tables += _comparison_table(part.pairs, new)
    return tables


def _comparison_table(pairs: PairwiseBD, new: list[int]) -> list[Table]:
    kinds = {
        "curve": Kind.NAME,
        "against": Kind.NAME,
        f"BD-{pairs.measure.name}": Kind.NUMBER,
        "BD-rate": Kind.NUMBER,
    }
    lines = [
        (
            pairs.curves[i],
            pairs.curves[j],
            _figure(pairs.accuracy[i][j], ""),
            _figure(pairs.rate[i][j], " %"),
        )
        for i in new
        for j in range(len(pairs.curves))
        if j not in new
    ]
    if not lines:
        return []
    note = NOTE.format(images=pairs.images, resamples=pairs.resamples)
    title = f"{pairs.title}: the new against each"
    return [Table(title, pd.DataFrame(lines, columns=list(kinds)), kinds, (note,))]


def _figure(estimate: Estimate | None, unit: str) -> str:
    if estimate is None:
        return ""
    return estimate.reason or with_interval(estimate, unit)
