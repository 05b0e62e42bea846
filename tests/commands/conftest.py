"""What tests of commands share."""

import sys

import pytest
from command_line import MATRIX


@pytest.fixture
def study(tmp_path):
    """The folder that commands are run in, with a study named mine."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "matrix.toml").write_text(MATRIX)
    return tmp_path


@pytest.fixture
def cli(study, monkeypatch, capsys):
    """The command line in this process: (exit status, standard output, standard error)."""
    from rabench.bench.commands import cli

    def run(*words):
        monkeypatch.chdir(study)
        monkeypatch.setenv("COLUMNS", "240")
        monkeypatch.setattr(sys, "argv", ["rabench", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capsys.readouterr()

    return run
