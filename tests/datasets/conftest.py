"""What tests of data sets share."""

import pytest
from web_site import served


@pytest.fixture
def site(tmp_path):
    """A web site of the test's own."""
    (tmp_path / "site").mkdir()
    with served(tmp_path / "site") as site:
        yield site


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where data sets are kept on this machine."""
    monkeypatch.setenv("RABENCH_DATA", str(tmp_path / "home"))
    return tmp_path / "home"
