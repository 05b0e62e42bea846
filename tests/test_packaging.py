import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ("bench", "classifiers", "codecs", "core", "datasets", "metrics", "quantizers")


def test_every_folder_of_code_is_named_in_setup_cfg():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    packages = {
        ".".join(["rabench", *init.parent.relative_to(ROOT).parts])
        for folder in CODE
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert set(config["options"]["packages"].split()) == packages | {"rabench"}


@pytest.mark.slow
def test_a_wheel_holds_what_git_holds(tmp_path):
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout to compare with")
    copy = tmp_path / "copy"
    for name in listed.stdout.split():
        if (ROOT / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    build = "import setuptools.build_meta as b; print(b.build_wheel('..'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        in_wheel = {n.removeprefix("rabench/") for n in wheel.namelist() if n.startswith("rabench/")}
    in_git = {
        n for n in listed.stdout.split() if n.split("/")[0] in CODE or n in ("__init__.py", "__main__.py", "py.typed")
    }
    assert in_wheel == in_git
