"""How failures are told, and points that stand on fewer images than others."""

import numpy as np
import pytest
from given_studies import given_study, point
from plugins_for_tests import Misbehaving, Noise
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, session
from rabench.codecs import CODECS
from rabench.codecs.bpg import BPG
from rabench.datasets.base import BadImage


@pytest.mark.slow
def test_unreadable_images_are_named_up_to_five_and_then_counted(tmp_path, monkeypatch):
    load = Noise.load

    def scratched(self, start, stop):
        block = load(self, start, stop)
        images = [BadImage(f"scratch {start + i}") if start + i < 8 else image for i, image in enumerate(block.images)]
        return type(block)(images, block.labels, block.sources)

    monkeypatch.setattr(Noise, "load", scratched)
    study = given_study(tmp_path, point(CODECS.make("png"), Noise(images=40)))
    session.run(study, executors.in_process)
    (line,) = report(study).failures
    named = "; ".join(f"scratch {i}" for i in range(5))
    assert line == f"8 images could not be read and are left out of every figure: {named}; and 3 more"


@pytest.mark.slow
def test_a_point_on_fewer_images_is_named_and_the_table_counts_them(tmp_path):
    bad = Misbehaving(how="encode")
    study = given_study(tmp_path, point(CODECS.make("png"), Noise(images=40)), point(bad, Noise(images=40)))
    session.run(study, executors.in_process)
    written = report(study)
    (table,) = written.tables
    (note,) = [n for n in table.notes if n.startswith("Measured on fewer than 40 images")]
    assert f"none+{bad.short} (39)" in note
    assert table.short().frame.images.tolist() == ["40", "40", "39"]  # on a terminal, too
    assert written.failures[0].endswith("run again to try them once more")


def test_what_a_codec_refuses_by_rule_is_not_to_be_tried_again(tmp_path, monkeypatch):
    pytest.importorskip("av", reason="av is not installed: pip install -c constraints.txt '.[gpl]'")
    monkeypatch.setattr("rabench.codecs.hevc.container.PIXELS", 63)  # a picture of 8x8 is too large
    study = given_study(tmp_path, point(BPG(), Noise(images=10)))
    session.run(study, executors.in_process)
    (line,) = report(study).failures
    assert line.startswith("10 rows failed, such as: none+bpg") and line.endswith("another run would give the same")


@pytest.mark.slow
def test_a_run_in_which_nothing_failed_says_nothing(tmp_path):
    study = given_study(tmp_path, point(CODECS.make("png"), Noise(images=10)))
    session.run(study, executors.in_process)
    assert report(study).failures == () and np.all(report(study).summary.failed == 0)
