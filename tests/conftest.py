"""What tests share. Modules in helpers/ can be imported by spawned workers too, which inherit sys.path."""

import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(Path(__file__).parent / "helpers"), str(Path(__file__).parent)]
import_module("fuzzing").register()
os.environ["RABENCH_CONFIG"] = tempfile.mkdtemp(prefix="rabench-trusted-")  # nor what a user trusts
os.environ.setdefault("RABENCH_DATA", "/nonexistent-rabench-data")  # no test may reach a user's data sets
if "--benchmark-only" not in sys.argv:
    # Tests run side by side: threads that wait for each other's cores made ResNet-18 forty times as slow.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """What is long is slow, too."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A folder with tiny-imagenet-200 and others as Parquet; not part of the repository."""
    folder = Path(os.environ.get("RABENCH_TEST_DATA", ROOT.parent / "shared" / "datasets"))
    if not (folder / "tiny-imagenet-200" / "data").is_dir():
        pytest.skip(f"{folder} holds no tiny-imagenet-200/data; set RABENCH_TEST_DATA to where it is")
    return folder


def _shared(kind: str, name: str) -> Path:
    """A file or folder beside the repository that is no part of it; skips where it is missing."""
    path = Path(os.environ.get("RABENCH_TEST_DATA", ROOT.parent / "shared" / "datasets")).parent / kind / name
    if not path.exists():
        pytest.skip(f"{path} is not here; set RABENCH_TEST_DATA to the data sets beside it")
    return path


@pytest.fixture(scope="session")
def imagenet_sample() -> Path:
    """1,000 full-size ImageNet images as Parquet."""
    return _shared("datasets", "imagenet-sample") / "data"


@pytest.fixture(scope="session")
def kodak() -> Path:
    """The 24 Kodak images as Parquet."""
    return _shared("datasets", "kodak") / "data"


@pytest.fixture(scope="session")
def cifar10_lossless() -> Path:
    """1,017 lossless CIFAR-10 test images as Parquet."""
    return _shared("datasets", "cifar10-lossless-head") / "data"


@pytest.fixture(scope="session")
def networks() -> Path:
    """Networks that others trained: CIFAR ResNets as safetensors, MobileNetV2 as .tflite."""
    return _shared("networks", "cifar10-resnet20.safetensors").parent


@pytest.fixture(scope="session")
def kodak_anchors() -> dict:
    """Published rates, PSNR and MS-SSIM on the Kodak images."""
    return json.loads(_shared("anchors", "kodak.json").read_text())["codecs"]


@pytest.fixture
def photographs():
    """Real images: 32x32 patches of photographs."""
    from rabench.datasets import DATASETS

    return DATASETS.make("photos").load(0, 200).images


@pytest.fixture(autouse=True)
def brought_plug_ins_are_forgotten():
    """What a test brings from a file is not there for the next."""
    from rabench.bench.study.plugin_files import FAMILIES

    before = [(family, dict(family.added)) for _, family in FAMILIES]
    yield
    for family, added in before:
        family.added = added
