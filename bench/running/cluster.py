"""A pool of the workers of a Dask cluster."""

from __future__ import annotations

import logging
from contextlib import suppress
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
    for logger in filter(lambda name: name.startswith("distributed"), list(logging.root.manager.loggerDict)):
        logging.getLogger(logger).setLevel(logging.CRITICAL)  # a scheduler that is gone is told in a line
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

    return Pool(client.get_executor, threads, close, f"the Dask scheduler at {address}")


class _Threads:
    """The number of threads of all workers, as of some seconds ago."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._ask()

    def __call__(self) -> int:
        if monotonic() - self.asked >= ASKED_EVERY:
            with suppress(OSError):  # its tasks will tell that it is gone
                self._ask()
        return max(1, self.known)

    def _ask(self) -> None:
        self.asked = monotonic()
        self.known = sum(self.client.nthreads().values())
