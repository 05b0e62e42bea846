"""Files that are whole or not there: what killed processes leave is removed, and what another machine writes is not."""

import os
import platform
import time

import pytest
from rabench.core.files import OTHERS_LEFT, atomic_write, remove_partial, without_folders


@pytest.fixture
def left(tmp_path, monkeypatch):
    """Leaves a file unfinished, as a killed process of a machine of that name does; gives its path."""

    def leave(machine):
        monkeypatch.setattr(platform, "node", lambda: machine)
        with atomic_write(tmp_path / "file") as partial:
            partial.write_bytes(b"half")
            kept = partial.with_name(f"{partial.name}-kept")
            kept.write_bytes(b"half")
        monkeypatch.setattr(platform, "node", lambda: "here")
        return kept

    return leave


def test_what_a_killed_process_left_is_removed(left, tmp_path):
    unfinished = left("here")
    remove_partial(tmp_path)
    assert not unfinished.exists() and (tmp_path / "file").read_bytes() == b"half"


def test_what_another_machine_writes_stays_until_it_is_old(left, tmp_path):
    unfinished = left("there")
    remove_partial(tmp_path)
    assert unfinished.exists()
    long_ago = time.time() - OTHERS_LEFT - 60
    os.utime(unfinished, (long_ago, long_ago))
    remove_partial(tmp_path)
    assert not unfinished.exists()


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("parquet:path=/data/cifar10:split=test", "parquet:path=cifar10:split=test"),
        ("/home/somebody/study", "study"),
        ('onnx:path="/a b/net.onnx":resize=224', 'onnx:path="net.onnx":resize=224'),
        ("tcp://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("my/study", "my/study"),
        ("--budget", "--budget"),
    ],
)
def test_of_absolute_paths_the_names_alone_are_kept(text, known):
    assert without_folders(text) == known
