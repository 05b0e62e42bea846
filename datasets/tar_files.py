"""Files in a tar archive, read in place: the archive is gone through once, then each file is a seek away."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..core.errors import Unavailable


@dataclass(frozen=True)
class Member:
    """A file in a tar archive."""

    archive: Path
    name: str
    offset: int
    """Where its content begins, in bytes."""
    size: int

    def read(self) -> bytes | None:
        """The file's bytes; None where the archive ends before them."""
        with open(self.archive, "rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        return content if len(content) == self.size else None


def members(path: Path) -> tuple[Member, ...]:
    """The files of an uncompressed tar archive, in its order; links and folders are left out.

    An archive that is cut short gives the files before the cut and the one that it cuts. Raises Unavailable for a file
    that is no tar archive, or one whose headers are damaged in its middle.
    """
    try:
        return _members(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error}") from None


@lru_cache(maxsize=4096)
def _members(path: Path, mtime_ns: int) -> tuple[Member, ...]:
    return tuple(_walk(path))


def _walk(path: Path) -> Iterator[Member]:
    count, end = 0, 0
    try:
        with tarfile.open(path, "r:") as archive:
            while (member := archive.next()) is not None:
                if member.isreg():
                    yield Member(path, member.name, member.offset_data, member.size)
                    count, end = count + 1, member.offset_data + member.size
                # a million members would stay in memory
                archive.members = []  # pyright: ignore[reportAttributeAccessIssue]
            if end <= path.stat().st_size:
                _check_end(path, archive.offset)
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        if end > path.stat().st_size:  # the last member is cut short, and nothing can follow it
            return
        where = f"after {count:,} files, at byte {end:,}" if count else "at its beginning"
        hint = "; uncompressed .tar files are wanted" if not count else "; fetch it again"
        raise Unavailable(f"{path} is damaged {where} ({error}){hint}") from None


def _check_end(path: Path, offset: int) -> None:
    """Raises ReadError where an archive goes on with something that is no header: tarfile takes that for its end."""
    with open(path, "rb") as file:
        file.seek(offset)
        if any(file.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError("no header")
