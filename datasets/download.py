"""Downloads of official archives: once, checked, and resumed after an interruption.

pooch and requests are imported where they are used: every command and every worker imports this file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ..core.errors import Unavailable

CHUNK = 1 << 20
"""Bytes written at a time."""


def data_root() -> Path:
    """Where data sets are kept: $RABENCH_DATA, or the platform's cache."""
    if folder := os.environ.get("RABENCH_DATA"):
        return Path(folder).expanduser()
    import pooch

    return Path(pooch.os_cache("rabench"))


@dataclass(frozen=True)
class Archive:
    """A file on an official site. md5: as the data set's authors publish it."""

    url: str
    md5: str

    @property
    def file(self) -> str:
        """The file's name: the end of its URL."""
        return self.url.rsplit("/", 1)[-1]


def fetch(archive: Archive, folder: Path) -> Path:
    """The archive's path in ``folder``, downloaded if it is not there; its checksum is checked.

    An interrupted download goes on where it stopped. Raises Unavailable when the site cannot be
    reached (saying which file to put where), and when the checksum is wrong (the file is deleted).
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # the progress bar tells the rest
    target = folder / archive.file
    downloader: Any = _download
    remedy = f"download it yourself and put it at {target} (md5 {archive.md5})"
    if target.is_file() and pooch.file_hash(str(target), alg="md5") != archive.md5:
        target.unlink()
        remedy = f"the file that lay at {target} had the wrong checksum and was deleted; {remedy}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            archive.url,
            f"md5:{archive.md5}",
            fname=archive.file,
            path=folder,
            downloader=downloader,
        )
    except requests.RequestException as error:
        part = _part(folder, archive.url)
        if part.exists():
            raise Unavailable(
                f"{archive.url} broke off after {part.stat().st_size:,} bytes ({_first_line(error)}); "
                f"run again to go on from there, or {remedy}"
            ) from None
        raise Unavailable(
            f"{archive.url} cannot be reached ({_first_line(error)}); {remedy}, or try again later"
        ) from None
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise Unavailable(
            f"{archive.url}: what came has the wrong checksum and was deleted; try again, or {remedy}"
        ) from None
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {error}; set RABENCH_DATA to a folder with room") from None
    return target


def _download(url: str, output_file: Any, pooch: Any, *, check_only: bool | None = False) -> None:
    """pooch's downloader protocol, with resume: an unfinished file is kept as NAME.part."""
    import requests

    target = Path(output_file)
    part = _part(target.parent, url)
    offset = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    with requests.get(url, headers=headers, stream=True, timeout=30) as reply:
        if reply.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # the site's file is shorter than what lies here: begin again
            return _download(url, output_file, pooch)
        reply.raise_for_status()
        offset = offset if reply.status_code == requests.codes.partial_content else 0
        length = reply.headers.get("Content-Length")
        total = int(length) + offset if length else None
        with _progress(url, offset, total) as advance, open(part, "ab" if offset else "wb") as file:
            for chunk in reply.iter_content(CHUNK):
                file.write(chunk)
                advance(len(chunk))
    if total and part.stat().st_size < total:
        raise requests.ConnectionError("the site closed the connection")
    shutil.move(part, target)


def _part(folder: Path, url: str) -> Path:
    return folder / f"{url.rsplit('/', 1)[-1]}.part"


@contextmanager
def _progress(url: str, offset: int, total: int | None) -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(url, total=total, completed=offset)
        yield lambda count: progress.advance(task, count)


def _first_line(error: Exception) -> str:
    """The first cause of an error of requests and urllib3, which tell their whole history, in a line."""
    while isinstance(error.__cause__ or error.__context__, Exception):
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).split("\n")[0][:200]
