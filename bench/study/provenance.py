"""Where a study's records come from: run.json in its folder, an entry for each run that measured something."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...core.files import write_text
from ...core.version import __version__

FILE = "run.json"
PACKAGES = ("torch", "numpy", "pillow", "pandas", "pyarrow", "scipy", "scikit-image", "onnxruntime", "imagequant", "av")


def add(folder: Path, command: str, records: int, seconds: float, workers: int) -> None:
    """Adds a run to a study's ``run.json``; paths in the command are told by their names alone."""
    known = runs(folder)
    known.append(
        {
            "command": command,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "records": records,
            "seconds": round(seconds, 1),
            "workers": workers,
            "rabench": __version__,
            "python": platform.python_version(),
            "packages": _versions(),
            "machine": {"system": f"{platform.system()} {platform.machine()}", "cpu": _cpu(), "cores": os.cpu_count()},
        }
    )
    write_text(folder / FILE, json.dumps({"runs": known}, indent=1) + "\n")


def runs(folder: Path) -> list[dict[str, Any]]:
    """Those that are noted; none where there is no file or it is damaged."""
    try:
        return list(json.loads((folder / FILE).read_text())["runs"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    listed = Path("/proc/cpuinfo")  # of Linux alone
    for line in listed.read_text().splitlines() if listed.is_file() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or sys.platform
