"""kill -9 at random moments: the result is that of a run nobody disturbed, and nothing is measured twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENVIRONMENT = {**os.environ, "COLUMNS": "120"}


def run(out, **options):
    """The study, started; its standard error goes to a file beside it, which no killed process leaves open."""
    command = [sys.executable, "-m", "rabench", "run", "photos", "--out", str(out), "--workers", "2"]
    with out.with_suffix(".stderr").open("wb") as errors:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=ENVIRONMENT, **options)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc to see that workers end")
def test_ten_kills_change_nothing(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    begin = time.monotonic()
    assert run(whole).wait() == 0
    length = time.monotonic() - begin
    moments = random.Random(20_200_614)
    seen: dict[str, tuple[int, int]] = {}
    for _ in range(10):
        process = run(killed, start_new_session=True)
        time.sleep(moments.uniform(0.05, 0.3) * length)
        os.kill(process.pid, signal.SIGKILL)  # the parent alone: workers must notice
        process.wait()
        now = {f.name: (f.stat().st_ino, f.stat().st_mtime_ns) for f in (killed / "records").glob("*.parquet")}
        assert {name: now[name] for name in seen} == seen, "a finished record was written again or lost"
        seen = now
        deadline = time.monotonic() + 10
        while _alive(process.pid):
            assert time.monotonic() < deadline, "workers outlive their parent"
            time.sleep(0.05)
    assert run(killed).wait() == 0, killed.with_suffix(".stderr").read_text()
    after = {f.name: (f.stat().st_ino, f.stat().st_mtime_ns) for f in (killed / "records").glob("*.parquet")}
    assert {name: after[name] for name in seen} == seen
    assert (killed / "summary.csv").read_bytes() == (whole / "summary.csv").read_bytes()
    assert sorted(after) == sorted(f.name for f in (whole / "records").glob("*.parquet"))
    assert not [f for f in (killed / "records").rglob("*") if f.name.startswith(".partial")]


def _alive(session):
    """Whether a process of that session lives."""
    for process in (int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
        try:
            if os.getsid(process) == session:
                return True
        except ProcessLookupError:
            continue
    return False
