"""The first block of large images: recorded in parts of 100, so that first curves come early."""

import numpy as np
import pytest
from given_studies import given_study, measure, point, rows_of
from plugins_for_tests import Noise
from rabench.bench.reading.groups import read, together
from rabench.bench.records.format import PART
from rabench.bench.records.pieces import Pieces
from rabench.bench.records.records import Records
from rabench.bench.running import batches, plan, runner
from rabench.bench.running.runner import Progress
from rabench.codecs import CODECS

IMAGES = 1250
CODECS_MEASURED = ("png", *(f"jpeg:quality={quality}" for quality in (5, 10, 20, 40, 80)))


def study_in(folder):
    return given_study(folder, *(point(CODECS.make(c), Noise(images=IMAGES)) for c in CODECS_MEASURED))


def spans(study):
    """The images of each record, its codec, and when it was written (clocks of file systems tick in milliseconds)."""
    records = Records(study.records).read()[0]
    return [((r.about["start"], r.about["stop"]), r.identity.labels[-2], r.path.stat().st_mtime_ns) for r in records]


@pytest.mark.long
def test_first_parts_are_measured_at_all_points_first_and_rows_are_those_of_whole_blocks(tmp_path, monkeypatch):
    whole = study_in(tmp_path / "whole")
    measure(whole)
    assert {images for images, *_ in spans(whole)} == {(0, 1000), (1000, IMAGES)}
    monkeypatch.setattr(plan, "LARGE", 1)
    monkeypatch.setattr(batches, "CODECS_A_TASK", 1)
    monkeypatch.setattr(runner, "OVERTIME", 1e6)  # so that no task leaves a rest for later
    study = study_in(tmp_path / "parts")
    measure(study)
    written = spans(study)
    points = len(CODECS_MEASURED) + 1  # the originals, too
    assert len(written) == points * 11
    first = [r for r in written if r[0][0] == 0]
    between = [r for r in written if 0 < r[0][0] < 1000]
    last = [r for r in written if r[0][0] >= 1000]
    for part, images in ((first, (0, 100)), (last, (1000, IMAGES))):
        assert {r[0] for r in part} == {images} and len({codec for _, codec, _ in part}) == points == len(part)
    assert max(when for *_, when in first) <= min(when for *_, when in between)
    assert max(when for *_, when in between) <= min(when for *_, when in last)
    columns = [c for c in rows_of(whole).columns if "seconds" not in c]
    assert rows_of(study)[columns].equals(rows_of(whole)[columns])
    assert measure(study).measured == 0


@pytest.mark.long
def test_pieces_of_the_whole_block_are_taken_over(tmp_path, monkeypatch):
    study = study_in(tmp_path)

    def stop(progress):
        if progress.done > 3000:
            raise KeyboardInterrupt

    monkeypatch.setattr(batches, "TASK_SECONDS", 0.02)
    with pytest.raises(KeyboardInterrupt):
        measure(study, progress=Progress(report=stop))
    pieces, kept = Pieces(study.records), sum(record.images for record in Records(study.records).read()[0])
    for name in {file.name.split(".")[0] for file, _, _ in pieces.files()}:
        kept += sum(PART for start in range(0, 1000, PART) if not pieces.gaps(name, start, start + PART))
    assert kept >= 5 * PART
    monkeypatch.setattr(plan, "LARGE", 1)
    progress = Progress()
    measure(study, progress=progress)
    assert progress.done == (len(CODECS_MEASURED) + 1) * IMAGES - kept
    assert not list((study.records / "pieces").glob("*")) and np.all(rows_of(study).images == IMAGES)


@pytest.mark.long
def test_studies_join_whether_in_blocks_or_in_parts(tmp_path, monkeypatch):
    whole, study = study_in(tmp_path / "whole"), study_in(tmp_path / "parts")
    measure(whole)
    monkeypatch.setattr(plan, "LARGE", 1)
    measure(study)
    for pair in ((whole, study), (study, whole)):
        (group,) = together([("a", read(pair[0])), ("b", read(pair[1]))], lambda group: group)
        assert len(group.measured) == 2 * (len(CODECS_MEASURED) + 1)
        for m in group.measured:
            assert m.columns["image"].tolist() == list(range(IMAGES))


def test_parts_stand_before_an_older_record_of_the_whole_in_which_images_failed(tmp_path, monkeypatch):
    cls = CODECS["png"]
    encode = cls.encode
    monkeypatch.setattr(cls, "encode", lambda *_: (_ for _ in ()).throw(ValueError("out of order")))
    study = given_study(tmp_path, point(CODECS.make("png"), Noise(images=250)))
    assert not measure(study).complete and rows_of(study).failed.max() == 250
    monkeypatch.setattr(cls, "encode", encode)
    monkeypatch.setattr(plan, "LARGE", 1)
    assert measure(study).complete
    assert rows_of(study).failed.max() == 0 and len(list((study.records / "failed").glob("*"))) == 1
