"""Points of a study that is not trusted, whose plug-ins may not run: their names and settings are taken from the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

from ...classifiers import CLASSIFIERS
from ...classifiers.base import Classifier
from ...codecs import CODECS
from ...codecs.base import Codec
from ...core import specs
from ...core.errors import BadSetting, RabenchError, Unavailable
from ...core.plugins import Family, Plugin, Text, setting
from ...datasets import DATASETS
from ...datasets.base import Dataset
from ...quantizers import QUANTIZERS
from ...quantizers.base import Quantizer
from ..records.format import Identity, Record
from ..study.matrix import Matrix, with_references
from ..study.points import Point
from ..study.sizes import Size

FAMILIES: tuple[tuple[Family[Any], type[Plugin]], ...] = (
    (DATASETS, Dataset),
    (QUANTIZERS, Quantizer),
    (CODECS, Codec),
    (CLASSIFIERS, Classifier),
)
"""The families of a record's labels, in their order."""
MOST = 1000
"""The most points that are made up from records."""


class Anything(Text):
    """Whatever a record names, of any type."""

    def __contains__(self, value: object) -> bool:
        return True


def _not_run(self: Plugin, *_: object, **__: object) -> Any:
    raise Unavailable(f"{self.name} is a plug-in of this study that may not run here; read it, then trust the study")


def _stand_in(name: str, base: type[Plugin], settings: dict[str, list[str]]) -> type[Plugin]:
    """A class with a plug-in's name and settings that can do nothing else. settings: the values that records name."""
    numbers = {key: values for key, values in settings.items() if all(map(_is_number, values))}
    # The one that trades rate for quality is not told: it is the number that takes most values
    quality = max(numbers, key=lambda key: len(set(numbers[key])), default=None)
    if quality is not None and len(set(numbers[quality])) < 2:
        quality = None
    members = []
    for key, values in sorted(settings.items()):
        default = _typed(values[0], key in numbers)
        members.append(
            (key, type(default), setting(default, Anything("as recorded"), quality_parameter=key == quality))
        )
    own = {n: _not_run for n in getattr(base, "__abstractmethods__", ()) if not isinstance(getattr(base, n), property)}
    own |= {
        n: property(_not_run)
        for n in getattr(base, "__abstractmethods__", ())
        if isinstance(getattr(base, n), property)
    }
    return make_dataclass(
        "StandIn", members, bases=(base,), namespace={**own, "name": name, "where": lambda _: None}, frozen=True
    )


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e15
    except ValueError:
        return False


def _typed(text: str, number: bool) -> Any:
    if not number:
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)


@dataclass
class StandIns:
    """Plug-ins that have the name and the settings of others whose code may not run, and can do nothing."""

    unrun: tuple[str, ...]
    """The names of those others."""
    known: dict[str, Plugin]
    """The plug-ins of the study's other points, by their labels."""
    classes: dict[tuple[int, str], type[Plugin]] = field(default_factory=dict)

    def learn(self, identities: Iterable[Identity]) -> None:
        """Makes the classes. Raises BadSetting for a label that is no spec."""
        found: dict[tuple[int, str], dict[str, list[str]]] = {}
        for identity in identities:
            for place, label in enumerate(_labels(identity)):
                name, settings = specs.parse(label)
                if name in self.unrun:
                    values = found.setdefault((place, name), {})
                    for key, value in settings.items():
                        values.setdefault(key, []).append(specs.unquote(value))
        for (place, name), settings in found.items():
            with suppress(TypeError, ValueError):  # names that no class can have
                self.classes[place, name] = _stand_in(name, FAMILIES[place][1], settings)

    def plugin(self, place: int, label: str) -> Any:
        """The plug-in of a label. Raises RabenchError where there is none."""
        if label in self.known:
            return self.known[label]
        name, settings = specs.parse(label)
        if (cls := self.classes.get((place, name))) is None:
            return FAMILIES[place][0].make(label)
        kinds = {f.name: type(f.default) for f in fields(cls)}
        return cls(**{key: kinds[key](specs.unquote(value)) for key, value in settings.items()})


def not_trusted(folder: Path, matrix: Matrix) -> list[str]:
    """A line on a study whose plug-ins may not run; none where all run. folder: the study's."""
    if not matrix.unrun:
        return []
    return [
        f"{folder} came from elsewhere and is not trusted: {', '.join(matrix.unrun)} did not run, and what is shown of it is "
        "what the records say; read its code, then trust the study"
    ]


def with_recorded(matrix: Matrix, records: Sequence[Record]) -> Matrix:
    """The matrix, and the points of its plug-ins that did not run, as far as records name them."""
    if not matrix.unrun:
        return matrix
    more = recorded_points(matrix.unrun, with_references(matrix), records)
    return replace(matrix, points=tuple(dict.fromkeys((*matrix.points, *more))))


def recorded_points(unrun: tuple[str, ...], points: Iterable[Point], records: Iterable[Record]) -> tuple[Point, ...]:
    """Points of plug-ins whose code may not run, as far as records name them.

    unrun: the names of these plug-ins. points: the study's other points. Records whose labels are no specs are left out.
    """
    known: dict[str, Plugin] = {plugin.label: plugin for point in points for plugin in point.plugins}
    wanted: dict[tuple[str, ...], Identity] = {}
    for record in records:
        if any(label.split(":")[0] in unrun for label in _labels(record.identity)) and len(wanted) < MOST:
            wanted.setdefault(record.identity.labels, record.identity)
    stand_ins = StandIns(unrun, known)
    readable = [identity for identity in wanted.values() if _is_spec(identity)]
    stand_ins.learn(readable)
    found: dict[Point, None] = {}
    for identity in readable:
        try:
            plugins = [stand_ins.plugin(place, label) for place, label in enumerate(_labels(identity))]
            found[Point(*plugins, size=_size(identity))] = None
        except (RabenchError, TypeError, ValueError, KeyError):  # made up by somebody
            continue
    return tuple(found)


def _is_spec(identity: Identity) -> bool:
    try:
        return all(specs.parse(label) for label in _labels(identity))
    except BadSetting:
        return False


def _labels(identity: Identity) -> tuple[str, str, str, str]:
    """The labels of the plug-ins, without the size that may stand before the quantizer's."""
    dataset, quantizer, codec, judge = identity.labels
    return (dataset, quantizer.rpartition(" ")[2], codec, judge)


def _size(identity: Identity) -> Size:
    text = identity.labels[1].rpartition(" ")[0]
    return Size.parse(text) if text else Size.parse("full")
