"""ImageNet (ILSVRC 2012): 1,000 classes, 50,000 validation images of any size."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.errors import Unavailable
from .base import Block, Dataset, Reader
from .decoding import decode
from .download import data_root
from .folder import FolderReader
from .parquet import ParquetReader, missing_shards, shards
from .tar_files import members

VALIDATION = "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_NUMBER = re.compile(r"ILSVRC2012_val_0*(\d+)\.")
REMEDY = (
    "imagenet: {home} holds none of: val/ with a folder a class or with the official images, {archive}, or data/ with Parquet "
    "shards; the official files need an account at https://image-net.org (ILSVRC 2012: {archive} and {devkit}.tar.gz)"
)


@dataclass(frozen=True)
class ImageNet(Dataset):
    """ImageNet's validation images at $RABENCH_DATA/imagenet: official tar, its images in val/, class folders, or Parquet.

    Classes are WordNet ids, sorted, as in torchvision and timm; the official images need the devkit, which knows theirs.
    """

    name: ClassVar[str] = "imagenet"

    def open(self) -> Reader:
        home = self.home()
        if (home / "data").is_dir():
            return ParquetReader(shards(home / "data", self.split), "image", "label")
        folder = home / ("val" if self.split == "test" else "train")
        if folder.is_dir() and any(f.is_dir() for f in folder.iterdir()):
            return FolderReader(folder)
        if self.split == "test" and folder.is_dir():
            files = sorted(f for f in folder.iterdir() if _NUMBER.match(f.name))
            return OfficialReader([(f.name, f.read_bytes) for f in files], files, devkit(home), folder)
        if self.split == "test" and (home / VALIDATION).is_file():
            packed = sorted((m for m in members(home / VALIDATION) if _NUMBER.match(m.name)), key=lambda m: m.name)
            return OfficialReader(
                [(m.name, m.read) for m in packed], [home / VALIDATION], devkit(home), home / VALIDATION
            )
        raise Unavailable(REMEDY.format(home=home, archive=VALIDATION, devkit=DEVKIT))

    def where(self) -> str | None:
        candidates = (self.home() / name for name in ("data", "val", "train", VALIDATION))
        return next((str(p) for p in candidates if p.exists()), None)

    def notes(self) -> list[str]:
        data = self.home() / "data"
        return missing_shards(shards(data, self.split)) if data.is_dir() else []

    def home(self) -> Path:
        """The data set's folder on this machine."""
        return data_root() / self.name


@dataclass(frozen=True)
class Devkit:
    """What ImageNet's development kit says of the validation images."""

    classes: tuple[str, ...]
    """WordNet ids, sorted."""
    labels: dict[int, int]
    """The class of each validation image, by the number in its name, which begins at 1."""


def devkit(home: Path) -> Devkit:
    """The development kit in ``home``, extracted or as the official .tar.gz. Raises Unavailable where it is missing."""
    read = _devkit_files(home)
    truth_file, meta_file = read(TRUTH), read("meta.mat")
    from scipy.io import loadmat

    try:
        truth = [int(line) for line in truth_file.decode("ascii").split()]
        synsets: Any = loadmat(BytesIO(meta_file), squeeze_me=True)["synsets"]
        # leaves alone are classes: meta.mat holds inner nodes of WordNet, too
        wnids = {int(s["ILSVRC2012_ID"]): str(s["WNID"]) for s in synsets if int(s["num_children"]) == 0}
        classes = tuple(sorted(wnids.values()))
        place = {wnid: i for i, wnid in enumerate(classes)}
        return Devkit(classes, {number: place[wnids[label]] for number, label in enumerate(truth, 1)})
    except Exception as error:  # SciPy's reader raises whatever a broken file makes it do
        raise Unavailable(
            f"imagenet: meta.mat of {DEVKIT} cannot be read ({error}); fetch {DEVKIT}.tar.gz again"
        ) from None


def _devkit_files(home: Path) -> Callable[[str], bytes]:
    folder, archive = home / DEVKIT / "data", home / f"{DEVKIT}.tar.gz"
    if (folder / TRUTH).is_file():
        return lambda name: (folder / name).read_bytes()
    if not archive.is_file():
        raise Unavailable(
            f"imagenet: the validation images are here, but not what they show: put {DEVKIT}.tar.gz into {home} "
            "(https://image-net.org), or lay the images out with a folder a class"
        )

    def read(name: str) -> bytes:
        try:
            with tarfile.open(archive) as tar:
                member = tar.extractfile(f"{DEVKIT}/data/{name}")
                if member is None:
                    raise OSError(f"{name} is no file")
                return member.read()
        except (tarfile.TarError, KeyError, EOFError, OSError) as error:
            raise Unavailable(f"{archive} cannot be read ({error}); fetch it again") from None

    return read


class OfficialReader:
    """The official validation images, in the order of their numbers."""

    def __init__(
        self, files: list[tuple[str, Callable[[], bytes | None]]], stamped: list[Path], kit: Devkit, place: Path
    ) -> None:
        """files: the name of each and what reads it. stamped: the files whose change means another data set."""
        self.files, self.stamped, self.classes = files, stamped, kit.classes
        numbers = [int(match[1]) for name, _ in files if (match := _NUMBER.match(name)) is not None]
        if not numbers:
            raise Unavailable(f"imagenet: {place} holds no images named ILSVRC2012_val_00000001.JPEG and so on")
        unknown = [n for n in numbers if n not in kit.labels]
        if unknown:
            raise Unavailable(f"imagenet: {TRUTH} does not know image {unknown[0]}; fetch {DEVKIT}.tar.gz again")
        self.labels = np.array([kit.labels[n] for n in numbers], np.int64)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, start: int, stop: int) -> Block:
        decoded = [decode(_read(read), name) for name, read in self.files[start:stop]]
        return Block([image for image, _ in decoded], self.labels[start:stop], [source for _, source in decoded])

    def image_name(self, position: int) -> str:
        """The image's official name."""
        return self.files[position][0]

    def stamp(self) -> str:
        total = sum(f.stat().st_size for f in self.stamped)
        newest = max(f.stat().st_mtime_ns for f in self.stamped)
        return f"{len(self.files)} files, {total} bytes, {newest}"


def _read(read: Callable[[], bytes | None]) -> bytes | None:
    try:
        return read()
    except OSError:
        return None  # a row with its error, as any file that cannot be read
