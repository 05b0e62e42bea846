"""A pool of the workers of a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from ...core.errors import Unavailable
from .pool import Pool

ASKED_EVERY = 5.0
"""The seconds between two questions to the scheduler, how many workers it has."""
GPU = "GPU"
"""The resource of workers that have one: ``dask worker --resources GPU=1``."""
T = TypeVar("T")


def dask(address: str) -> Pool:
    """A pool of the workers of a Dask cluster that runs already, on which rabench and its packages are installed.

    Workers that join later are used, too. address: that of the scheduler. Raises Unavailable without the package
    distributed, and where no scheduler answers or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise Unavailable("`dask` needs distributed: pip install -c constraints.txt '.[dask]'") from None
    for logger in filter(lambda name: name.startswith("distributed"), list(logging.root.manager.loggerDict)):
        logging.getLogger(logger).setLevel(logging.CRITICAL)  # a scheduler that is gone is told in a line
    try:
        client = Client(address, timeout=10)
        workers = _Workers(client)
    except (OSError, ValueError) as error:
        raise Unavailable(f"no Dask scheduler answers at {address}: {str(error).splitlines()[0]}") from None
    if not workers.threads:
        client.close()
        raise Unavailable(f"the Dask scheduler at {address} has no workers; start some: dask worker {address}")

    def close() -> None:
        client.close()

    return Pool(lambda: _Executor(client, workers), workers.slots, close, f"the Dask scheduler at {address}")


class _Workers:
    """The workers of a cluster, as of some seconds ago."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._ask()

    def slots(self) -> int:
        """The number of threads of all workers, 1 at the least."""
        self._refresh()
        return max(1, self.threads)

    def some_have_gpus(self) -> bool:
        """Whether any worker was started with the resource GPU."""
        self._refresh()
        return self.gpus > 0

    def _refresh(self) -> None:
        if monotonic() - self.asked >= ASKED_EVERY:
            with suppress(OSError):  # its tasks will tell that it is gone
                self._ask()

    def _ask(self) -> None:
        self.asked = monotonic()
        about = self.client.sync(self.client.scheduler.identity, n_workers=-1)  # scheduler_info may be of seconds ago
        workers = about["workers"].values()
        self.threads = sum(worker["nthreads"] for worker in workers)
        self.gpus = sum(worker["resources"].get(GPU, 0) for worker in workers)


class _Executor(Executor):
    """Hands calls to a cluster; what runs on a GPU goes to workers with that resource, as long as there are any."""

    def __init__(self, client: Any, workers: _Workers) -> None:
        self.workers = workers
        # pure=False: a call that is made once more, as after a worker's death, runs once more
        self.anywhere, self.with_gpu = (
            client.get_executor(pure=False, **kind) for kind in ({}, {"resources": {GPU: 1}})
        )

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As of any executor. A call whose first argument says that it is ``on_gpu`` takes one GPU of its worker."""
        on_gpu = bool(args) and getattr(args[0], "on_gpu", False) and self.workers.some_have_gpus()
        return (self.with_gpu if on_gpu else self.anywhere).submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of any executor."""
        for executor in (self.anywhere, self.with_gpu):
            executor.shutdown(wait)  # Dask's knows no cancel_futures
