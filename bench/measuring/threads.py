"""The threads of a process: workers share the cores by running beside one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits


def one_thread() -> None:
    """Holds this process to one thread.

    BLAS counts: a dot product of 12,288 numbers wakes OpenBLAS's threads, which then spin; two workers were no
    faster than one.
    """
    if not _limits:
        import torch

        torch.set_num_threads(1)
        _limits.append(threadpool_limits(1, "blas"))


def one_thread_for_now() -> Callable[[], None]:
    """Holds this process to one thread; the function that it returns gives PyTorch and BLAS their other threads back."""
    import torch

    before, fresh = torch.get_num_threads(), not _limits
    one_thread()

    def give_back() -> None:
        if fresh and _limits:
            _limits.pop().restore_original_limits()
            torch.set_num_threads(before)

    return give_back


_limits: list[Any] = []
"""The limit of BLAS's threads, once ``one_thread`` has set it in this process."""
