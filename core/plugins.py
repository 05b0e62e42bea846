"""Plug-ins are frozen dataclasses; a spec is one written as text.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Blur(Plugin):
...     name = "blur"
...     radius: int = setting(1, range(1, 10), quality_parameter=True)
>>> Blur(radius=3).spec
'blur:radius=3'
>>> Blur(radius=30)
Traceback (most recent call last):
rabench.core.errors.BadSetting: blur: radius must be in 1..9, got 30
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from importlib.metadata import entry_points
from operator import index
from pathlib import Path
from typing import Any, ClassVar, Generic, SupportsIndex, TypeVar

from . import specs
from .errors import BadSetting, UnknownName, nearest, unknown

LONGEST_NAME = 255
"""The most bytes of a file's name."""
MOST_SWEPT = 100_000
"""The most plug-ins that one text asks for."""


@dataclass(frozen=True)
class Span:
    """Every float from ``low`` to ``high``, both allowed."""

    low: float
    high: float
    unit: str = ""

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"in {self.low:g}..{self.high:g} {self.unit}".strip()


@dataclass(frozen=True)
class Text:
    """Free text; ``what`` says what it must be."""

    what: str
    required: bool = False

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and (bool(value) or not self.required)

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Location(Text):
    """A path or a name of content kept elsewhere: *what* lies there counts, not where.

    Left out of a plug-in's ``key``; the plug-in's ``version()`` names the content instead.
    """

    def __contains__(self, value: object) -> bool:
        if not super().__contains__(value):
            return False
        try:
            names = Path(str(value)).expanduser().parts
        except RuntimeError:  # the home of a user that is none
            return False
        return "\0" not in str(value) and all(len(name.encode(errors="replace")) <= LONGEST_NAME for name in names)

    def found(self, path: Path) -> bool:
        """Whether something lies at a path."""
        with suppress(OSError):  # such as a name that is too long
            return path.exists()
        return False


def setting(
    default: Any,
    among: Collection[Any] | Span | Text,
    *,
    quality_parameter: bool = False,
    help: str = "",
    later: bool = False,
    remark: bool = False,
    dial: bool = False,
) -> Any:
    """Declares a plug-in's setting once, for validation, sweeps and help.

    among: every value allowed. quality_parameter: whether this is the one that trades rate for quality (``dial`` is its
    name in plug-ins written before version 0.2). help: what the setting does and what its choices mean, as `rabench
    list` shows it; no part of a key. later: for a setting that a plug-in got after it was first used: its default must
    mean what was done before, and a key leaves it out then, so that records from before are still found. remark: for a
    setting that changes no result, and is no part of a key.
    """
    return field(
        default=default,
        metadata={
            "among": among,
            "quality_parameter": quality_parameter or dial,
            "help": help,
            "later": later,
            "remark": remark,
        },
    )


@dataclass(frozen=True)
class Plugin:
    """One named choice with its settings. Equal settings must mean equal results."""

    name: ClassVar[str]
    origin: ClassVar[Any] = None
    """The file that the class was made from (origins.py); None for a class of a package."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if self.origin is None:
            return super().__reduce_ex__(protocol)
        return self.origin.revive, (self.name, {f.name: value for f, value in self._pairs()})

    def __init_subclass__(cls) -> None:
        taken = {n for n, value in vars(Plugin).items() if isinstance(value, property)} & set(cls.__annotations__)
        if taken:
            raise TypeError(
                f"{cls.__name__}: a setting cannot be named {', '.join(taken)}; every plug-in has that already"
            )

    def __post_init__(self) -> None:
        for f in fields(self):
            value = _in_declared_type(getattr(self, f.name), type(f.default))
            if type(value) is not type(f.default) or value not in f.metadata["among"]:
                raise BadSetting(f"{self.name}: {f.name} must be {describe(f)}, got {getattr(self, f.name)!r}")
            object.__setattr__(self, f.name, value)

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU where there is one; its tasks then go to such workers of a cluster."""
        return False

    def check_point(self, parts: Mapping[str, Any]) -> None:
        """Raises Refused, with the remedy, where this plug-in does not belong with the others of a point.

        parts: the plug-ins of the point, under ``dataset``, ``quantizer``, ``codec`` and ``classifier``.
        """

    def point_notes(self, parts: Mapping[str, Any]) -> list[str]:
        """What a reader of a point's results must know of this plug-in beside the others, a sentence each.

        parts: as for check_point; the classifier is the one that was trained on originals. A RabenchError says that
        something needed to know it is not on this machine: there is no note then.
        """
        return []

    @classmethod
    def lacking(cls) -> list[str]:
        """Methods that a class must have beside its abstract ones, and has not."""
        return []

    @property
    def spec(self) -> str:
        """This plug-in as text, from which it can be made again.

        Every setting is spelled out, defaults too, so that changing a default
        can never make an old result look like a new one.
        """
        return specs.join(self.name, {f.name: value for f, value in self._pairs() if not _left_out(f, value)})

    @property
    def label(self) -> str:
        """The spec for tables: a path is cut to the file's name, so that the label is the same on every machine."""
        return specs.join(self.name, self._shown())

    @property
    def short(self) -> str:
        """The label without settings at their defaults (the quality parameter is always shown)."""
        names = {f.name for f, value in self._pairs() if f.metadata["quality_parameter"] or value != f.default}
        return specs.join(self.name, {k: v for k, v in self._shown().items() if k in names})

    def short_of(self, others: Iterable[Plugin]) -> str:
        """The short label of this plug-in and others that differ from it in a quality parameter of integers: ``bpg:qp=0..3``."""
        name = self.quality_parameter()
        if name is None or not isinstance(getattr(self, name), int):
            return self.short
        values = {getattr(plugin, name) for plugin in (self, *others)}
        return self.short.replace(f"{name}={getattr(self, name)}", f"{name}={specs.ranges(values)}")

    @property
    def variant(self) -> str:
        """The short label without the quality parameter: what the points of a curve share."""
        names = {f.name for f, value in self._pairs() if not f.metadata["quality_parameter"] and value != f.default}
        return specs.join(self.name, {k: v for k, v in self._shown().items() if k in names})

    @property
    def title(self) -> str:
        """The name for people: the file's where a setting is a path, else the plug-in's."""
        places = [Path(v).stem for f, v in self._pairs() if isinstance(f.metadata["among"], Location) and v]
        return places[0] if places else self.name

    @property
    def key(self) -> str:
        """The spec without locations and remarks: what a record is filed under, together with ``version()``."""
        settings = {
            f.name: value
            for f, value in self._pairs()
            if not isinstance(f.metadata["among"], Location) and not f.metadata["remark"] and not _left_out(f, value)
        }
        return specs.join(self.name, settings)

    @classmethod
    def quality_parameter(cls) -> str | None:
        """The name of the setting that trades rate for quality, if there is one."""
        return next((f.name for f in fields(cls) if f.metadata["quality_parameter"]), None)

    def _pairs(self) -> Iterator[tuple[Field[Any], Any]]:
        return ((f, getattr(self, f.name)) for f in fields(self))

    def _shown(self) -> dict[str, Any]:
        return {
            f.name: Path(value).stem if isinstance(f.metadata["among"], Location) else value
            for f, value in self._pairs()
            if not f.metadata["remark"] and not _left_out(f, value)
        }


def _left_out(f: Field[Any], value: Any) -> bool:
    """Whether texts leave a setting out: it came later, and has the value that means what was done before."""
    return (f.metadata["later"] or f.metadata["remark"]) and value == f.default


P = TypeVar("P", bound=Plugin)


class Family(Generic[P]):
    """The plug-ins of one kind, by name; each is imported when first asked for."""

    def __init__(self, kind: str, package: str, members: Mapping[str, str]) -> None:
        self.kind = kind
        self.package = package
        self.members = dict(members)
        self.added: dict[str, type[P]] = {}

    def names(self) -> list[str]:
        """Every name, sorted, with those that other packages and files bring."""
        return sorted({*self.members, *self.added, *(e.name for e in entry_points(group=self.package))})

    def add(self, cls: type[P]) -> None:
        """Registers a plug-in made from a file. Raises BadSetting for a name that is taken."""
        earlier, entries = self.added.get(cls.name), {e.name for e in entry_points(group=self.package)}
        if cls.name in self.members or cls.name in entries or (earlier and earlier.origin.name != cls.origin.name):
            owner = f"by {earlier.origin.name}" if earlier else "already"
            raise BadSetting(f"{cls.origin.name}: the {self.kind} name {cls.name!r} is taken {owner}; choose another")
        self.added[cls.name] = cls

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __getitem__(self, name: str) -> type[P]:
        if name in self.added:
            return self.added[name]
        if name in self.members:
            module, _, attribute = self.members[name].partition(":")
            return getattr(importlib.import_module(f".{module}", self.package), attribute)
        for entry in entry_points(group=self.package, name=name):
            return entry.load()
        raise unknown(
            self.kind, name, self.names(), "a file of your own that defines one is named as `plugin` or in the matrix"
        )

    def sweep(self, text: str) -> list[P]:
        """Every plug-in that ``text`` asks for.

        ``bpg:qp=37`` asks for one, ``bpg:qp=20,30`` for two, ``bpg:qp=0..51/4``
        for every fourth, and ``bpg:qp=*`` for all that bpg allows.
        """
        name, settings = specs.parse(text)
        cls = self[name]
        declared = {f.name: f for f in fields(cls)}
        points: list[dict[str, Any]] = [{}]
        for key, text_of_values in settings.items():
            if key not in declared:
                available = f"it has {', '.join(declared)}" if declared else "it has no settings"
                raise UnknownName(f"{name} has no setting {key!r}{nearest(key, declared)}; {available}")
            values = _values(text_of_values, name, declared[key])
            if len(points) * len(values) > MOST_SWEPT:
                raise BadSetting(f"{text[:80]}: more than {MOST_SWEPT:,} settings; name fewer")
            points = [{**p, key: v} for p in points for v in values]
        return [cls(**point) for point in points]

    def make(self, text: str) -> P:
        """The one plug-in that ``text`` asks for."""
        plugins = self.sweep(text)
        if len(plugins) != 1:
            raise BadSetting(f"{text!r} asks for {len(plugins)} {self.kind}s; one is wanted here")
        return plugins[0]


V = TypeVar("V")


def spread(values: Sequence[V], count: int) -> list[V]:
    """At most ``count`` of the values, evenly spaced, both ends included."""
    if len(values) <= count:
        return list(values)
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]


def describe(f: Field[Any]) -> str:
    """The values that a setting allows, in words: ``in 1..100`` or ``one of 420, 422, 444``."""
    among = f.metadata["among"]
    if isinstance(among, range):
        return f"in {among[0]}..{among[-1]}" + (f" in steps of {among.step}" if among.step != 1 else "")
    if isinstance(among, (Span, Text)):
        return str(among)
    return "one of " + ", ".join(map(str, among))


def _in_declared_type(value: Any, kind: type) -> Any:
    """``value`` as ``kind`` where nothing is lost: 3 for 3.0, a NumPy number for a Python one."""
    with suppress(TypeError):  # what is no number stays as it is, and is refused by what the setting allows
        if kind is int and not isinstance(value, bool):
            return index(value)
        if kind is float and not isinstance(value, (bool, str)):
            return float(value)
    return value


def _values(text: str, name: str, f: Field[Any]) -> list[Any]:
    """The values that ``text`` lists, in the setting's own type; errors name the setting."""
    among, kind = f.metadata["among"], type(f.default)
    if text == "*":
        if isinstance(among, (Span, Text)):
            raise BadSetting(f"{name}: {f.name}=* has no end, {f.name} is {describe(f)}; name the values")
        return list(among)[:MOST_SWEPT]
    values: list[Any] = []
    for item in specs.split(text, ","):
        span = specs.integer_range(item) if kind is int else None
        if span is not None:
            if not span:
                raise BadSetting(f"{name}: {f.name}={item} is no range; write it as low..high or low..high/step")
            if not all(end in among for end in (span[0], span[-1])) or span[MOST_SWEPT:]:
                raise BadSetting(f"{name}: {f.name} must be {describe(f)}, got {item}")
            values += span
        else:
            try:
                values.append(kind(specs.unquote(item)))
            except ValueError:
                written = "; write a range as low..high or low..high/step" if kind is int else ""
                raise BadSetting(f"{name}: {f.name} must be {describe(f)}, got {text!r}{written}") from None
    if len(set(values)) < len(values):
        quoted = f'; a value that holds a comma is quoted: {f.name}="{text}"' if isinstance(among, Text) else ""
        raise BadSetting(f"{name}: {f.name}={text} names a value twice{quoted}")
    return values
