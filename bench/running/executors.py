"""Pools that run tasks: in this process, in worker processes, or on a Dask cluster. The runner never knows which."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait

from ...codecs.programs import end_all
from ..measuring.threads import one_thread, one_thread_for_now
from .cluster import dask
from .pool import InProcess, Pool


def default_workers() -> int:
    """The number of worker processes by default: one for each core that this process may use, at most 60."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 60)  # Windows waits for 61 processes at the most


def in_process() -> Pool:
    """A pool of this process alone, with one thread, as every worker has it, so that results are alike.

    Closing the pool gives PyTorch and BLAS their other threads back.
    """
    return Pool(InProcess, lambda: 1, one_thread_for_now())


def processes(workers: int) -> Pool:
    """A pool of ``workers`` spawned processes, one thread each; they end when this process does, even killed."""
    context = multiprocessing.get_context("spawn")
    return Pool(lambda: ProcessPoolExecutor(workers, context, _begin_worker), lambda: workers)


def make(workers: int, address: str | None) -> Pool:
    """The pool that a run asks for. workers: how many processes, 0 for none. address: a Dask scheduler, instead of them."""
    if address:
        return dask(address)
    return processes(workers) if workers else in_process()


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
