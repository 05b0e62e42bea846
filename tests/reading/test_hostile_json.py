"""Indices, runs, times and published curves that somebody made up: what keeps to the format is read, the rest left out."""

import json

import numpy as np
import pytest
from fuzzing import changed, json_values, some
from given_studies import written_study
from hypothesis import example, given
from hypothesis import strategies as st
from rabench.bench.auditing.status import status
from rabench.bench.reading.groups import read
from rabench.bench.records.format import COLUMNS, STAGES, Identity, Rows
from rabench.bench.records.index import Index
from rabench.bench.records.records import Records
from rabench.bench.records.sources import Sources
from rabench.bench.reporting.report import report
from rabench.bench.running.merging import merge
from rabench.bench.study import provenance
from rabench.bench.study.published import read_published
from rabench.bench.study.trust import remember
from rabench.bench.timing import times
from rabench.bench.timing.times import Times
from rabench.core.errors import BadSetting, RabenchError
from rabench.core.json_texts import parsed

MATRIX = (
    "dataset = 'folder:path=images'\nclassifiers = ['none']\n[[points]]\ncodecs = ['png', 'jpeg:quality=10,50,90']\n"
)
IMAGES = 40
BLOCK = {
    "sha256": "ab",
    "files_sha256": "cd",
    "sizes": {"8x8": IMAGES - 1, "unreadable": 1},
    "sources": {"PNG": {"images": IMAGES, "bytes": 99}},
    "remarks": {"odd": 2},
}
LABEL = "folder:path=images:split=test"
DATASET = {
    "stamp": "s",
    "images": IMAGES,
    "limit": None,
    "notes": ["n"],
    "classes": 2,
    "blocks": {f"0-{IMAGES}": BLOCK},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of made-up records, whose index tests write over."""
    folder = tmp_path_factory.mktemp("json") / "study"
    (folder / "images").mkdir(parents=True)
    found = written_study(folder, MATRIX)
    remember(found._brought())
    records = Records(found.records)
    records.create()
    versions = {}
    for number, point in enumerate(found.load().points):
        identity = Identity(point.labels, point.key, ("1", "2", "3"), "ab")
        columns = {name: np.full(IMAGES, 50 + number, kind) for name, kind in COLUMNS.items()}
        columns["label"][:] = columns["prediction"][:] = -1
        records.write(identity, Rows(columns, {}, dict.fromkeys(STAGES, 1.0)), {"start": 0, "stop": IMAGES})
        versions[" + ".join(point.labels)] = {"key": list(point.key), "versions": ["1", "2", "3"]}
    return found, {"datasets": {LABEL: DATASET}, "versions": versions, "overheads": {"x": 3}}


def asked(study, content):
    """Whatever reads an index."""
    text = content if isinstance(content, str) else json.dumps(content)
    (study.records / "blocks.json").write_text(text)
    index = Index(study.records)
    for label in index.datasets:
        Sources.of(index, label).audit()
        index.measured(label)
    for ask in (read, status, lambda s: merge([s], s.folder.parent / "whole")):
        try:
            ask(study)
        except RabenchError as error:
            assert "\n" not in str(error)


def test_the_index_of_the_study_is_read(study):
    asked(*study)
    assert len(read(study[0]).measured) == 4 and max(p.done for p in status(study[0]).points) == IMAGES


@pytest.mark.slow
@some(15)
@given(st.data())
def test_an_index_that_lies_is_read_or_left_out(study, data):
    asked(study[0], data.draw(changed(study[1])))


WORDS = (LABEL, "datasets", "versions", "overheads", "blocks", "sizes", "sources", "sha256", "stamp", "images", "limit")


@some(15)
@given(json_values(WORDS))
@example("[" * 100_000)
@example('{"datasets": NaN}')
@example({"datasets": {LABEL: {**DATASET, "images": 10**18}}, "versions": {}})
@example({"datasets": {LABEL: {**DATASET, "blocks": {f"0-{IMAGES}": {**BLOCK, "sizes": {"0x5": 3, "9" * 5000: 1}}}}}})
def test_json_is_an_index_or_none(study, content):
    asked(study[0], content)


RUN = {
    "command": "rabench run",
    "date": "d",
    "records": 3,
    "machine": {"cpu": "c", "cores": 2, "system": "s"},
    "packages": {"a": "1"},
}
WRONG = [
    5,
    "x",
    None,
    {"machine": "x"},
    {"machine": {}},
    {"packages": ["a"]},
    {"machine": None},
    {"records": {"a": 1}},
    {},
]


@pytest.mark.slow
def test_a_page_shows_runs_of_whatever_kind(study):
    found, index = study
    (found.records / "blocks.json").write_text(json.dumps(index))
    (found.folder / "run.json").write_text(json.dumps({"runs": [RUN, *WRONG]}))
    (found.folder / "times.json").write_text(json.dumps({"times": [{"names": []}]}))
    report(found)
    page = (found.folder / "report.html").read_text()
    assert "rabench run" in page
    assert provenance.runs(found.folder) == [RUN, {"records": {"a": 1}}, {}]


@pytest.mark.slow
@some(60)
@given(changed({"runs": [RUN, RUN]}) | json_values(("runs", "machine", "packages")))
def test_runs_that_lie_are_left_out(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / "run.json").write_text(json.dumps(content))
    assert all(isinstance(run, dict) for run in provenance.runs(folder))


SECONDS = np.ones((7, 1, len(times.STAGES)))
NAME = ("q", "c", "1", "2")
TIMES = json.loads(
    json.dumps(times._as_json(Times("d", 3, 99, "m", True, "2026", "1", (NAME,), ("c",), SECONDS, SECONDS)))
)


@pytest.mark.slow
@some(60)
@given(changed({"format": 1, "times": [TIMES]}) | json_values(("times", "names", "dataset", "processor", "wall")))
def test_times_that_lie_are_left_out(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / times.FILE).write_text(json.dumps(content))
    for found in times.read(folder).values():
        assert found.waiting <= 1 or not np.isfinite(found.waiting)
        for name in found.names:
            found.encode(name)


CURVE = {"description": "x", "results": {"bpp": [0.5, 1], "psnr-rgb": [30, 31.5], "quality": [1, 2]}}


@pytest.mark.slow
@some(60)
@given(changed(CURVE) | json_values(("results", "bpp", "psnr-rgb", "quality")))
@example({"results": {"bpp": [10**400], "psnr": [1]}})
@example({"results": {"bpp": "12", "psnr": "12"}})
@example([CURVE])
def test_published_curves_that_lie_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "curve.json"
    path.write_text(json.dumps(content))
    try:
        read_published(path, "png")
    except BadSetting as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text", ["", "[", "[" * 100_000, "NaN", "1e999", "-Infinity", "9" * 5000, "9007199254740993", b"\xff"]
)
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        parsed(text)
