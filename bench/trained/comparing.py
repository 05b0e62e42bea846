"""Training sets side by side: what networks trained on one are worth against those trained on another."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...core.errors import BadSetting, Refused, nearest
from ...core.escapes import csv_of
from ...core.tables import Kind, Table
from ..reading.groups import read
from ..study.study import Study
from .results import SeededResult, difference, results_of, set_name, short_names, test_title, untrained
from .tables import interval, number, tested_on

KINDS = {
    "trained on": Kind.NAME,
    "MB": Kind.NUMBER,
    "of the anchor's bytes": Kind.NUMBER,
    "tested on": Kind.NAME,
    "accuracy": Kind.NUMBER,
    "against the anchor": Kind.NUMBER,
    "95 % interval": Kind.NUMBER,
}
LEGEND = (
    "MB: the files of the training images. accuracy: the mean over seeds and images in percent. against the anchor: in points, "
    "on the same test images; where both were tested on images stored as their own training images, on those. Each interval "
    "counts seeds and images, holds by itself, and needs two seeds of both."
)


@dataclass(frozen=True)
class TrainedComparison:
    """Training sets against an anchor, for one network and data set of test images."""

    title: str
    anchor: str
    """The training set that the others are compared with."""
    frame: pd.DataFrame
    """A row for each other training set and way to store test images: sizes in bytes, accuracies and differences in percent
    and points, and whether the networks were trained alike."""
    bad: list[str]
    """A line for each file among the records that is left out, with the reason, and on networks that are not trained."""
    short: Mapping[str, str]
    """The short names of training sets and ways to store test images, by those of ``frame``."""

    @property
    def table(self) -> Table:
        """The comparison as people read it."""
        rows = [
            [
                self.short[r["trained_on"]],
                number(r["training_bytes"] / 1e6, ".3g"),
                number(r["training_bytes"] / r["anchor_bytes"], ".1%").replace("%", " %"),
                tested_on(test_title(r["tested_on"], self.short), r["same"]),
                f"{r['accuracy_percent']:.2f}",
                f"{r['difference_points']:+.2f}",
                interval(r["difference_points_low"], r["difference_points_high"], "+"),
            ]
            for r in self.frame.to_dict("records")
        ]
        otherwise = self.frame.trained_on[~self.frame.trained_alike].unique()
        notes = [
            f"{self.short[name]} was trained otherwise than the anchor: another recipe, length or limit."
            for name in otherwise
        ]
        return Table(self.title, pd.DataFrame(rows, columns=list(KINDS)), KINDS, tuple(notes), LEGEND)


def has_trained_alone(studies: Sequence[Study]) -> bool:
    """Whether one study is named, which has [[training]] and no [[points]]."""
    if len(studies) > 1:
        return False
    matrix = studies[0].load()
    return bool(matrix.trained) and not matrix.points and not matrix.unrun


def compare_trained(
    studies: Study | Sequence[Study], anchor: str, tests: Sequence[str] = ()
) -> list[TrainedComparison]:
    """One comparison for each network and data set that has the anchor among its training sets.

    anchor, tests: training sets as tables name them, such as ``bpg:qp=37`` or ``none+png, 4MB``; the tests are all others
    where none is named. Raises BadSetting for a name that fits no training set, Unavailable without records, Refused where
    nothing can be compared.
    """
    study, *others = [studies] if isinstance(studies, Study) else studies
    if others:
        raise BadSetting(f"training sets are compared within one study, got {len(others) + 1}")
    if not study.load().trained:
        raise Refused(f"{study.name} has no [[training]] block, so that it has no training sets to compare")
    reading = read(study, trained=True)
    results = results_of(reading, study.folder)
    if not results:
        raise Refused(
            f"{study.folder} has no results of networks of [[training]] yet; train and measure them: rabench run"
        )
    asked = {set_name(t.network.images, t.network.budget) for t in reading.matrix.trained}
    bad = [*reading.bad, *untrained(reading, study.folder)]
    comparisons: list[TrainedComparison] = []
    mistakes: list[BadSetting] = []
    for dataset, network in dict.fromkeys((r.dataset, r.network) for r in results):
        own = [r for r in results if (r.dataset, r.network) == (dataset, network)]
        try:
            first = _named(anchor, own, asked, "anchor")
            others = {name: None for t in tests for name in [_named(t, own, asked, "test")]} or {
                r.trained_on: None for r in own if r.trained_on != first
            }
        except BadSetting as mistake:
            mistakes.append(mistake)
            continue
        anchors = [r for r in own if r.trained_on == first]
        pairs = [(r, a) for r in own if r.trained_on in others for a in counterparts(r, anchors)]
        rows = [row for row in (_row(*pair) for pair in pairs) if row["test_images"]]
        if rows:
            frame = pd.DataFrame(rows).sort_values(["training_bytes", "trained_on"], kind="stable", ignore_index=True)
            title = f"{network} trained on stored images, against {own[0].short[first]}, {dataset}"
            title += f" ({max(frame.test_images):,} images)"
            comparisons.append(TrainedComparison(title, first, frame, bad, own[0].short))
    if comparisons:
        return comparisons
    if mistakes:
        raise mistakes[0]
    raise Refused(f"nothing was tested as the networks trained on {anchor} were")


def _named(name: str, results: Iterable[SeededResult], asked: Collection[str], argument: str) -> str:
    """The training set of a name, as tables show it or in full. asked: those of the matrix, measured or not."""
    by_name = {r.trained_on_title: r.trained_on for r in results}
    shown = list(by_name)
    # Those that are called the same elsewhere in the study may be named so where one alone is meant
    by_name = {short: full for full, short in short_names(by_name.values()).items()} | by_name
    by_name |= {f"none+{short}": full for short, full in by_name.items()} | {full: full for full in by_name.values()}
    if name in by_name:
        return by_name[name]
    if {name, f"none+{name}"} & set(asked):
        raise BadSetting(
            f"`{argument}` {name!r} is not trained and measured yet; measure it, or name one of {'; '.join(shown)}"
        )
    alike = [repr(title) for title in shown if title.startswith(name)]
    hint = f" (did you mean {' or '.join(alike[:3])}?)" if alike else nearest(name, shown)
    raise BadSetting(f"`{argument}` {name!r} is no training set of this study{hint}; there are {'; '.join(shown)}")


def counterparts(test: SeededResult, anchors: Sequence[SeededResult]) -> list[SeededResult]:
    """The anchor's networks on the test images that a result is compared on: both as their own, or stored alike."""
    own = [a for a in anchors if a.same and test.same]
    return own + [a for a in anchors if a.test == test.test and a not in own]


def _row(test: SeededResult, anchor: SeededResult) -> dict[str, object]:
    mean, d = test.mean(), difference(test, anchor)
    return {
        "dataset": test.measured[0].point.dataset.label,
        "network": test.network,
        "trained_on": test.trained_on,
        "anchor": anchor.trained_on,
        "tested_on": test.test,
        "anchor_tested_on": anchor.test,
        "same": test.same and anchor.same,
        "training_images": test.known("images"),
        "training_bytes": test.known("bytes"),
        "anchor_bytes": anchor.known("bytes"),
        "seeds": test.seeds,
        "anchor_seeds": anchor.seeds,
        "test_images": d.images,
        "accuracy_percent": 100 * mean.value,
        "difference_points": 100 * d.value,
        "difference_points_low": 100 * d.low,
        "difference_points_high": 100 * d.high,
        "trained_alike": test.training == anchor.training,
    }


def as_text(comparisons: Sequence[TrainedComparison], form: str) -> str:
    """markdown and latex as people read them; csv and json with every figure."""
    if form == "json":
        return json.dumps(
            [record for c in comparisons for record in json.loads(str(c.frame.to_json(orient="records")))], indent=1
        )
    if form == "csv":
        return csv_of(pd.concat([c.frame for c in comparisons], ignore_index=True))
    return "\n".join(c.table.markdown() if form == "markdown" else c.table.latex() for c in comparisons)
