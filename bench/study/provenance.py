"""The provenance of a study's records: run.json in its folder, with an entry for each run that measured something."""

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
from ...core.json_texts import parsed
from ...core.version import __version__

FILE = "run.json"
MACHINE = {"cpu": "", "cores": 0, "system": ""}
"""What an entry tells of a machine."""
PACKAGES = ("torch", "numpy", "pillow", "pandas", "pyarrow", "scipy", "scikit-image", "onnxruntime", "imagequant", "av")


def add(folder: Path, command: str, records: int, seconds: float, workers: int) -> None:
    """Adds a run to the ``run.json`` of a study's folder, with versions and machine.

    command: the command or call that ran. records: how many the run measured. workers: how many measured at once.
    """
    entries = runs(folder)
    entries.append(
        {
            "command": command,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "records": records,
            "seconds": round(seconds, 1),
            "workers": workers,
            "rabench": __version__,
            "python": platform.python_version(),
            "packages": _versions(),
            "machine": {
                "system": f"{platform.system()} {platform.machine()}",
                "cpu": processor_name(),
                "cores": os.cpu_count(),
            },
        }
    )
    write_text(folder / FILE, json.dumps({"runs": entries}, indent=1) + "\n")


def runs(folder: Path) -> list[dict[str, Any]]:
    """The entries of ``run.json``, oldest first; those of another form are left out."""
    try:
        entries = parsed((folder / FILE).read_text(encoding="utf-8") if (folder / FILE).is_file() else "{}")["runs"]
        return [entry for entry in entries if _is_run(entry)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _is_run(entry: Any) -> bool:
    """Whether an entry has the form of one, whatever its texts say."""
    if not isinstance(entry, dict):
        return False
    packages, machine = entry.get("packages", {}), entry.get("machine", MACHINE)
    return isinstance(packages, dict) and isinstance(machine, dict) and machine.keys() >= MACHINE.keys()


def _versions() -> dict[str, str]:
    """The versions of the packages that results may depend on, as far as they are installed."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def processor_name() -> str:
    """The name of the processor."""
    file = Path("/proc/cpuinfo")  # of Linux alone
    for line in file.read_text().splitlines() if file.is_file() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or sys.platform
