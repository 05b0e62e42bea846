"""Codecs that are programs of their own: found on the PATH, run on files in a folder that is always removed.

A program is started from a list of arguments, never through a shell, in a process group of its own,
so that children it leaves behind are ended with it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile, gettempdir
from typing import IO, TypeVar

from ..core.errors import Unavailable

PREFIX = "rabench-"
"""How the names of folders for one image's files begin; the process's number follows."""
TOLD = 2000
"""Characters of a program's standard error that an error keeps: the last ones."""

LINES = 5
"""Of them."""

A = TypeVar("A")
B = TypeVar("B")


class ProgramError(RuntimeError):
    """A program that failed: its command, its exit status and the end of its standard error."""


def find(program: str, remedy: str) -> str:
    """The program's path. Raises Unavailable, with the remedy, where it is not on the PATH."""
    found = shutil.which(program)
    if found is None:
        raise Unavailable(f"{program} is not on the PATH; {remedy}")
    return found


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one image's files, removed whatever happens. ``TMPDIR`` says where."""
    _sweep()
    with TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@cache
def _sweep() -> None:
    """Once a process: removes what killed processes left behind."""
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and hasattr(os, "killpg"):
            try:
                os.kill(int(owner), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)
            except PermissionError:  # somebody else's, and alive
                continue


def run(
    command: Sequence[str | Path], timeout: float, allowed: tuple[int, ...] = (0,), into: IO[bytes] | None = None
) -> str:
    """Runs a program to its end and gives the end of what it printed.

    timeout: seconds, after which it and its children are killed. allowed: exit statuses that are no failure.
    into: receives its standard output, which then is no message. Raises ProgramError.
    """
    words = [str(word) for word in command]
    # Files, not pipes: 10 MB of messages neither block the program nor lie in memory.
    with TemporaryFile() as printed:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=into or printed, stderr=printed, start_new_session=True
            )
        except OSError as error:
            raise ProgramError(f"{shlex.join(words)}: cannot be started ({error.strerror})") from None
        _running.add(process)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _running.discard(process)
            _end_group(process)
        said = _last_of(printed)
    if status is None:
        raise ProgramError(f"{shlex.join(words)}: gave no result in {timeout:g} s and was ended{_quoted(said)}")
    if status not in allowed:
        raise ProgramError(f"{shlex.join(words)}: {_status(status)}{_quoted(said)}")
    return said


def output(command: Sequence[str | Path], path: Path | None, timeout: float) -> bytes:
    """The file that a program writes; None: its standard output. Raises ProgramError, also where it writes nothing."""
    with TemporaryFile() as standard:
        said = run(command, timeout, into=standard if path is None else None)
        standard.seek(0)
        found = standard.read() if path is None else path.read_bytes() if path.is_file() else b""
    if not found:
        raise ProgramError(f"{shlex.join(map(str, command))}: ended with status 0 but wrote nothing{_quoted(said)}")
    return found


def at_once() -> int:
    """Programs to run side by side: one in a worker process, whose neighbours use the other cores; else one a core."""
    if parent_process() is not None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[A], B], given: Sequence[A]) -> list[B]:
    """``function`` of each, several side by side, in order; the first error is raised when all have ended."""
    if len(given) < 2 or at_once() == 1:
        return [function(one) for one in given]
    with ThreadPoolExecutor(at_once()) as threads:
        try:
            return list(threads.map(function, given))
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise


_running: set[subprocess.Popen[bytes]] = set()


def end_all() -> None:
    """Ends every program of this process that still runs."""
    for process in list(_running):
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of a program: itself, and children that outlive it."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _last_of(file: object) -> str:
    size = file.seek(0, os.SEEK_END)  # type: ignore[attr-defined]
    file.seek(max(0, size - TOLD))  # type: ignore[attr-defined]
    return file.read().decode(errors="replace").strip()  # type: ignore[attr-defined]


def _status(status: int) -> str:
    if status < 0:
        with suppress(ValueError):
            return f"ended by signal {-status} ({signal.Signals(-status).name})"
    return f"exit status {status}"


def _quoted(said: str) -> str:
    """The last lines."""
    lines = [line.strip() for line in said.splitlines() if line.strip()][-LINES:]
    return f": {' | '.join(lines)}" if lines else ""
