"""Open encoders and decoders, lent to one user at a time and kept for the next image."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
C = TypeVar("C")


class Contexts(Generic[K, C]):
    """``with contexts.lent(key) as context: ...``: an idle one of that key, else a new one.

    A context that its user left by an exception is not used again. The one idle longest is let go when
    all idle ones together weigh more than ``limit``. In the child of a fork nothing inherited is used
    or freed, ever: either would wait for a thread that the child does not have.
    """

    def __init__(self, make: Callable[[K], C], weigh: Callable[[K], int], limit: int) -> None:
        """weigh: a context's weight by its key, in the unit of ``limit``."""
        self._make, self._weigh, self._limit = make, weigh, limit
        self._begin()
        _instances.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[K, C]] = []  # the last one was used last
        self._weight = 0
        self._lent: dict[int, C] = {}

    @contextmanager
    def lent(self, key: K) -> Iterator[C]:
        """A context for one user alone, until the ``with`` block ends."""
        context = self._take(key)
        if context is None:
            context = self._make(key)
        self._lent[id(context)] = context
        try:
            yield context
        finally:
            self._lent.pop(id(context), None)
        self._give_back(key, context)

    def _take(self, key: K) -> C | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index][0] == key:
                    self._weight -= self._weigh(key)
                    return self._idle.pop(index)[1]
        return None

    def _give_back(self, key: K, context: C) -> None:
        evicted: list[Any] = []  # freed after the lock is
        with self._lock:
            self._idle.append((key, context))
            self._weight += self._weigh(key)
            while self._weight > self._limit:
                evicted.append(self._idle.pop(0))
                self._weight -= self._weigh(evicted[-1][0])

    def clear(self) -> None:
        """Lets all idle contexts go."""
        with self._lock:
            idle, self._idle, self._weight = self._idle, [], 0
        del idle

    def abandon(self) -> None:
        """Begins anew, and keeps the contexts there were from ever being freed."""
        inherited = [self._idle, self._lent]
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))
        self._begin()


_instances: weakref.WeakSet[Contexts[Any, Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for contexts in list(_instances):
        contexts.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
