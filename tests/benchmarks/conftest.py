"""Benchmarks are run by `make bench`; `make test` leaves them alone."""

import pytest


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--benchmark-only"):
        for item in items:
            if "benchmarks" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="a benchmark: make bench"))
