"""Format overhead is measured by the run, by the version that coded the images, and kept beside the records."""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from given_studies import given_study, point
from plugins_for_tests import Noise
from rabench.bench.reading.groups import read
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, session
from rabench.codecs import CODECS
from rabench.codecs.raw import Raw
from rabench.core.images import IndexedImage
from rabench.quantizers import QUANTIZERS

POINTS = (
    point(CODECS.make("jpeg:quality=30"), Noise(images=20)),
    point(CODECS.make("png"), Noise(images=20), quantizer=QUANTIZERS.make("octree:colors=4")),
)


@pytest.fixture
def study(tmp_path):
    study = given_study(tmp_path, *POINTS)
    session.run(study, executors.in_process)
    return study


def test_it_is_the_rate_of_a_grey_image_of_the_commonest_size(study):
    grey = np.full((8, 8, 3), 128, np.uint8)
    indexed = IndexedImage(np.zeros((8, 8), np.uint8), grey[0, :1])
    lengths = {"jpeg": len(POINTS[0].codec.encode(grey)), "png": len(POINTS[1].codec.encode(indexed))}
    found = {m.point.codec.name: m.overhead_bpp for m in read(study).measured}
    assert {name: found[name] for name in lengths} == {name: 8 * n / 64 for name, n in lengths.items()}


@pytest.mark.slow
def test_records_of_an_earlier_version_get_it_from_the_next_run_which_measures_no_record(study):
    index = study.records / "blocks.json"
    content = json.loads(index.read_text())
    overheads = content.pop("overheads")
    index.write_text(json.dumps(content))
    assert "rabench run adds it" in report(study).tables[0].notes[-1]
    assert session.run(study, executors.in_process).measured == 0
    assert json.loads(index.read_text())["overheads"] == overheads
    assert "rabench run adds it" not in str(report(study).tables[0].notes)


@pytest.mark.slow
def test_a_report_encodes_nothing(study, monkeypatch):
    monkeypatch.setattr(Noise, "where", lambda self: None)  # no pictures

    def refuse(self, image):
        raise AssertionError("a report encoded an image")

    for plugin in {type(p.codec) for p in POINTS} | {Raw}:
        monkeypatch.setattr(plugin, "encode", refuse)
    assert len(report(study).summary) == 3


@dataclass(frozen=True)
class NoFlat(Raw):
    """A codec that fails on images of one color."""

    name: ClassVar[str] = "no-flat"

    def encode(self, image):
        if np.ptp(np.asarray(image)) == 0:
            raise ValueError("all alike")
        return super().encode(image)


def test_a_codec_that_fails_on_a_flat_image_has_none(tmp_path):
    study = given_study(tmp_path, point(NoFlat(), Noise(images=20)))
    assert session.run(study, executors.in_process).complete
    found = {m.point.codec.name: m.overhead_bpp for m in read(study).measured}
    assert np.isnan(found["no-flat"]) and found["raw"] > 0
