"""What a declared codec costs beside the process that it runs. Wanted: under 5 ms an image, and workers side by side."""

import shutil
import statistics
import subprocess
import time

import numpy as np
import pytest
from rabench.bench.study.plugin_files import load_plugins
from rabench.codecs import CODECS
from rabench.datasets import DATASETS

COPY = """
[programs.copy]
encode = ["cp", "{input.png}", "{output.bin}"]
decode = ["cp", "{input.bin}", "{output.png}"]
version = ["cp", "--version"]
lossless = true
"""


@pytest.fixture
def copying(tmp_path):
    (tmp_path / "copy.toml").write_text(COPY)
    before = dict(CODECS.added)
    load_plugins(tmp_path / "copy.toml")
    yield CODECS.make("copy")
    CODECS.added = before


def test_overhead_over_the_bare_process(copying, tmp_path, benchmark):
    """Interleaved, so that a busy machine slows both alike."""
    image = DATASETS.make("photos").load(0, 1).images[0]
    file = copying.encode(image)
    cp = shutil.which("cp")
    (tmp_path / "a").write_bytes(file)

    def bare():
        subprocess.run([cp, tmp_path / "a", tmp_path / "b"], check=True)

    seconds = {"encode": [], "decode": [], "bare": []}

    def measured():
        for _ in range(200):
            for name, function in (
                ("encode", lambda: copying.encode(image)),
                ("decode", lambda: copying.decode(file)),
                ("bare", bare),
            ):
                begin = time.perf_counter()
                function()
                seconds[name].append(time.perf_counter() - begin)

    benchmark.pedantic(measured, rounds=1)
    middle = {name: 1000 * statistics.median(values) for name, values in seconds.items()}
    print(
        f"\ndeclared codec, ms an image: encode {middle['encode']:.2f}, decode {middle['decode']:.2f}, bare process {middle['bare']:.2f}; "
        f"overhead {middle['encode'] - middle['bare']:.2f} and {middle['decode'] - middle['bare']:.2f}"
    )
    assert np.array_equal(copying.decode(file), image)
