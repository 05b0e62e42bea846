"""Plug-ins that no package brings: what they are made from travels with them to the workers, and into their version."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import Field, dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

from .errors import BadSetting
from .plugins import Plugin


@dataclass(frozen=True)
class Origin(ABC):
    """A file, or a part of one, that makes plug-ins."""

    name: str
    """The file's, for people."""
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @abstractmethod
    def make(self) -> list[type[Plugin]]:
        """The plug-ins, anew. Raises BadSetting, naming the line."""


@lru_cache(maxsize=256)
def plugins_of(origin: Origin) -> dict[str, type[Plugin]]:
    """By name; made once a process. Every version() tells the content's hash, so that edited code never passes for the old."""
    found = {cls.name: cls for cls in origin.make()}
    for cls in found.values():
        setattr(cls, "version", _telling(cls, origin))  # noqa: B010 - a method, not an attribute of the type
        cls.origin = origin
    return found


def _telling(cls: type[Any], origin: Origin) -> Callable[[Plugin], str]:
    own = getattr(cls.version, "__wrapped__", cls.version)

    def version(self: Plugin) -> str:
        return f"{own(self)}, {origin.name} {origin.sha256[:16]}"

    version.__wrapped__ = own  # type: ignore[attr-defined]
    version.__doc__ = own.__doc__
    return version


def revive(origin: Origin, name: str, settings: dict[str, Any]) -> Plugin:
    """A plug-in as another process had it."""
    return plugins_of(origin)[name](**settings)


@dataclass(frozen=True)
class PythonFile(Origin):
    """A file of Python: every plug-in class that it defines."""

    def make(self) -> list[type[Plugin]]:
        module = ModuleType(f"rabench_plugin_{self.sha256[:16]}", f"The plug-in file {self.name}.")
        module.__file__ = self.name
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
            reason = BadSetting(f"{self.name}{where}: {type(error).__name__}: {error}")
        del sys.modules[module.__name__]
        raise reason from None

    def _plugins(self, module: ModuleType) -> list[type[Plugin]]:
        found = []
        for cls in vars(module).values():
            own = isinstance(cls, type) and issubclass(cls, Plugin) and cls.__module__ == module.__name__
            if not own or "name" not in vars(cls):  # without a name it is a base of others
                continue
            if lost := [k for k, v in vars(cls).items() if isinstance(v, Field)]:
                raise BadSetting(
                    f"{self.name}: {cls.__name__} is no dataclass, so that {', '.join(lost)} would be lost; "
                    "write @dataclass(frozen=True) above it"
                )
            if missing := sorted(getattr(cls, "__abstractmethods__", ())):
                raise BadSetting(f"{self.name}: {cls.__name__} lacks {', '.join(missing)}")
            if not inspect.isfunction(getattr(cls, "version", None)):
                raise BadSetting(f"{self.name}: {cls.__name__} needs a method version()")
            found.append(cls)
        if not found:
            raise BadSetting(
                f"{self.name} holds no plug-in; define a class with a name, such as "
                'class Mine(rabench.Codec): name = "mine"'
            )
        return found
