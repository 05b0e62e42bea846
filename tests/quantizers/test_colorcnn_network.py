"""ColorCNN's network, and its formulas against loops in NumPy."""

import numpy as np
import pytest
import torch
from rabench.quantizers.colorcnn import drawing
from rabench.quantizers.colorcnn.network import ColorCNN, DnCNN, UNet

RNG = np.random.default_rng(2020)


def a_map(n, colors, height, width):
    raw = RNG.normal(0, 2, (n, colors, height, width))
    shares = np.exp(raw)
    return shares / shares.sum(1, keepdims=True)


@pytest.mark.parametrize(("jitter", "norm"), [(0.0, 1.0), (0.7, 4.0)])
def test_the_training_image_is_that_of_loops(jitter, norm):
    n, colors, height, width = 2, 3, 4, 5
    images, m = RNG.normal(size=(n, 3, height, width)), a_map(n, colors, height, width)
    expected = np.zeros((n, 3, height, width))
    for i in range(n):
        for channel in range(3):
            palette = []
            for c in range(colors):
                top = bottom = 0.0
                for v in range(height):
                    for u in range(width):
                        top += m[i, c, v, u] * images[i, channel, v, u]
                        bottom += m[i, c, v, u]
                palette.append(top / bottom / norm + jitter)
            for v in range(height):
                for u in range(width):
                    expected[i, channel, v, u] = sum(m[i, c, v, u] * palette[c] for c in range(colors))
    redrawn = drawing.redrawn(torch.from_numpy(images), torch.from_numpy(m), jitter, norm)
    np.testing.assert_allclose(redrawn.numpy(), expected, atol=1e-5)


def test_the_regularizer_of_three_maps_by_hand():
    certain = torch.zeros(1, 2, 1, 2)
    certain[0, 0, 0, 0] = certain[0, 1, 0, 1] = 1
    assert drawing.regularizer(certain).item() == 0  # each color is certain somewhere
    assert drawing.regularizer(torch.full((1, 4, 3, 3), 0.25)).item() == pytest.approx(2 * (1 - 0.25))
    one_for_all = torch.zeros(2, 4, 2, 2)
    one_for_all[:, 0] = 1  # log2(4) * (1 - (1 + 0 + 0 + 0) / 4)
    assert drawing.regularizer(one_for_all).item() == pytest.approx(1.5)


def test_palettes_are_means_of_their_pixels_rounded():
    pixels = RNG.integers(0, 256, (3, 3, 7, 5), np.uint8)
    indices = RNG.integers(0, 4, (3, 7, 5))
    indices[0][indices[0] == 2] = 1  # a color that nobody uses
    palettes, counts = drawing.hard_palette(torch.from_numpy(pixels), torch.from_numpy(indices), 4)
    for i in range(3):
        for c in range(4):
            chosen = pixels[i][:, indices[i] == c]
            assert counts[i, c] == chosen.shape[1]
            expected = np.round(chosen.astype(float).mean(1)) if chosen.size else np.zeros(3)
            np.testing.assert_array_equal(palettes[i, c].numpy(), expected)


def test_the_published_network_has_the_published_size():
    assert sum(p.numel() for p in UNet(64).parameters()) == pytest.approx(13.4e6, rel=0.005)
    head = ColorCNN(2, 64).head
    assert [tuple(p.shape) for p in head.parameters()] == [(256, 64, 1, 1), (256,), (2, 256, 1, 1)]
    assert DnCNN(8)(torch.zeros(1, 3, 9, 7)).shape == (1, 8, 9, 7)


@pytest.mark.parametrize("backbone", ["unet", "dncnn"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 32), (33, 17)])
def test_a_map_has_the_images_size_and_sums_to_one(backbone, size):
    m = ColorCNN(3, 4, backbone).eval()(torch.randn(2, 3, *size))
    assert m.shape == (2, 3, *size)
    torch.testing.assert_close(m.sum(1), torch.ones(2, *size))


def test_a_training_map_is_softmax_of_sharpened_logits_with_gumbel_noise():
    z, generator = torch.randn(2, 3, 40, 40), torch.Generator().manual_seed(0)
    torch.testing.assert_close(drawing.chosen(z, 1.0, 0.0, generator), z.softmax(1))
    torch.testing.assert_close(drawing.chosen(z, 5.0, 0.0, generator), (5 * z).softmax(1))
    # The largest of logits with Gumbel noise is distributed as softmax says (Gumbel 1954).
    z = torch.tensor([0.0, 1.0, 2.0]).view(1, 3, 1, 1).expand(1, 3, 300, 300)
    indices = drawing.chosen(z, 50.0, 1.0, generator).argmax(1)
    shares = torch.bincount(indices.flatten(), minlength=3) / indices.numel()
    torch.testing.assert_close(shares, torch.tensor([0.0, 1.0, 2.0]).softmax(0), atol=0.01, rtol=0)
