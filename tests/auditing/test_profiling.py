"""Where the time goes: each stage counted once, what is left is waiting, and nothing of a study is touched."""

import time
from dataclasses import dataclass
from typing import ClassVar

import pytest
import rabench
from command_line import rabench as command
from given_studies import PHOTOS_AS_PNG, given_study, point, written_study
from plugins_for_tests import Noise
from rabench.bench.auditing.profiling import CHAIN, REMEDIES, WAITING, profile
from rabench.bench.running.executors import in_process
from rabench.codecs import CODECS
from rabench.core.errors import RabenchError
from rabench.quantizers.base import Quantizer


@dataclass(frozen=True)
class Sleeping(Quantizer):
    """Takes fifty milliseconds an image."""

    name: ClassVar[str] = "sleeping"

    def version(self):
        return "1"

    def quantize(self, images):
        time.sleep(0.05 * len(images))
        return list(images)


@pytest.fixture
def study(tmp_path):
    codecs = ("png", "jpeg:quality=10", "webp:quality=50")
    return given_study(tmp_path, *(point(CODECS.make(c), Noise(images=40), quantizer=Sleeping()) for c in codecs))


def profiled(study, images=20):
    pool = in_process()
    try:
        return profile(study, pool, images)
    finally:
        pool.stop()


def test_what_points_share_counts_once_and_the_largest_cost_is_named(study):
    found = profiled(study)
    # Three codecs share a quantizer; each is timed by one image of its own before.
    assert 0.05 * 20 <= found.stages["quantize"] < 0.05 * 30
    assert found.largest[0][:2] == ("quantize", "sleeping")
    assert sum(found.stages.values()) == pytest.approx(found.workers * found.seconds, rel=0.02)
    assert found.images == 4 * 20 and min(found.stages.values()) >= 0
    assert found.stages[CHAIN] > 0  # hashing and squared errors take time


def test_the_table_has_a_row_a_stage_and_says_what_would_cut_the_costs(study):
    table = profiled(study).table
    assert list(table.frame["stage"]) == list(REMEDIES) and {CHAIN, WAITING} <= set(REMEDIES)
    assert sum(map(float, table.frame["of the workers' time %"])) == pytest.approx(100, abs=2)
    assert "1. quantize sleeping" in table.notes[1] and REMEDIES["quantize"] in table.notes[1]


def test_nothing_is_written_to_the_study(tmp_path):
    study = written_study(tmp_path / "study", PHOTOS_AS_PNG)
    before = sorted(p.name for p in study.folder.rglob("*"))
    assert rabench.profile(study.folder, images=3).images == 2 * 3
    assert sorted(p.name for p in study.folder.rglob("*")) == before


@pytest.mark.long
def test_the_command_prints_the_table_and_refuses_what_is_no_number_of_images(tmp_path):
    study = written_study(tmp_path / "study", PHOTOS_AS_PNG)
    done = command("profile", str(study.folder), "--images", "3", "--workers", "0", cwd=tmp_path)
    assert done.returncode == 0 and "classify" in done.stdout and "What would cut it" in done.stdout
    with pytest.raises(RabenchError, match="`images` must be 1 or more, got 0"):
        rabench.profile(study.folder, images=0)
