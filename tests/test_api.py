"""The public Python API."""

import doctest
import subprocess
import sys

import pytest
import rabench
from given_studies import PHOTOS_AS_PNG
from rabench.core import plugins


def test_the_examples_in_docstrings_are_true():
    for module in (rabench, plugins):
        result = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
        assert result.failed == 0 and result.attempted > 0


def test_a_study_runs_and_reports_from_python(tmp_path):
    (tmp_path / "matrix.toml").write_text(PHOTOS_AS_PNG)
    assert rabench.run(tmp_path, limit=30).measured == 2
    summary = rabench.report(tmp_path).summary
    assert summary.images.tolist() == [30, 30]


def test_importing_rabench_imports_nothing_heavy():
    code = "import sys, rabench; sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(AttributeError, match="rabench has no 'CODEC'; it has AnyImage, BadImage, Block"):
        _ = rabench.CODEC
