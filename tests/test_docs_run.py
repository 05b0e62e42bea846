"""What stands in docs/ runs as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rabench

ROOT = Path(rabench.__file__).parent


def blocks(text):
    """(language, file name or nothing, content) of each fenced block."""
    return re.findall(r"```(\w+) ?(\S*)\n(.*?)```", text, re.S)


@pytest.mark.long
def test_the_docs_lead_from_an_empty_folder_to_a_curve(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    outputs = []
    for language, name, content in blocks((ROOT / "docs" / "add-a-codec.md").read_text()):
        if name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        elif language == "sh":
            for line in content.replace("\\\n", " ").strip().splitlines():
                command = line.split(" #")[0]
                done = subprocess.run(command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, (line, done.stdout[-500:], done.stderr[-500:])
                outputs.append(done.stdout)
    assert sum("every promise kept" in text for text in outputs) == 2
    assert sum("the new against each" in text for text in outputs) == 3


@pytest.mark.long
def test_the_examples_of_the_docs_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, _, example in blocks((ROOT / "docs" / "python.md").read_text()):
        if language == "python":
            exec(example, names)
    printed = capsys.readouterr().out
    assert "records measured" in printed and "100 images in common" in printed and "did you mean" in printed
