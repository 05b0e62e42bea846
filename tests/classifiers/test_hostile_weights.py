"""Files of weights and networks that are damaged or that lie: each is read, or refused in one line."""

import json
import struct

import numpy as np
import pytest
import torch
from fuzzing import changed, damaged, json_values, some
from hypothesis import example, given
from hypothesis import strategies as st
from onnx_files import onnx_classifier
from rabench.classifiers import CLASSIFIERS
from rabench.classifiers.weights import FILES
from rabench.core.errors import RabenchError, Refused, Unavailable
from rabench.core.networks import KEY
from rabench.core.state_dicts import read_state_dict
from safetensors.torch import save

TENSORS = {"weight": torch.ones(3, 2), "bias": torch.zeros(2)}
WHOLE = save(TENSORS, {KEY: "{}"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


def read(path):
    """What a file of weights gives, whoever wrote it."""
    for reader in (read_state_dict, FILES.about, FILES.is_own):
        try:
            reader(path)
        except (Unavailable, Refused) as error:
            assert "\n" not in str(error)


@some(60)
@given(damaged(WHOLE, header=120))
def test_damaged_weights_are_read_or_refused(folder, content):
    (folder / "a.safetensors").write_bytes(content)
    read(folder / "a.safetensors")


def safetensors_of(header, length=None, data=bytes(32)):
    text = (header if isinstance(header, str) else json.dumps(header)).encode(errors="replace")
    return struct.pack("<Q", len(text) if length is None else length) + text + data


HEADER = {
    "weight": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]},
    "bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]},
    "__metadata__": {KEY: "{}"},
}


@pytest.mark.slow
@some(60)
@given(changed(HEADER))
@example({**HEADER, "bias": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [24, 32]}})
@example({**HEADER, "bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
@example({**HEADER, "bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 2**63]}})
@example({**HEADER, "bias": {"dtype": "F32", "shape": [0], "data_offsets": [24, 24]}})
def test_a_header_that_lies_is_refused(folder, header):
    (folder / "lie.safetensors").write_bytes(safetensors_of(header))
    read(folder / "lie.safetensors")


@pytest.mark.parametrize("length", [0, 7, 2**31, 2**63, 2**64 - 1, 100_000_001])
def test_a_header_of_another_length_is_refused(folder, length):
    (folder / "length.safetensors").write_bytes(safetensors_of(HEADER, length))
    with pytest.raises(Unavailable):
        read_state_dict(folder / "length.safetensors")
    read(folder / "length.safetensors")


@some(60)
@given(json_values(("format", FILES.name, "classes")).map(json.dumps))
@example("[" * 100_000)
@example(json.dumps({"format": FILES.name, "classes": 3}))
@example(json.dumps({"format": FILES.name}))
def test_metadata_that_lie_are_refused(folder, about):
    (folder / "about.safetensors").write_bytes(safetensors_of({**HEADER, "__metadata__": {KEY: about}}))
    read(folder / "about.safetensors")


@pytest.fixture(scope="module")
def network(folder):
    return onnx_classifier(folder / "whole"), (folder / "whole" / "net.onnx").read_bytes()


def asked(classifier):
    try:
        _ = classifier.version(), classifier.classes, classifier.size, classifier.batch
        if hasattr(classifier, "logits"):
            classifier.logits(np.zeros((1, 8, 8, 3), np.uint8))
    except RabenchError as error:
        assert "\n" not in str(error)
        return False
    return True


@some(30)
@given(st.data())
def test_a_damaged_network_is_read_or_refused(folder, network, data):
    (folder / "damaged.onnx").write_bytes(data.draw(damaged(network[1])))
    asked(CLASSIFIERS.make(f'onnx:path="{folder / "damaged.onnx"}"'))


@pytest.mark.parametrize("place", ["../secret", "/etc/hostname", "link/secret", "a\0b", ".."])
def test_weights_outside_of_a_networks_folder_are_not_read(tmp_path, place):
    (tmp_path / "secret").write_bytes(bytes(60))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "link").symlink_to(tmp_path)
    classifier = onnx_classifier(tmp_path / "net", weights=place)
    with pytest.raises(Refused, match="outside of its folder"):
        classifier.version()
    for ask in (lambda: classifier.classes, lambda: classifier.size):
        with pytest.raises(RabenchError):
            ask()


def test_a_batch_that_no_memory_holds_is_refused(tmp_path):
    for batch, side in ((2**40, 8), (1, 2**30), (2**20, 2**12)):
        assert not asked(onnx_classifier(tmp_path / f"{batch}", side, batch))
