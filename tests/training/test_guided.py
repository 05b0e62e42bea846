"""A ColorCNN+ that its own guess guides, drawn from another's encoder: begins as clustering, and the encoder stays."""

import numpy as np
import pytest
import rabench
import torch
from rabench.core.errors import BadSetting, Refused, Unavailable
from rabench.core.networks import read_weights
from rabench.quantizers.colorcnn import weights as files
from rabench.quantizers.colorcnn.plus import ColorCNNPlus
from rabench.quantizers.colorcnn.quantizer import ColorCNNPlusQuantizer

JUDGE = "small:weights=small-photos"
FEW = {"limit": 96, "held_out": 0.2, "levels": 2, "width": 4, "plus": True, "colors": "2..4", "batch": 32}


def trained(out, **options):
    (about,) = rabench.train_colorcnn("photos", JUDGE, out, **{**FEW, "epochs": 2, **options})
    return about, out / files.PLUS


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("first") / "own")[1]


def test_a_new_guided_network_is_clustering_and_its_guess_reaches_every_level():
    torch.manual_seed(0)
    network, x = ColorCNNPlus(8, 4, 2, guided=True).eval(), torch.randn(4, 3, 12, 12)
    drawn, guess = network.map(x, 4).offsets, network.map(x, 4).guess
    assert drawn is not None and not drawn.any() and guess is not None and guess.shape == (4, 8)
    torch.nn.init.normal_(network.body.end[2].weight)
    before = network.map(x, 4).offsets
    with torch.no_grad():
        network.body.encoder.classes.bias += torch.tensor([9.0] + 7 * [0.0])  # all is of class 0
    after = network.map(x, 4).offsets
    assert before is not None and after is not None and (after != before).flatten(1).any(1).all()


@pytest.mark.long
def test_an_encoder_that_is_taken_stays_as_it_is(tmp_path, first, photographs):
    about, path = trained(tmp_path / "guided", encoder=str(first), guided=True)
    assert about.guided and not files.PLUS_FILES.about(first).guided
    assert "--encoder colorcnn-plus.safetensors" in about.training["command"]
    assert "--guided" in about.training["command"] and about.training["recipe"]["class_epochs"] == 0
    old, new = read_weights(first), read_weights(path)
    names = [name for name in new if name.startswith("body.encoder.")]
    assert names and all(torch.equal(old[name], new[name]) for name in names)
    assert any("guidance" in name for name in new) and not any("guidance" in name for name in old)
    image = ColorCNNPlusQuantizer(colors=3, weights=str(path)).quantize(photographs[:1])[0]
    assert len(image.palette) <= 3
    again, same = trained(tmp_path / "again", encoder=str(first.parent), guided=True)
    assert again.training["loss"] == about.training["loss"]
    np.testing.assert_equal(
        {k: v.numpy() for k, v in read_weights(same).items()}, {k: v.numpy() for k, v in new.items()}
    )


@pytest.mark.slow
def test_an_encoder_of_another_size_is_refused(tmp_path, first):
    with pytest.raises(
        Refused, match=r"an encoder of width 4, 2 levels of 2 blocks and 8 classes; give the same `width`"
    ):
        trained(tmp_path / "other", encoder=str(first), width=8)
    with pytest.raises(Unavailable, match=r"no ColorCNN\+ weights at 'nowhere'"):
        trained(tmp_path / "other", encoder="nowhere")


def test_guidance_and_encoders_are_for_a_colorcnn_plus(tmp_path):
    with pytest.raises(BadSetting, match=r"`guided` and `encoder` are for a ColorCNN.: say `plus=True`"):
        rabench.train_colorcnn("photos", JUDGE, tmp_path / "x", colors=2, guided=True)
