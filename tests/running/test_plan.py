"""What a run has to do: tasks, and how long they will take."""

from dataclasses import replace

import numpy as np
import pytest
from given_studies import given_study, measure, point
from image_files import noise_folder
from PIL import Image
from rabench.bench.records.format import Identity
from rabench.bench.records.index import Index
from rabench.bench.records.records import Records
from rabench.bench.running import batches, executors, plan, preview
from rabench.codecs import CODECS
from rabench.quantizers import QUANTIZERS


@pytest.fixture
def planned():
    """The plan of some points, with a folder for their records."""
    pool = executors.in_process()

    def make(points, folder):
        return plan.make_plan(points, Records(folder), Index(folder), None, pool, lambda _: None)

    yield make
    pool.close()


def test_a_quantizer_runs_once_for_all_codecs_of_a_task():
    points = [point(CODECS.make(t), quantizer=QUANTIZERS.make("median-cut:colors=3")) for t in ("png", "raw", "jpeg")]
    missing = [
        plan.Missing(p, Identity(p.labels, p.key, ("", "", ""), "x"), start, start + 1000, "x")
        for p in points
        for start in (0, 1000)
    ]
    assert [len(group) for group in batches.make_groups(missing)] == [3, 3]
    large = [replace(m, pixels=1000 * 512 * 512) for m in missing]  # a codec of these takes minutes
    assert [len(group) for group in batches.make_groups(large)] == [1] * 6


def test_a_block_has_the_pixels_of_those_images_that_can_be_read(planned, tmp_path):
    dataset = noise_folder(tmp_path / "images", 5, classes="")
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "images" / "small.png")
    (tmp_path / "images" / "junk.png").write_bytes(b"junk")
    assert [m.pixels for m in planned((point(dataset=dataset),), tmp_path).missing] == [5 * 8 * 8 + 2 * 3]


@pytest.mark.slow
def test_a_dry_run_estimates_from_records_or_from_a_probe(planned, tmp_path):
    study = given_study(tmp_path, point(), point(CODECS.make("png")))
    records = Records(study.records)
    nothing_done = planned(study.points, study.records)
    assert len(nothing_done.missing) == 6
    assert preview.estimate(nothing_done, records) is None
    assert preview.probe(nothing_done) > 0
    measure(study)
    assert preview.estimate(nothing_done, records) > 0


def test_every_curve_has_its_ends_and_middle_first_on_the_first_images():
    points = [point(CODECS.make(f"jpeg:quality={q}")) for q in range(10, 100, 10)]
    missing = [
        plan.Missing(p, Identity(p.labels, p.key, ("", "", ""), "x"), start, start + 1000, "x", 10**9)  # a codec a task
        for p in points
        for start in (0, 1000)
    ]
    order = [(m.start, m.point.codec.quality) for (m,) in batches.make_groups(missing)]
    assert order[:3] == [(0, 10), (0, 50), (0, 90)]
    assert order[3:5] == [(0, 30), (0, 70)]
    assert [start for start, _ in order] == [0] * 9 + [1000] * 9
    assert batches.bisection_levels(4) == [0, 1, 0, 0] and batches.bisection_levels(1) == [0]
