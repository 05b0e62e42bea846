"""Other processes, as seen from here."""

import os
import time
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc to see other processes")


def runs(process):
    """Whether a process of that number is there and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def runs_in_session(session):
    """Whether a process of that session lives."""
    for process in (int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
        try:
            if os.getsid(process) == session:
                return True
        except ProcessLookupError:
            continue
    return False


def wait_until(condition, otherwise, seconds=60):
    """Returns as soon as ``condition()`` is true; fails, saying ``otherwise``, when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)
