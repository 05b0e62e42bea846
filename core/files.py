"""Files that are either whole or not there."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import Unavailable

PARTIAL = ".partial-"
OTHERS_LEFT = 3600.0
"""The seconds after which an unfinished file of another machine counts as left behind: a shared folder may not pass locks on."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Gives a temporary name to write to; what was written there becomes ``path`` at the end.

    Written beside ``path``, fsynced and renamed: a process killed at any moment leaves the old
    file, the new one, or a leftover whose name begins with ``PARTIAL``, never half a file.
    """
    partial = path.with_name(f"{PARTIAL}{_machine()}-{os.getpid()}-{path.name}")
    partial.unlink(missing_ok=True)  # what lies there already may be a link to another file
    try:
        yield partial
        with open(partial, "r+b") as written:  # Windows flushes only what it may write
            os.fsync(written.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file atomically."""
    with atomic_write(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes a whole file of UTF-8 atomically."""
    write_bytes(path, content.encode())


def check_writable(path: Path) -> None:
    """Raises Unavailable where ``path`` could not be written, before hours are spent on what goes into it."""
    if path.parent.exists() and not path.parent.is_dir():
        raise Unavailable(f"{path.parent} is a file, not a folder; name another")
    if not path.parent.is_dir():
        raise Unavailable(f"{path}: there is no folder {path.parent}; make it, or name another")
    try:
        write_bytes(path.with_name(f"{path.name}.test"), b"")
        path.with_name(f"{path.name}.test").unlink()
    except OSError as error:
        raise Unavailable(f"{path} cannot be written ({error.strerror}); name a folder that can") from None


@contextmanager
def locked(path: Path, taken: str, alternative: str = "") -> Iterator[None]:
    """Holds a lock file. Raises Unavailable where another process holds it, and for a link, whose target would be emptied.

    taken: what the error says then; alternative: what one can do instead of waiting.
    """
    if path.is_symlink():
        raise Unavailable(f"{path} is a link, and may be another file's; remove it")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Unavailable(f"{taken}; wait for it{alternative and f',{alternative}'}") from None
    try:
        yield
    finally:
        lock.release()


def remove_partial(folder: Path) -> None:
    """Removes the unfinished files that killed processes left in ``folder``; those of other machines once they are old."""
    for leftover in folder.glob(f"{PARTIAL}*"):
        with suppress(FileNotFoundError):  # its own process has finished it
            own = leftover.name.startswith(f"{PARTIAL}{_machine()}-")
            if own or time.time() - leftover.stat().st_mtime > OTHERS_LEFT:
                leftover.unlink()


def _machine() -> str:
    """What tells this machine from others that write to the same folder, as 8 hex digits."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, as hex; read once as long as size and time stay the same."""
    stat = path.stat()
    return _sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_ABSOLUTE = re.compile(r"(?<![^=\":])(?:/(?!/)|[A-Za-z]:\\)[^:\"]*")


def without_folders(text: str) -> str:
    """A text in which only the name is left of each absolute path that stands by itself or as a setting's value.

    >>> without_folders("parquet:path=/data/cifar10:split=test")
    'parquet:path=cifar10:split=test'
    """
    return _ABSOLUTE.sub(lambda path: Path(path[0]).name, text)
