"""Runs that are stopped, by a user or by a full disk: what was finished is kept, and nothing lies about half written."""

import errno
import json
import os
from collections import Counter
from unittest.mock import patch

import pytest
from given_studies import PHOTOS_AS_PNG, given_study, measure, point, written_study
from plugins_for_tests import Constant, Logged
from rabench.bench.records import records as records_module
from rabench.bench.records.records import Records
from rabench.bench.running import batches
from rabench.codecs import CODECS


def interrupted_after(count):
    """While it is in force, Ctrl-C is pressed when so many records are written."""
    write, written = Records.write, []

    def interrupted(self, *arguments):
        if len(written) == count:
            raise KeyboardInterrupt
        written.append(arguments)
        write(self, *arguments)

    return patch.object(Records, "write", interrupted)


def test_a_kill_costs_no_finished_task(tmp_path, monkeypatch):
    """Each batch encoded leaves a line: after an interruption only unfinished blocks are encoded again."""
    monkeypatch.setenv("RABENCH_TEST_LOG", str(tmp_path / "log"))
    monkeypatch.setattr(batches, "TASK_SECONDS", 1000.0)  # whole blocks
    study = given_study(tmp_path, *(point(Logged(step=s), classifier=Constant()) for s in range(3)))
    with interrupted_after(4), pytest.raises(KeyboardInterrupt):
        measure(study)
    assert measure(study).measured == 3 * 3 + 3 - 4  # with the reference
    encoded = Counter(tuple(line.split()) for line in (tmp_path / "log").read_text().splitlines())
    images = Counter()
    for (_, count, _), times in encoded.items():
        images[times] += int(count)
    # Of three blocks the first was kept, and the second under way with all three codecs.
    assert images.total() == 3 * 2500 and images.keys() == {1, 2}
    assert 3 * 990 <= images[2] <= 3 * 1000


def test_a_run_stopped_halfway_is_in_run_json(tmp_path):
    study = written_study(tmp_path, PHOTOS_AS_PNG)
    with interrupted_after(1), pytest.raises(KeyboardInterrupt):
        measure(study, 20, command="rabench run study")
    (entry,) = json.loads((study.folder / "run.json").read_text())["runs"]
    assert entry["records"] == 1 and entry["command"] == "rabench run study"
    assert entry["packages"]["torch"] and entry["machine"]["cpu"]


@pytest.mark.slow
def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(tmp_path):
    study = given_study(tmp_path, point(), point(CODECS.make("png")))
    written, write = [], records_module.write_table

    def full(table, path, metadata):
        if len(written) == 3:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        write(table, path, metadata)

    with patch.object(records_module, "write_table", full), pytest.raises(OSError, match="No space left"):
        measure(study)
    assert len(list(study.records.glob("*.parquet"))) == 3
    assert not list(study.records.rglob(".partial*"))
    assert measure(study).measured == 3


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    study = given_study(tmp_path, point())
    study.records.mkdir(parents=True)
    (study.records / ".partial-123-abc.parquet").write_bytes(b"half")
    measure(study)
    assert not list(study.records.glob(".partial*"))
