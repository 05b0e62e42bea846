"""Disks that are full, read-only or gone, clocks that jump, and files that are not as they were written."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from command_line import rabench as command
from given_studies import measure, photos_matrix, written_study
from rabench.bench.records.records import Records
from rabench.bench.reporting.report import report
from rabench.bench.running import batches
from rabench.bench.running.runner import Progress
from rabench.core import files
from rabench.core.errors import Unavailable

pytestmark = pytest.mark.slow

MATRIX = photos_matrix('quantizers = ["median-cut:colors=2"]\ncodecs = ["png", "jpeg:quality=50"]')
LIMIT = 12


def tables(study):
    """What the study's tables say."""
    report(study)
    return (study.folder / "summary.csv").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tables of a run that nothing disturbed."""
    study = written_study(tmp_path_factory.mktemp("undisturbed"), MATRIX)
    measure(study, LIMIT)
    return tables(study)


@pytest.fixture
def small_tasks(monkeypatch):
    monkeypatch.setattr(batches, "TASK_SECONDS", 0.0)  # of one image, which gives many pieces


@pytest.fixture
def study(tmp_path):
    return written_study(tmp_path / "study", MATRIX)


class FullAt:
    """While in force, the disk is full at the n-th file that is written in a folder, after half of it."""

    def __init__(self, folder, number):
        self.folder, self.number, self.written, self.replace = folder, number, 0, os.replace

    def __enter__(self):
        self.patch = patch.object(files.os, "replace", self._replace)
        self.patch.start()
        return self

    def __exit__(self, *_):
        self.patch.stop()

    def _replace(self, source, target):
        self.written += Path(target).is_relative_to(self.folder)
        if self.written == self.number:
            os.truncate(source, Path(source).stat().st_size // 2)
            raise OSError(28, "No space left on device", str(source))
        self.replace(source, target)


@pytest.mark.long
def test_a_disk_that_is_full_at_any_write_loses_nothing_else(study, undisturbed, small_tasks, tmp_path):
    with FullAt(study.folder, 0) as counting:
        measure(study, LIMIT)
    writes = counting.written
    assert writes > 3 * LIMIT
    for number in (1, 2, *range(3, writes, writes // 4)):
        shutil.rmtree(study.folder)
        again = written_study(study.folder, MATRIX)
        with FullAt(study.folder, number), pytest.raises(OSError, match="No space left"):
            measure(again, LIMIT)
        assert not list(study.folder.rglob(f"{files.PARTIAL}*")), "something half-written is left"
        kept = done(again)
        progress = Progress()
        measure(again, LIMIT, progress=progress)
        assert progress.done == 3 * LIMIT - kept, "something that was kept was measured again"
        assert tables(again) == undisturbed


def done(study):
    """The rows in records and pieces."""
    from rabench.bench.auditing.status import status

    return sum(p.done for p in status(study).points) if study.records.is_dir() and study.measured else 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 KB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.long
def test_a_real_disk_that_is_full_or_read_only_is_told_in_a_line(small_disk, undisturbed):
    study = written_study(small_disk / "study", MATRIX)
    (small_disk / "filling").write_bytes(bytes(120_000))
    words = ("run", str(study.folder), "--workers", "0", "--limit", str(LIMIT))
    done = command(*words, cwd=small_disk)
    assert done.returncode == 2 and "No space left on device" in done.stderr and "Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = command(*words, cwd=small_disk)
    assert done.returncode == 2 and "Read-only file system" in done.stderr and "Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,rw,size=20m", str(small_disk)], check=True)
    assert command(*words, cwd=small_disk).returncode == 0
    assert (study.folder / "summary.csv").read_bytes() == undisturbed


def test_a_folder_that_vanishes_is_not_made_anew_and_goes_on_where_it_comes_back(study, undisturbed, small_tasks):
    away = study.folder.with_name("away")

    def vanish(progress):
        if progress.done > LIMIT and not away.exists():
            study.folder.rename(away)

    with pytest.raises(Unavailable, match="records is gone; what was finished is kept there"):
        measure(study, LIMIT, progress=Progress(report=vanish))
    assert not study.folder.exists()
    away.rename(study.folder)
    kept, progress = done(study), Progress()
    assert kept > LIMIT
    measure(study, LIMIT, progress=progress)
    assert progress.done == 3 * LIMIT - kept and tables(study) == undisturbed


def test_clocks_that_jump_change_nothing(study, undisturbed, small_tasks):
    jumps = random.Random(1)
    with patch.object(time, "time", lambda: jumps.uniform(0, 4e9)):
        measure(study, LIMIT)
    for number, file in enumerate(study.records.rglob("*.parquet")):
        os.utime(file, (4e9, 4e9) if number % 2 else (0, 0))  # of the future, and from 1970
    assert measure(study, LIMIT).measured == 0 and tables(study) == undisturbed


@pytest.mark.long
@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "foreign", "other's name"])
def test_records_and_pieces_that_are_not_as_written_are_measured_again(study, undisturbed, fault, tmp_path):
    measure(study, LIMIT)
    rng, (victim, other, *_) = random.Random(fault), sorted(study.records.glob("*.parquet"))
    content = victim.read_bytes()
    if fault == "cut":
        victim.write_bytes(content[: rng.randrange(len(content))])
    elif fault == "flipped":
        place = rng.randrange(len(content) // 2)  # among the rows, whose pages have checksums
        victim.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
    elif fault == "empty":
        victim.write_bytes(b"")
    elif fault == "foreign":
        elsewhere = written_study(tmp_path / "elsewhere", MATRIX.replace("colors=2", "colors=3"))
        measure(elsewhere, LIMIT)
        for file in elsewhere.records.glob("*.parquet"):
            shutil.copy(file, study.records / file.name)
    else:
        shutil.copy(other, victim)
    measure(study, LIMIT)
    assert tables(study) == undisturbed


def test_weights_that_change_in_the_middle_end_the_run_and_mix_with_nothing(tmp_path, small_tasks):
    weights = next((Path(__file__).parents[2] / "classifiers" / "weights").glob("small-photos*.safetensors"))
    mine = tmp_path / "mine.safetensors"
    shutil.copy(weights, mine)
    study = written_study(tmp_path / "study", MATRIX.replace("small:weights=small-photos", f"small:weights={mine}"))

    def change(progress):
        if progress.done > LIMIT and mine.read_bytes() == weights.read_bytes():
            content = bytearray(weights.read_bytes())
            content[-3] ^= 1  # another number in the last layer
            mine.write_bytes(content)

    with pytest.raises(Exception, match=r"a worker has sha256 .*, this machine sha256"):
        measure(study, LIMIT, progress=Progress(report=change))
    before = {r.identity.versions for r in Records(study.records).read()[0]}
    assert measure(study, LIMIT).complete
    after = [r for r in Records(study.records).read()[0] if r.identity.versions not in before]
    assert len(after) == 3 and report(study).failed == 0


TWO_MACHINES = """
import sys, platform
from contextlib import nullcontext
platform.node = lambda: sys.argv[2]
from rabench.bench.study import folder
folder.locked = lambda *_: nullcontext()  # a network file system that passes no locks on
import rabench
assert rabench.run(sys.argv[1], limit=150).complete
"""


@pytest.mark.long
def test_two_machines_on_one_study_without_locks_end_with_the_same_records(study, tmp_path):
    command = [sys.executable, "-c", TWO_MACHINES, str(study.folder)]
    both = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in ("one", "two")]
    errors = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    alone = written_study(tmp_path / "alone", MATRIX)
    measure(alone, 150)
    measure(study, 150)
    assert tables(study) == tables(alone)
    assert {r.identity for r in Records(study.records).read()[0]} == {
        r.identity for r in Records(alone.records).read()[0]
    }
