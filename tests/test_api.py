"""The public Python API."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
import rabench
from rabench.core import plugins


def test_the_examples_in_docstrings_are_true():
    for module in (rabench, plugins):
        result = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
        assert result.failed == 0 and result.attempted > 0


def test_a_study_runs_and_reports_from_python(tmp_path):
    (tmp_path / "matrix.toml").write_text(
        'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n[[points]]\ncodecs = ["png"]\n'
    )
    assert rabench.run(tmp_path, limit=30).measured == 2
    summary = rabench.report(tmp_path).summary
    assert summary.images.tolist() == [30, 30]


def test_importing_rabench_imports_nothing_heavy():
    code = "import sys, rabench; sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(AttributeError, match="rabench has no 'CODEC'; it has AnyImage, BadImage, Block"):
        _ = rabench.CODEC


@pytest.mark.slow
def test_the_examples_of_the_docs_run(tmp_path, monkeypatch, capsys):
    text = (Path(rabench.__file__).parent / "docs" / "python.md").read_text()
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(example, names)
    said = capsys.readouterr().out
    assert "records measured" in said and "100 images in common" in said and "did you mean" in said
