"""A pool of workers: an executor that is replaced when its workers die or hang, and ended at once when a run is stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ...core.errors import Refused

T = TypeVar("T")
STOPPING = 5.0
"""The seconds that a pool of killed workers may take to end."""


class WorkerDied(Refused):
    """The error for a worker that died while images were read or coded; the pool is broken then."""


class Pool:
    """An executor that can be replaced after a crash."""

    def __init__(
        self,
        make: Callable[[], Executor],
        slots: Callable[[], int],
        close: Callable[[], None] = lambda: None,
        name: str = "the pool of workers",
    ) -> None:
        """Starts the first executor.

        make: gives a new executor, now and after each crash. slots: tells how many tasks can run at once now. close: what
        to do when the pool ends, after its last executor. name: what an error says that is gone.
        """
        self._make, self._slots, self._close, self.name = make, slots, close, name
        self._executor = make()

    @property
    def slots(self) -> int:
        """How many tasks can run at once; a cluster's workers come and go."""
        return self._slots()

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Hands over a call; its result comes as a future. Raises BrokenExecutor once a worker has died."""
        with _uninterrupted():  # worker processes start here, and inherit it
            return self._executor.submit(function, *arguments)

    def submit_anew(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Hands over a call as ``submit`` does, to new workers where one has died since the last call."""
        try:
            return self.submit(function, *arguments)
        except BrokenExecutor:
            self.restart()
            return self.submit(function, *arguments)

    def begins(self) -> bool:
        """Whether workers can be started at all; tries it with new ones."""
        self.restart(kill=True)
        try:
            self.submit(os.getpid).result()
        except BrokenExecutor:
            return False
        return True

    def restart(self, kill: bool = False) -> None:
        """Replaces the executor by a new one. kill: whether to end worker processes first, as those that hang need it."""
        if kill:
            self._kill()
        self._end()
        self._executor = self._make()

    def stop(self) -> None:
        """Ends the pool at once, whatever runs; results that have not come back are lost."""
        self._kill()
        manager = getattr(self._executor, "_executor_manager_thread", None)
        self._end()
        if manager is not None:  # left alone, it may meet closed pipes while the interpreter ends, and say so
            manager.join(STOPPING)
        self._close()

    def _kill(self) -> None:
        """Ends worker processes, and the programs that they have started."""
        if isinstance(self._executor, ProcessPoolExecutor):
            processes = self._executor._processes or {}  # kill_workers() comes with Python 3.14
            for process in list(processes.values()):
                started = _started_by(process.pid)
                process.kill()
                for group in started:
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(group, signal.SIGKILL)

    def _end(self) -> None:
        if isinstance(self._executor, ProcessPoolExecutor):
            self._executor.shutdown(wait=False, cancel_futures=True)
        else:
            self._executor.shutdown(wait=False)  # Dask's knows no cancel_futures

    def close(self) -> None:
        """Ends the pool once all tasks are done."""
        self._executor.shutdown(wait=True)
        self._close()


def error_of(future: Future[Any]) -> BaseException | None:
    """What a call that has come back raised, a CancelledError where it never ran; None where it gave a result."""
    return CancelledError() if future.cancelled() else future.exception()


def died(error: BaseException | None) -> bool:
    """Whether the worker died, as opposed to the call raising."""
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


class InProcess(Executor):
    """An executor that runs a task in this process, as soon as it is submitted."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Calls a function and returns its result, or what it raised, as a future that is done."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # handed over, as every executor does
            future.set_exception(error)
        return future


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keeps Ctrl-C from this thread, and from the processes that it starts; those never receive it, even later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _started_by(pid: int | None) -> list[int]:
    """The programs that a worker has started, by id, each in a process group of its own; empty where no Linux runs."""
    programs: list[int] = []
    files: list[Path] = []
    with suppress(OSError):  # a worker may end while its folder is listed
        files = list(Path(f"/proc/{pid}/task").glob("*/children"))
    for file in files:
        with suppress(OSError):
            programs += [child for child in map(int, file.read_text().split()) if os.getpgid(child) == child]
    return programs
