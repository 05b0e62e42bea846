"""Plug-ins made from a user's file: its content travels with them to worker processes, its hash is in their version."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import BadSetting
from .files import sha256_of
from .named_files import files_named_in
from .plugins import Location, Plugin

MODULE = "rabench_plugin_"
"""How the names of modules made from files begin; the content's hash follows."""
_located: dict[str, str] = {}
"""path -> sha256 of files at Locations, as it was when a version first told it in this process."""


@dataclass(frozen=True)
class Origin(ABC):
    """A file, or a part of one, that defines plug-ins."""

    name: str
    """The file's name, as messages and versions show it."""
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @abstractmethod
    def make(self) -> list[type[Plugin]]:
        """The plug-in classes, made anew from the content. Raises BadSetting, naming the line."""

    def revive(self, name: str, settings: dict[str, Any]) -> Plugin:
        """The plug-in of that name with these settings; unpickling calls this in a worker process."""
        return plugins_of(self)[name](**settings)


@lru_cache(maxsize=256)
def plugins_of(origin: Origin) -> dict[str, type[Plugin]]:
    """The plug-in classes of a file, by name; made once a process.

    Every version() tells the hash of the content and of the files that it reads, so that the edited never pass for the old.
    """
    plugins = {cls.name: cls for cls in origin.make()}
    for cls in plugins.values():
        if hasattr(cls, "version"):  # a data set has none: its images are known by their content
            setattr(cls, "version", _telling(cls, origin))  # noqa: B010 - a method, not an attribute of the type
        cls.origin = origin
    return plugins


def _telling(cls: type[Any], origin: Origin) -> Callable[[Plugin], str]:
    own = getattr(cls.version, "__wrapped__", cls.version)

    def version(self: Plugin) -> str:
        text = str(own(self))
        # A class may tell its weights itself, as rabench's own do: then its records keep their names
        untold = [(Path(path).name, digest) for path, digest in data_files(self).items() if digest[:8] not in text]
        text = f"{text}, {origin.name} {origin.sha256[:16]}"
        if len(untold) > 1:
            together = hashlib.sha256(repr(sorted(untold)).encode()).hexdigest()
            untold = [(f"{len(untold)} data files", together)]
        return ", ".join([text, *(f"{name} {digest[:16]}" for name, digest in untold)])

    version.__wrapped__ = own  # type: ignore[attr-defined]
    version.__doc__ = own.__doc__
    return version


def named_files(plugin: Plugin) -> dict[str, str]:
    """The sha256 of each file that the code of a plug-in from a file names, by path.

    A file that lies elsewhere on this machine has the hash that it had where the plug-in was read.
    """
    return {path: _sha256(Path(path), digest) for path, digest in getattr(plugin.origin, "files", ())}


def data_files(plugin: Plugin) -> dict[str, str]:
    """The sha256 of each file that a plug-in's code names or that lies at one of its Locations, by path.

    A Location's default is left out: it is the name of what ships, or stands in the code.
    """
    digests = named_files(plugin)
    for f in fields(plugin):
        if isinstance(f.metadata["among"], Location) and (value := getattr(plugin, f.name)) not in ("", f.default):
            place = Path(value).resolve()
            located = {str(path): _sha256(path, "") for path in [place, *sorted(place.rglob("*"))] if path.is_file()}
            digests |= located
            for path, digest in located.items():
                _located.setdefault(path, digest)
    return digests


def forget_changed_files() -> None:
    """Forgets the classes of plug-in files where a file has changed at a Location, which their code may hold in memory.

    The code is run anew when its classes are next asked for.
    """
    if any(_sha256(Path(path), "") != digest for path, digest in _located.items()):
        plugins_of.cache_clear()
        _located.clear()


def _sha256(path: Path, otherwise: str) -> str:
    with suppress(OSError):  # not here, or not to be read: whoever reads it will say so
        return sha256_of(path)
    return otherwise


def describe_error(error: Exception, most: int = 900) -> str:
    """An error of a plug-in in a line of some ``most`` characters, and where in its file; a long message keeps its end."""
    text = " ".join(str(error).split())
    if len(text) > most:
        text = f"{text[: 2 * most // 3]} ... {text[-most // 3 :]}"
    own = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith(MODULE) and frame.f_code.co_filename != "<string>"
    ]
    place = f" ({own[-1]})" if own else ""
    return f"{type(error).__name__}: {text}{place}"


@dataclass(frozen=True)
class PythonFile(Origin):
    """A Python file whose classes with a name are plug-ins."""

    folder: str = ""
    """Where the file lies on the machine that read it: its code finds what lies beside it by ``__file__``."""
    files: tuple[tuple[str, str], ...] = ()
    """(path, sha256) of each file that its code names: when one changes, the code is run anew."""

    @classmethod
    def of(cls, path: Path, content: bytes) -> PythonFile:
        """The file that lies at a path, with the files that its code names."""
        files = tuple((str(named), _sha256(named, "")) for named in files_named_in(content, path))
        return cls(path.name, content, str(path.resolve().parent), files)

    def make(self) -> list[type[Plugin]]:
        module = ModuleType(f"{MODULE}{self.sha256[:16]}", f"The plug-in file {self.name}.")
        module.__file__ = str(Path(self.folder, self.name))
        sys.modules[module.__name__] = module  # dataclasses look their module up
        try:
            exec(compile(self.content, self.name, "exec", dont_inherit=True), vars(module))
            return self._plugins(module)
        except SyntaxError as error:
            reason = BadSetting(f"{self.name}, line {error.lineno}: {error.msg}")
        except BadSetting as error:
            reason = error
        except Exception as error:  # whatever a user's file does when it is read
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == self.name]
            where = f", line {lines[-1]}" if lines else ""
            frozen = "; write @dataclass(frozen=True) above the class" if "non-frozen dataclass" in str(error) else ""
            reason = BadSetting(f"{self.name}{where}: {type(error).__name__}: {error}{frozen}")
        del sys.modules[module.__name__]
        raise reason from None

    def _plugins(self, module: ModuleType) -> list[type[Plugin]]:
        plugins = []
        for cls in vars(module).values():
            own = isinstance(cls, type) and issubclass(cls, Plugin) and cls.__module__ == module.__name__
            if not own or "name" not in vars(cls):  # without a name it is a base of others
                continue
            if undeclared := [k for k, v in vars(cls).items() if isinstance(v, Field)]:
                raise BadSetting(
                    f"{self.name}: {cls.__name__} is no dataclass, so that {', '.join(undeclared)} would be lost; "
                    "write @dataclass(frozen=True) above it"
                )
            if mistake := self._mistake(cls):
                raise BadSetting(f"{self.name}: {cls.__name__}{mistake}")
            if missing := sorted({*getattr(cls, "__abstractmethods__", ()), *cls.lacking()}):
                raise BadSetting(f"{self.name}: {cls.__name__} lacks {', '.join(missing)}")
            if not inspect.isfunction(getattr(cls, "version", describe_error)):
                raise BadSetting(f"{self.name}: {cls.__name__}.version is a method; write def version(self)")
            plugins.append(cls)
        if not plugins:
            raise BadSetting(
                f"{self.name} holds no plug-in; define a class with a name, such as "
                'class Mine(rabench.Codec): name = "mine"'
            )
        return plugins

    def _mistake(self, cls: type[Plugin]) -> str:
        """A mistake that would fail later with a message that says less, worded to follow the class's name; else nothing."""
        for f in fields(cls):
            if "among" not in f.metadata:
                kind = f.type if isinstance(f.type, str) else getattr(f.type, "__name__", "int")
                return f".{f.name} is no setting; write {f.name}: {kind} = rabench.setting(DEFAULT, WHAT_IS_ALLOWED)"
        if getattr(vars(cls).get("__init__"), "__code__", None) and cls.__init__.__code__.co_filename == self.name:
            return " has an __init__; leave it out: the settings are all that a plug-in holds"
        for name, value in vars(cls).items():
            exempt = name.startswith("_") or any(hasattr(base, name) for base in cls.__mro__[1:]) or name == "name"
            if isinstance(value, (bool, int, float, str)) and not exempt and name not in {f.name for f in fields(cls)}:
                kind = type(value).__name__
                return f".{name} is no setting; write {name}: {kind} = rabench.setting({value!r}, WHAT_IS_ALLOWED), or _{name} for a constant"
            is_property = any(isinstance(vars(base).get(name), property) for base in cls.__mro__[1:])
            if is_property and inspect.isfunction(value):
                return f".{name} is a property; write @property above it"
        return ""
