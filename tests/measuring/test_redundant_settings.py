"""Settings that give identical files: encoded once where the codec knows, shown as one wherever it is so."""

from collections import Counter
from dataclasses import replace

import pytest
from given_studies import given_study, measure, measured_study, photos_matrix, point, rows_of
from plugins_for_tests import Coarse, Noise
from rabench.bench.figures.over_setting import rate_over_setting
from rabench.bench.measuring.chain import representatives
from rabench.bench.reading.groups import read
from rabench.bench.reporting.report import report
from rabench.bench.running import runner
from rabench.bench.study.matrix import with_references
from rabench.codecs import CODECS
from rabench.core.specs import ranges


def study(folder, codecs):
    return given_study(folder, *(point(c, Noise(images=1500)) for c in codecs))


def test_alike_codecs_encode_once_and_one_that_errs_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "OVERTIME", 1e6)  # so that no task leaves a rest, whose first image is coded once more
    log, steps = tmp_path / "log", (0, 1, 2, 3, 6, 8)
    codecs = {n: Coarse(step=n, log=str(log)) for n in steps}
    alike = study(tmp_path, codecs.values())
    measure(alike)
    encoded = Counter(map(int, log.read_text().split()))
    # Each codes an image to tell its pace; in each of two blocks the first image shows whether it is so; a flat image is
    # coded for the format overhead.
    assert {n: encoded[n] for n in (1, 3)} == {1: 1 + 2 + 1, 3: 1 + 2 + 1}
    assert min(encoded[n] for n in (0, 2, 6, 8)) >= 1500
    rows = rows_of(alike).set_index("codec")
    extra = {n: rows.bytes[c.label] - rows.bytes["raw"] for n, c in codecs.items()}
    assert extra == {0: 0, 1: 0, 2: 1500, 3: 1500, 6: 4500, 8: 6000}


def test_the_first_whose_files_bear_it_out_encodes_for_the_others():
    image = Noise().load(0, 1).images[0]
    steps = [Coarse(step=n) for n in (1, 0, 7, 8)]
    leaders = representatives(steps, image)
    assert [leaders[c].step for c in steps] == [1, 1, 7, 8]
    broken = [replace(c, log="/nonexistent/folder/log") for c in steps]
    assert representatives(broken, image) == {c: c for c in broken}


@pytest.mark.slow
def test_tables_show_identical_settings_as_one(tmp_path):
    alike = study(tmp_path, [Coarse(step=n) for n in range(8)])
    measure(alike, 200)
    (table,) = report(alike).tables
    assert table.frame.codec.tolist() == ["raw", *(f"coarse:step={a},{a + 1}" for a in (0, 2, 4, 6))]


@pytest.mark.parametrize(
    ("values", "text"), [([3, 1, 0, 2], "0..3"), ([1, 2], "1,2"), ([0, 1, 2, 7], "0..2,7"), ([5], "5"), ([], "")]
)
def test_integers_are_written_briefly(values, text):
    assert ranges(values) == text


@pytest.mark.long
def test_rates_are_drawn_over_each_quality_parameter_that_varies(tmp_path):
    pytest.importorskip("av")
    matrix = photos_matrix(
        'codecs = ["bpg:qp=0..3,20,40", "jpeg:quality=10,50,90", "png"]',
        'quantizers = ["octree:colors=2,8,32"]\ncodecs = ["png"]',
    )
    sweep = measured_study(tmp_path / "sweep", matrix, limit=30)
    names = {f.name for f in report(sweep).files}
    assert names >= {"rate-over-setting.png", "rate-over-setting.svg"}
    text = (sweep.folder / "rate-over-setting.svg").read_text()
    for word in ("bpg: QP", "jpeg: quality", "colors", "bits per pixel", "0-3:", "identical"):
        assert word in text, word
    assert "bpg:qp=0..3" in (sweep.folder / "table.md").read_text()
    assert len(with_references(sweep.load())) == 1 + 6 + 3 + 1 + 3
    (group,) = read(sweep).groups
    assert rate_over_setting(replace(group, curves=[])) is None
    assert CODECS.make("bpg:qp=2").short_of([CODECS.make("bpg:qp=1"), CODECS.make("bpg:qp=3")]) == "bpg:qp=1..3"
