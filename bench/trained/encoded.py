"""Training images after a quantizer and a codec: coded once, in parallel, kept as files, read again by every tuning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...classifiers.resizing import resized_and_cropped
from ...codecs.base import Codec
from ...core.errors import Refused
from ...core.files import atomic_write, locked, remove_partial
from ...core.learning import Images
from ...datasets.base import UNLABELLED, BadImage, Block, Dataset, blocks
from ...quantizers.base import Quantizer
from ..measuring import chain
from ..measuring.content import chunks, digest
from ..measuring.task import Changed, changed
from ..measuring.threads import one_thread
from ..records.format import BLOCK, UNREADABLE
from ..records.index import Index
from ..records.pieces import content_hash
from ..running.plan import describe_blocks
from ..running.pool import Pool, WorkerDied
from ..study.points import stored_name
from ..study.sizes import FULL, Size

FORMAT = 1


@dataclass(frozen=True)
class EncodedSet:
    """The training images of a data set as a quantizer and a codec leave them, below ``folder``."""

    dataset: Dataset
    quantizer: Quantizer
    codec: Codec
    folder: Path
    size: Size = FULL

    @property
    def on_gpu(self) -> bool:
        """Whether coding it runs on a GPU where there is one."""
        return self.quantizer.on_gpu

    @property
    def point(self) -> str:
        return stored_name(self.quantizer, self.codec, self.size)

    def file(self, block: str) -> Path:
        """Of the images with that content hash; named by everything that its bytes depend on."""
        identity = [FORMAT, self.quantizer.key, self.quantizer.version(), self.codec.key, self.codec.version(), block]
        identity += [self.size.version()] if self.size else []
        return self.folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}.parquet"

    def make(
        self, limit: int | None, images: TrainingImages, on_block: Callable[[int, int], None] = lambda *_: None
    ) -> list[Path]:
        """Codes what is not there yet; gives the files of the first ``limit`` images, in order.

        A block of which an image failed lies under another name and is coded again next time. images: knows the images of
        the data set, and has the pool that codes them.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / ".lock", f"{self.folder} is being filled by another training"):
            remove_partial(self.folder)
            try:
                return self._make(images.blocks(self.dataset, limit), limit, images.pool, on_block)
            except Changed:
                images.forget(self.dataset)
                raise
            except BrokenExecutor:
                raise WorkerDied(f"{self.point}: a worker died while coding; what was finished is kept") from None

    def _make(
        self, known: Sequence[str], limit: int | None, pool: Pool, on_block: Callable[[int, int], None]
    ) -> list[Path]:
        files: list[Path] = []
        waiting = {}
        for (start, stop), block in zip(blocks(self.dataset, BLOCK, limit), known, strict=True):
            files.append(self.file(block))
            if not files[-1].exists():
                waiting[pool.submit(code_block, self, start, stop, block)] = len(files) - 1
        done = len(files) - len(waiting)
        on_block(done, len(files))
        for future in as_completed(waiting):
            table, place = future.result(), waiting[future]
            if any(e and not e.startswith(UNREADABLE) for e in table["error"].to_pylist()):
                files[place] = files[place].with_suffix(".failed")
            with atomic_write(files[place]) as partial:
                pq.write_table(table, partial, compression="none")
            done += 1
            on_block(done, len(files))
        return files

    def load(
        self, files: list[Path], side: int, chosen: NDArray[np.int64] | None = None
    ) -> tuple[Images, NDArray[np.int64], list[str]]:
        """The images decoded as a classifier of that input side sees them, their positions, and why others lack.

        chosen: the positions of the images to load; None for all.
        """
        pixels: NDArray[np.uint8] | None = None
        labels: list[int] = []
        places: list[int] = []
        reasons: list[str] = []
        start, wanted = 0, None if chosen is None else set(chosen.tolist())
        for path in files:
            table = self._read(path)
            files_by_row = {
                i: f
                for i, f in enumerate(table["file"].to_pylist())
                if f is not None and (wanted is None or start + i in wanted)
            }
            decoded, failures = chain.decode(self.codec, files_by_row)
            reasons += [reason for reason in table["error"].to_pylist() if reason]
            reasons += failures.values()
            block_labels = table["label"].to_numpy()
            for row in sorted(decoded):
                image = resized_and_cropped(decoded[row], side)
                if pixels is None:
                    count = sum(pq.read_metadata(file).num_rows for file in files) if chosen is None else len(chosen)
                    pixels = np.empty((count, *image.shape), np.uint8)
                if image.shape != pixels.shape[1:]:
                    raise Refused(
                        f"{self.dataset.label}: its images differ in size, and the classifier takes them as they come"
                    )
                pixels[len(labels)] = image
                labels.append(int(block_labels[row]))
                places.append(start + row)
            start += len(table)
        if pixels is None:
            raise Refused(f"{self.point}: not one image could be coded: {reasons[0] if reasons else 'there is none'}")
        if UNLABELLED in labels:
            raise Refused(f"{self.dataset.label}: training needs a label for every image")
        return Images(pixels[: len(labels)], np.array(labels, np.int64)), np.array(places), reasons

    def files(self, files: list[Path]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The position, label and bytes of each image's file, (N,) each; images that could not be coded have none."""
        lengths: list[int] = []
        parts: list[NDArray[np.int64]] = []
        for path in files:  # one at a time, so that no more than a block is in memory
            table = self._read(path)
            lengths += [len(file or b"") for file in table["file"].to_pylist()]
            parts.append(table["label"].to_numpy())
        sizes, labels = np.array(lengths, np.int64), np.concatenate(parts)
        places = np.flatnonzero(sizes)
        return places, labels[places].astype(np.int64), sizes[places]

    def _read(self, path: Path) -> pa.Table:
        try:
            return pq.read_table(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise Refused(f"{path} is damaged ({str(error).splitlines()[0][:100]}); delete it and run again") from None


class TrainingImages:
    """Training images by their content, read once; then known as long as names, sizes and times of their files stay."""

    def __init__(
        self, folder: Path, pool: Pool, say: Callable[[str], None] = lambda _: None, kept: bool = True
    ) -> None:
        """folder: keeps what is known. pool: reads images. say: receives a line before that. kept: whether to write it."""
        self.index, self.pool, self.say, self.kept = Index(folder), pool, say, kept
        self._blocks: dict[tuple[Dataset, int | None], list[str]] = {}

    def blocks(self, dataset: Dataset, limit: int | None) -> list[str]:
        """The hash of each block of a data set's first ``limit`` images, in order: of pixels and labels.

        Raises WorkerDied where a worker dies while it reads.
        """
        if (dataset, limit) not in self._blocks:
            spans = describe_blocks(dataset, self.index, limit, self.pool, self.say, False)
            self._blocks[dataset, limit] = [span.description["sha256"] for span in spans]
            if self.kept:
                with suppress(OSError):  # what cannot be kept is read again
                    self.index.path.parent.mkdir(parents=True, exist_ok=True)
                    self.index.save()
        return self._blocks[dataset, limit]

    def content(self, dataset: Dataset, limit: int | None) -> str:
        """A hash of all these images, 16 letters. Raises what ``blocks`` raises."""
        return hashlib.sha256(" ".join(self.blocks(dataset, limit)).encode()).hexdigest()[:16]

    def forget(self, dataset: Dataset) -> None:
        """Lets the images of a data set be read anew."""
        self._blocks = {key: known for key, known in self._blocks.items() if key[0] != dataset}
        self.index.forget(dataset.label)
        self.index.save()


def code_block(coded: EncodedSet, start: int, stop: int, content: str) -> pa.Table:
    """A row per image: label, the file's bytes or null, and why there is none.

    content: the hash that the images are known by. Raises Changed where they are others now.
    """
    one_thread()
    digests: list[bytes] = []
    rows: list[tuple[int, bytes | None, str | None]] = []
    for block in chunks(coded.dataset, start, stop):
        digests += [digest(image) for image in block.images]
        rows += _rows(block, coded)
    labels, files, errors = zip(*rows, strict=True)
    if content_hash(digests, list(labels)) != content:
        raise changed(coded.dataset, start, stop)
    return pa.table(
        {
            "label": pa.array(labels, pa.int64()),
            "file": pa.array(files, pa.binary()),
            "error": pa.array(errors, pa.string()),
        }
    )


def _rows(block: Block, coded: EncodedSet) -> Iterator[tuple[int, bytes | None, str | None]]:
    errors = {i: f"{UNREADABLE}{image.reason}" for i, image in enumerate(block.images) if isinstance(image, BadImage)}
    sources = {i: image for i, image in enumerate(block.images) if not isinstance(image, BadImage)}
    stored = {i: block.sources[i].file for i in sources}
    images, not_quantized = chain.quantize(coded.quantizer, chain.resize(coded.size, sources))
    files, not_encoded = chain.encode(coded.codec, images, stored)
    errors |= not_quantized | not_encoded
    for i, label in enumerate(block.labels.tolist()):
        yield label, files.get(i), errors.get(i)
