"""Settings that give identical files: encoded once where the codec knows, shown as one wherever it is so."""

from collections import Counter
from dataclasses import replace

import pytest
from given_studies import given_study, point
from plugins_for_tests import Coarse, Noise
from rabench.bench.comparing.reading import read
from rabench.bench.figures.over_setting import rate_over_setting
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, runner
from rabench.bench.running.chain import representatives
from rabench.bench.running.runner import Progress
from rabench.bench.study.matrix import find_study, with_references
from rabench.codecs import CODECS
from rabench.core.specs import ranges


def study(tmp_path, codecs):
    return given_study(tmp_path, *(point(c, Noise(images=1500)) for c in codecs))


def test_alike_codecs_encode_once_and_one_that_errs_is_found_out(tmp_path):
    log = tmp_path / "log"
    codecs = [Coarse(step=n, log=str(log)) for n in (0, 1, 2, 3, 6, 8)]
    made = study(tmp_path, codecs)
    runner.run(made, executors.in_process, None, Progress())
    encoded = Counter(map(int, log.read_text().split()))
    # In each of two blocks the first image shows whether it is so; a flat image is coded for the format overhead.
    assert {n: encoded[n] for n in (1, 3)} == {1: 2 + 1, 3: 2 + 1}
    assert min(encoded[n] for n in (0, 2, 6, 8)) >= 1500
    rows = report(made).summary.set_index("codec")
    extra = {n: rows.bytes[c.label] - rows.bytes["raw"] for n, c in zip((0, 1, 2, 3, 6, 8), codecs, strict=True)}
    assert extra == {0: 0, 1: 0, 2: 1500, 3: 1500, 6: 4500, 8: 6000}


def test_the_first_whose_files_bear_it_out_encodes_for_the_others():
    image = Noise().load(0, 1).images[0]
    steps = [Coarse(step=n) for n in (1, 0, 7, 8)]
    found = representatives(steps, image)
    assert [found[c].step for c in steps] == [1, 1, 7, 8]
    broken = [replace(c, log="/nonexistent/folder/log") for c in steps]
    assert representatives(broken, image) == {c: c for c in broken}


def test_tables_show_identical_settings_as_one(tmp_path):
    made = study(tmp_path, [Coarse(step=n) for n in range(8)])
    runner.run(made, executors.in_process, 200, Progress())
    (table,) = report(made).tables
    assert table.frame.codec.tolist() == ["raw", *(f"coarse:step={a},{a + 1}" for a in (0, 2, 4, 6))]


@pytest.mark.parametrize(
    ("values", "text"), [([3, 1, 0, 2], "0..3"), ([1, 2], "1,2"), ([0, 1, 2, 7], "0..2,7"), ([5], "5"), ([], "")]
)
def test_integers_are_written_briefly(values, text):
    assert ranges(values) == text


@pytest.mark.slow
def test_rates_are_drawn_over_each_quality_parameter_that_varies(tmp_path):
    pytest.importorskip("av")
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "matrix.toml").write_text(
        'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
        '[[points]]\ncodecs = ["bpg:qp=0..3,20,40", "jpeg:quality=10,50,90", "png"]\n'
        '[[points]]\nquantizers = ["octree:colors=2,8,32"]\ncodecs = ["png"]\n'
    )
    made = find_study(str(folder))
    runner.run(made, executors.in_process, 30, Progress())
    written = report(made)
    assert {f.name for f in written.files} >= {"rate-over-setting.png", "rate-over-setting.svg"}
    text = (folder / "rate-over-setting.svg").read_text()
    for word in ("bpg: QP", "jpeg: quality", "colors", "bits per pixel", "0-3:", "identical"):
        assert word in text, word
    assert "bpg:qp=0..3" in (folder / "table.md").read_text()
    assert len(with_references(made.load())) == 1 + 6 + 3 + 1 + 3
    (group,) = read(made).groups
    assert rate_over_setting(replace(group, curves=[])) is None
    assert CODECS.make("bpg:qp=2").short_of([CODECS.make("bpg:qp=1"), CODECS.make("bpg:qp=3")]) == "bpg:qp=1..3"
