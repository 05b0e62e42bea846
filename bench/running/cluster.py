"""A pool of the workers of a Dask cluster."""

from __future__ import annotations

from time import monotonic
from typing import Any

from ...core.errors import Unavailable
from .pool import Pool

ASKED_EVERY = 5.0
"""The seconds between two questions to the scheduler, how many workers it has."""


def dask(address: str) -> Pool:
    """A pool of the workers of a Dask cluster that runs already, on which rabench and its packages are installed.

    Workers that join later are used, too. address: that of the scheduler. Raises Unavailable without the package
    distributed, and where no scheduler answers or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise Unavailable("`dask` needs distributed: pip install -c constraints.txt '.[dask]'") from None
    try:
        client = Client(address, timeout=10)
        threads = _Threads(client)
    except (OSError, ValueError) as error:
        raise Unavailable(f"no Dask scheduler answers at {address}: {str(error).splitlines()[0]}") from None
    if not threads.known:
        client.close()
        raise Unavailable(f"the Dask scheduler at {address} has no workers; start some: dask worker {address}")

    def close() -> None:
        client.close()

    return Pool(client.get_executor, threads, close)


class _Threads:
    """The number of threads of all workers, as of some seconds ago."""

    def __init__(self, client: Any) -> None:
        self.client, self.known, self.asked = client, 0, -ASKED_EVERY
        self()

    def __call__(self) -> int:
        if monotonic() - self.asked >= ASKED_EVERY:
            self.known, self.asked = sum(self.client.nthreads().values()), monotonic()
        return max(1, self.known)
