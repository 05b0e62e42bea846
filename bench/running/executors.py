"""Pools that run tasks: in this process, in worker processes, or on a Dask cluster. The runner never knows which."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from ...codecs.programs import end_all
from ...core.errors import Unavailable

T = TypeVar("T")
STOPPING = 5.0
"""The seconds that a pool of killed workers may take to end."""


class Pool:
    """An executor that can be replaced after a crash."""

    def __init__(self, make: Callable[[], Executor], slots: int, close: Callable[[], None] = lambda: None) -> None:
        """Starts the first executor.

        make: gives a new executor, now and after each crash. slots: how many tasks run at once. close: what to do when
        the pool ends, after its last executor.
        """
        self._make, self.slots, self._close = make, slots, close
        self._executor = make()

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Hands over a call; its result comes as a future. Raises BrokenExecutor once a worker has died."""
        with _uninterrupted():  # worker processes start here, and inherit it
            return self._executor.submit(function, *arguments)

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


def default_workers() -> int:
    """The number of worker processes by default: one for each core that this process may use, at most 60."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 60)  # Windows waits for 61 processes at the most


def in_process() -> Pool:
    """A pool of this process alone, with one thread, as every worker has it, so that results are alike.

    Closing the pool gives PyTorch and BLAS their other threads back.
    """
    import torch

    before, fresh = torch.get_num_threads(), not _limits
    one_thread()

    def give_back() -> None:
        if fresh and _limits:
            _limits.pop().restore_original_limits()
            torch.set_num_threads(before)

    return Pool(InProcess, 1, give_back)


def processes(workers: int) -> Pool:
    """A pool of ``workers`` spawned processes, one thread each; they end when this process does, even killed."""
    context = multiprocessing.get_context("spawn")
    return Pool(lambda: ProcessPoolExecutor(workers, context, _begin_worker), workers)


def dask(address: str) -> Pool:
    """A pool of the workers of a Dask cluster that runs already, on which rabench and its packages are installed.

    address: that of the scheduler. Raises Unavailable without the package distributed, and where no scheduler answers or
    it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise Unavailable("`dask` needs distributed: pip install -c constraints.txt '.[dask]'") from None
    try:
        client = Client(address, timeout=10)
        workers: Any = client.nthreads()  # a coroutine only in asynchronous clients
        threads = sum(workers.values())
    except (OSError, ValueError) as error:
        raise Unavailable(f"no Dask scheduler answers at {address}: {str(error).splitlines()[0]}") from None
    if not threads:
        client.close()
        raise Unavailable(f"the Dask scheduler at {address} has no workers; start some: dask worker {address}")

    def close() -> None:
        client.close()

    return Pool(client.get_executor, threads, close)


def make(workers: int, address: str | None) -> Pool:
    """The pool that a run asks for. workers: how many processes, 0 for none. address: a Dask scheduler, instead of them."""
    if address:
        return dask(address)
    return processes(workers) if workers else in_process()


def one_thread() -> None:
    """Holds this process to one thread: workers share the cores by running beside one another.

    BLAS counts: a dot product of 12,288 numbers wakes OpenBLAS's threads, which then spin; two workers were no
    faster than one.
    """
    if not _limits:
        import torch

        torch.set_num_threads(1)
        _limits.append(threadpool_limits(1, "blas"))


_limits: list[Any] = []
"""The limit of BLAS's threads, once ``one_thread`` has set it in this process."""


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


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_thread()


def _end_with_parent() -> None:
    """Waits for the parent process to end, and ends this one and its programs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        end_all()
        os._exit(1)
