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
MESSAGE_BYTES = 2000
"""Bytes of a program's output that are kept for an error: the last ones."""
MESSAGE_LINES = 5
"""Lines of those that an error quotes: the last ones."""

A = TypeVar("A")
B = TypeVar("B")


class ProgramError(RuntimeError):
    """A program that failed; the message holds its command, its exit status and the end of what it printed."""


def find(program: str, remedy: str) -> str:
    """The program's path. Raises Unavailable, with the remedy, where it is not on the PATH."""
    path = shutil.which(program)
    if path is None:
        raise Unavailable(f"{program} is not on the PATH; {remedy}")
    return path


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
        messages = _tail(printed)
    if status is None:
        raise ProgramError(f"{shlex.join(words)}: gave no result in {timeout:g} s and was ended{_quoted(messages)}")
    if status not in allowed:
        raise ProgramError(f"{shlex.join(words)}: {_status(status)}{_quoted(messages)}")
    return messages


def output(command: Sequence[str | Path], path: Path | None, timeout: float) -> bytes:
    """The bytes of the file ``path`` that a program writes, or of its standard output where ``path`` is None.

    timeout: seconds. Raises ProgramError, also where it writes nothing.
    """
    with TemporaryFile() as standard:
        messages = run(command, timeout, into=standard if path is None else None)
        standard.seek(0)
        content = standard.read() if path is None else path.read_bytes() if path.is_file() else b""
    if not content:
        raise ProgramError(f"{shlex.join(map(str, command))}: ended with status 0 but wrote nothing{_quoted(messages)}")
    return content


def at_once() -> int:
    """How many programs to run side by side: one a core; in a worker process, whose neighbours use the others, one."""
    if parent_process() is not None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[A], B], arguments: Sequence[A]) -> list[B]:
    """``function`` of each argument, in order, several side by side; the first error is raised when all have ended."""
    if len(arguments) < 2 or at_once() == 1:
        return [function(argument) for argument in arguments]
    with ThreadPoolExecutor(at_once()) as threads:
        try:
            return list(threads.map(function, arguments))
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


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - MESSAGE_BYTES))
    return file.read().decode(errors="replace").strip()


def _status(status: int) -> str:
    if status < 0:
        with suppress(ValueError):
            return f"ended by signal {-status} ({signal.Signals(-status).name})"
    return f"exit status {status}"


def _quoted(messages: str) -> str:
    """The last lines of a program's messages, to end an error with; nothing where it printed none."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()][-MESSAGE_LINES:]
    return f": {' | '.join(lines)}" if lines else ""
