"""Clustering of many images at once, against SciPy, Pillow and images whose clusters are known."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from rabench.quantizers import QUANTIZERS
from rabench.quantizers.colorcnn.clusters import clusters, nearest, refined, sums_of
from scipy.cluster.vq import vq

RNG = np.random.default_rng(1980)


def points_of(images):
    return torch.from_numpy(np.stack(images)).float().flatten(1, 2)


def squared_error(points, palettes):
    chosen = nearest(points, palettes)[..., None].expand(-1, -1, 3)
    return (palettes.gather(1, chosen) - points).square().mean().item()


def test_the_nearest_color_is_scipys(photographs):
    points, palettes = points_of(photographs[:5]), torch.from_numpy(RNG.uniform(0, 255, (5, 40, 3))).float()
    for row, found in enumerate(nearest(points, palettes)):
        expected, distances = vq(points[row].double().numpy(), palettes[row].double().numpy())
        assert np.mean(found.numpy() == expected) > 0.999  # ties in single precision
        np.testing.assert_allclose(
            (points[row] - palettes[row, found]).norm(dim=1).numpy(), distances, rtol=1e-4, atol=1e-2
        )


def test_sums_and_counts_are_those_of_each_color():
    values, indices = (
        torch.from_numpy(RNG.normal(size=(2, 30, 4))).float(),
        torch.from_numpy(RNG.integers(0, 5, (2, 30))),
    )
    counts, sums = sums_of(values, indices, 5)
    for image in range(2):
        for color in range(5):
            own = values[image][indices[image] == color]
            assert counts[image, color] == len(own)
            torch.testing.assert_close(sums[image, color], own.sum(0))


@pytest.mark.parametrize("colors", [2, 3, 7, 16])
def test_an_image_of_so_many_colors_is_found_exactly(colors):
    palette = RNG.permutation(np.arange(0, 256, 255 // colors))[:colors, None].repeat(3, 1) + RNG.integers(
        0, 2, (colors, 3)
    )
    points = torch.from_numpy(palette[RNG.integers(0, colors, (1, 400))].astype(np.float32))
    assert squared_error(points, clusters(points, colors, 5)) < 1e-3


def test_fewer_colors_than_clusters_leave_no_error_and_nothing_that_is_no_number():
    points = torch.tensor([[[10.0, 20, 30]] * 50 + [[200.0, 20, 30]] * 14])
    palettes = clusters(points, 8)
    assert palettes.shape == (1, 8, 3) and torch.isfinite(palettes).all()
    assert squared_error(points, palettes) == 0


@pytest.mark.parametrize("colors", [2, 5, 16, 64])
def test_the_error_is_below_median_cuts(photographs, colors):
    images = photographs[:40]
    cut = QUANTIZERS.make(f"median-cut:colors={colors}").quantize(images)
    median_cut = np.mean([(i.rgb.astype(float) - o) ** 2 for i, o in zip(cut, images, strict=True)])
    assert squared_error(points_of(images), clusters(points_of(images), colors)) < 0.95 * median_cut


def test_rounds_of_k_means_never_raise_the_error(photographs):
    points = points_of(photographs[:10])
    palettes = points[:, :6].clone()
    errors = [squared_error(points, palettes)]
    for _ in range(5):
        palettes = refined(points, palettes, 1)
        errors.append(squared_error(points, palettes))
    assert all(later <= earlier * (1 + 1e-6) for earlier, later in pairwise(errors))
