"""What the commands about records do, as functions of the package: pack, merge, status, verify, profile, trust."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .api import named_study
from .auditing import profiling, verifying
from .auditing import status as auditing
from .auditing.profiling import Profile
from .auditing.status import Status
from .auditing.verifying import ROWS, Verified
from .records.packs import Packed
from .running import executors, merging
from .running.merging import Merged
from .running.runner import Progress
from .study.folder import pack_study


def pack(study: str | Path, out: str | Path | None = None) -> Packed:
    """Puts a study's records into one file a point; every function reads them, and a run measures what is missing.

    Raises Unavailable where the study is being measured or cannot be written.
    """
    return pack_study(named_study(study, out))


def merge(studies: Sequence[str | Path], into: str | Path) -> Merged:
    """Copies the records of several studies into a folder, whose study is then that of all of them.

    ``.remarks`` says what does not go together. Raises RabenchError for what the caller can set right.
    """
    return merging.merge([named_study(study) for study in studies], Path(into))


def status(study: str | Path, out: str | Path | None = None) -> Status:
    """How far each point of a study is measured, also while a run goes on; ``.table`` has a row a point."""
    return auditing.status(named_study(study, out))


def verify(
    study: str | Path,
    rows: int | None = ROWS,
    seed: int = 0,
    out: str | Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
    plugins: Sequence[str | Path] = (),
) -> Verified:
    """Measures stored rows again on this machine, and writes nothing; ``.differences`` are those that are not as recorded.

    rows: how many, drawn at random from all points and images; None for all, and the hash of all images, too. Raises
    Unavailable where there are no records, Refused where nothing of them can be measured here.
    """
    pool = executors.make(workers, None)
    try:
        return verifying.verify(named_study(study, out, plugins), pool, rows, seed, progress)
    finally:
        pool.stop()


def profile(
    study: str | Path,
    images: int = profiling.IMAGES,
    workers: int = 0,
    progress: Progress | None = None,
    plugins: Sequence[str | Path] = (),
) -> Profile:
    """Where the time of a study goes: its first images are measured at all points, and nothing of it is kept.

    ``.table`` has a row a stage, ``.largest`` the three largest costs. images: of each data set. Raises RabenchError where no
    point can be measured here.
    """
    pool = executors.make(workers, None)
    try:
        return profiling.profile(named_study(study, None, plugins), pool, images, progress)
    finally:
        pool.stop()


def trust(study: str | Path, out: str | Path | None = None) -> None:
    """Lets the code that a study brings run here, and its paths lead anywhere, as long as its files stay as they are.

    A study that was measured here from the beginning needs no word.
    """
    named_study(study, out).trust()
