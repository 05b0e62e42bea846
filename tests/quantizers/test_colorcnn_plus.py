"""ColorCNN+ as a quantizer: one file for many numbers of colors, clustering where nothing was learned."""

import numpy as np
import pytest
import torch
from rabench.bench.study.points import Point
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.core.errors import Refused, Unavailable
from rabench.datasets import DATASETS
from rabench.quantizers.colorcnn import weights as files
from rabench.quantizers.colorcnn.clusters import clusters, nearest
from rabench.quantizers.colorcnn.plus import COLOR_NUMBERS, ColorCNNPlus, Normalization, completed, place_of
from rabench.quantizers.colorcnn.quantizer import ColorCNNPlusQuantizer

RNG = np.random.default_rng(2024)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def write_weights(path, seed=0, learned=True, says_width=4):
    """Weights that nobody trained; where ``learned``, ones that move pixels."""
    torch.manual_seed(seed)
    network = ColorCNNPlus(8, 4, 2)
    if learned:
        torch.nn.init.normal_(network.body.end[2].weight, std=3.0)
    about = files.PlusAbout((2, 64), says_width, 2, 2, 8, "photos", ("small",), ("sha256 0",), MEAN, STD)
    files.PLUS_FILES.write(path, network.state_dict(), about)
    return str(path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("plus") / files.PLUS)


@pytest.mark.slow
@pytest.mark.parametrize("colors", [2, 5, 64])
def test_an_image_alone_is_drawn_as_in_a_batch_and_at_its_size(weights, colors, photographs):
    quantizer = ColorCNNPlusQuantizer(colors=colors, weights=weights)
    images = [RNG.integers(0, 256, (*s, 3), np.uint8) for s in [(1, 1), (7, 5), (40, 24)]] + photographs[:4]
    for image, quantized in zip(images, quantizer.quantize(images), strict=True):
        (alone,) = quantizer.quantize([image])
        np.testing.assert_array_equal(alone.rgb, quantized.rgb)
        assert quantized.indices.shape == image.shape[:2] and len(quantized.palette) <= colors
        for c, color in enumerate(quantized.palette):
            np.testing.assert_array_equal(color, np.round(image[quantized.indices == c].mean(0)))


def test_without_anything_learned_it_is_clustering(tmp_path, photographs):
    quantizer = ColorCNNPlusQuantizer(colors=6, weights=write_weights(tmp_path / "a.safetensors", learned=False))
    images = photographs[:3]
    mean, std = (torch.tensor(v) * 255 for v in (MEAN, STD))
    points = (torch.from_numpy(np.stack(images)).float().flatten(1, 2) - mean) / std
    expected = nearest(points, clusters(points, 6)).view(3, *images[0].shape[:2]).numpy()
    for quantized, indices in zip(quantizer.quantize(images), expected, strict=True):
        pairs = set(zip(quantized.indices.ravel().tolist(), indices.ravel().tolist(), strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_what_was_learned_moves_pixels(weights, tmp_path, photographs):
    plain = write_weights(tmp_path / "a.safetensors", learned=False)
    moved, clustered = (ColorCNNPlusQuantizer(colors=4, weights=w).quantize(photographs[:3]) for w in (weights, plain))
    assert all((a.rgb != b.rgb).any() for a, b in zip(moved, clustered, strict=True))


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    network = ColorCNNPlus(8, 4, 2)
    torch.nn.init.normal_(network.body.end[2].weight)
    x = torch.randn(4, 3, 12, 12)
    drawing, classes = network.map(x, 5), network.guess(x, 5)
    assert drawing.logits.shape == (4, 5, 12, 12) and classes.shape == (4, 8)
    (drawing.logits.softmax(1).square().sum() + classes.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all() and parameter.grad.any(), name


def test_the_indices_are_those_of_the_largest_logit():
    torch.manual_seed(0)
    network, x = ColorCNNPlus(8, 4, 2).eval(), torch.randn(4, 3, 12, 12)
    torch.nn.init.normal_(network.body.end[2].weight)
    with torch.inference_mode():
        for colors in (2, 5, 64):
            same = network.indices(x, colors) == network.map(x, colors).logits.argmax(1)
            assert same.float().mean() > 0.99  # of equally near ones, last bits choose


def test_only_what_draws_learns_once_the_classes_are_learned():
    network = ColorCNNPlus(8, 4, 2)
    network.train_decoder()
    assert not network.body.encoder.training and network.body.up.training
    assert not any(p.requires_grad for p in network.body.encoder.parameters())
    assert all(p.requires_grad for p in network.body.up.parameters())


def test_a_number_of_colors_beyond_the_file_is_refused(weights):
    with pytest.raises(Refused, match=r"was trained for 2 to 64 colors, asked are 65; say colors=64, or train it"):
        ColorCNNPlusQuantizer(colors=65, weights=weights).version()
    assert "sha256" in ColorCNNPlusQuantizer(colors=64, weights=weights).version()


def test_missing_and_wrong_weights_are_told(tmp_path, weights):
    with pytest.raises(Unavailable, match=r"no ColorCNN\+ weights at 'nowhere'; .* 'rabench train colorcnn --plus'"):
        ColorCNNPlusQuantizer(weights="nowhere").version()
    with pytest.raises(Unavailable, match=r"does not say what it is \('colorcnn 1' is wanted\)"):
        files.about(files.find_plus(weights))
    wrong = write_weights(tmp_path / "wrong.safetensors", says_width=8)
    with pytest.raises(Refused, match=r"says width 8, 2 levels of 2 blocks, 8 classes, which makes .* but holds"):
        ColorCNNPlusQuantizer(weights=wrong).quantize([np.zeros((8, 8, 3), np.uint8)])


def test_a_classifier_that_did_not_judge_is_noted(weights):
    photos, small, png = DATASETS.make("photos"), CLASSIFIERS.make("small:weights=small-photos"), CODECS.make("png")
    (note,) = Point(photos, ColorCNNPlusQuantizer(weights=weights), png, small).notes()
    assert note == "ColorCNN+'s weights colorcnn-plus were trained for small, not for small:weights=small-photos."


def norms(network):
    return [module for module in network.modules() if isinstance(module, Normalization)]


def moving_network():
    torch.manual_seed(0)
    network = ColorCNNPlus(8, 4, 2)
    torch.nn.init.normal_(network.body.end[2].weight, std=3.0)
    return network


def test_each_number_of_colors_has_the_statistics_of_its_own_batches():
    network, batch = moving_network(), torch.randn(16, 3, 16, 16)
    before = [torch.clone(norm.running_mean) for norm in norms(network)]
    network.calibrate([batch], (2, 16))
    assert all(torch.equal(b, norm.running_mean) for b, norm in zip(before, norms(network), strict=True))
    network.eval()
    for colors in (2, 16):
        training = moving_network()
        training.train_decoder()
        expected = training.map(batch, colors).logits  # with the statistics of this very batch
        found = network.map(batch, colors).logits
        assert expected.abs().mean() > 0.1
        assert (found - expected).abs().mean() < 0.05 * expected.abs().mean()  # n - 1 and n differ
    few, many = (network.map(batch, colors).logits for colors in (2, 3))
    assert few.shape[1] == 2 and many.shape[1] == 3
    for norm in norms(network):
        assert torch.equal(norm.means[place_of(3)], norm.means[place_of(2)])  # the nearest that was measured
        assert not torch.equal(norm.means[place_of(16)], norm.means[place_of(2)])
        assert torch.equal(norm.means[place_of(256)], norm.means[place_of(16)])


def test_at_strength_0_it_is_clustering_and_only_in_use():
    network, x = moving_network(), torch.randn(2, 3, 16, 16)
    network.strengths[place_of(4)] = 0.0
    still = ColorCNNPlus(8, 4, 2).eval()
    assert torch.equal(network.eval().map(x, 4).logits, still.map(x, 4).logits)
    assert not torch.equal(network.map(x, 8).logits, still.map(x, 8).logits)
    assert not torch.equal(network.train().map(x, 4).logits, still.map(x, 4).logits)


def test_a_number_of_colors_takes_the_nearest_level_by_ratio():
    assert [COLOR_NUMBERS[place_of(n)] for n in (2, 3, 5, 7, 9, 20, 40, 64, 200, 256)] == [
        2,
        3,
        6,
        8,
        8,
        24,
        48,
        64,
        192,
        256,
    ]


def test_weights_from_before_there_were_levels_draw_the_same_pixels():
    """Their running statistics counted for every number of colors."""
    network, x = moving_network().eval(), torch.randn(2, 3, 16, 16)
    for name, values in network.state_dict().items():
        if name.endswith("running_mean"):
            values.normal_()
        elif name.endswith("running_var"):
            values.uniform_(0.5, 2.0)
    state = {k: v for k, v in network.state_dict().items() if not k.endswith((".means", ".variances", "strengths"))}
    read = ColorCNNPlus(8, 4, 2).eval()
    read.load_state_dict(dict(state))
    for norm in norms(network):
        norm.means[:], norm.variances[:] = norm.running_mean, norm.running_var
    assert completed(dict(state)).keys() == network.state_dict().keys()
    for colors in (2, 9, 64):
        assert torch.equal(read.map(x, colors).logits, network.map(x, colors).logits)
