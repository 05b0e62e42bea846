"""BPG's color conversion against its formulas, written out once more in integers, sample by sample."""

import numpy as np
import pytest
from rabench.codecs.hevc import color

RNG = np.random.default_rng(601)
SIZES = [(1, 1), (1, 300), (300, 1), (2, 2), (5, 9), (15, 17), (33, 47), (64, 64), (65, 129), (131, 260), (18, 2100)]
DOWN = (2, -4, -8, 17, 57, 57, 17, -8, -4, 2)
EVEN, ODD = (2, -6, 18, 57, -10, 4, -1), (-1, 4, -10, 57, 18, -6, 2)


def images():
    for height, width in SIZES:
        yield RNG.integers(0, 256, (height, width, 3), np.uint8)
        yield RNG.choice(np.array([0, 255], np.uint8), (height, width, 3))  # the corners of the cube


def ycbcr(image):
    """Fixed point with 23 bits: (3, H, W) int64."""
    kr, kb = 0.299, 0.114
    kg = 1 - kr - kb
    rows = [
        (kr, kg, kb),
        (-0.5 * kr / (1 - kb), -0.5 * kg / (1 - kb), 0.5),
        (0.5, -0.5 * kg / (1 - kr), -0.5 * kb / (1 - kr)),
    ]
    pixels = [image[..., c].astype(np.int64) for c in range(3)]
    planes = []
    for offset, row in zip((0, 128, 128), rows, strict=True):
        c = [round(k * (1 << 23)) for k in row]
        total = (c[0] * pixels[0] + c[1] * pixels[1] + c[2] * pixels[2] + (1 << 22)) >> 23
        planes.append(np.clip(total + offset, 0, 255))
    return np.stack(planes)


def filtered(plane, taps, first, step, results):
    """sum of taps[k] * plane[..., clamp(step * i + first + k)] along the last axis."""
    length = plane.shape[-1]
    sums = np.zeros((*plane.shape[:-1], results), np.int64)
    for i in range(results):
        for k, tap in enumerate(taps):
            sums[..., i] += tap * plane[..., min(max(step * i + first + k, 0), length - 1)]
    return sums


def halved(plane):
    height, width = plane.shape
    across = (filtered(plane, DOWN, -4, 2, (width + 1) // 2) + 1) >> 1
    down = filtered(across.T, DOWN, -4, 2, (height + 1) // 2).T
    return np.clip((down + 4096) >> 13, 0, 255)


def interleaved(plane, length):
    n = plane.shape[-1]
    samples = np.empty((*plane.shape[:-1], 2 * n), np.int64)
    samples[..., 0::2] = filtered(plane, EVEN, -3, 1, n)
    samples[..., 1::2] = filtered(plane, ODD, -3, 1, n)
    return samples[..., :length]


def doubled(plane, height, width):
    down = interleaved(plane.T, height).T
    return np.clip((interleaved(down, width) + 2048) >> 12, 0, 255)


def rgb(y, cb, cr):
    kr, kb = 0.299, 0.114
    kg = 1 - kr - kb
    c = [round(k * (1 << 22)) for k in (1.402, 1.772, 2 * kb * (1 - kb) / kg, 2 * kr * (1 - kr) / kg)]
    y, cb, cr, half = y.astype(np.int64) << 22, cb.astype(np.int64) - 128, cr.astype(np.int64) - 128, 1 << 21
    red, blue = (y + c[0] * cr + half) >> 22, (y + c[1] * cb + half) >> 22
    green = (y - c[2] * cb - c[3] * cr + half) >> 22
    return np.clip(np.stack([red, green, blue], -1), 0, 255)


@pytest.mark.parametrize("image", list(images()), ids=lambda i: f"{i.shape[1]}x{i.shape[0]}")
def test_color_planes_are_those_of_integer_arithmetic(image):
    height, width = image.shape[:2]
    y, cb, cr = ycbcr(image)
    full, half = color.to_planes(image, halved=False), color.to_planes(image, halved=True)
    np.testing.assert_array_equal(full.luma, y)
    np.testing.assert_array_equal(full.chroma, np.stack([cb, cr]))
    np.testing.assert_array_equal(half.luma, y)
    small = np.stack([halved(cb), halved(cr)])
    np.testing.assert_array_equal(half.chroma, small)

    np.testing.assert_array_equal(color.to_rgb(full), rgb(y, cb, cr))
    large = [doubled(plane, height, width) for plane in small]
    np.testing.assert_array_equal(color.to_rgb(half), rgb(y, *large))


def test_every_chroma_pair_and_every_color_of_the_cubes_faces():
    values = np.arange(256, dtype=np.uint8)
    cb, cr = np.meshgrid(values, values)
    for level in (0, 1, 128, 254, 255):
        y = np.full((256, 256), level, np.uint8)
        pixels = color.to_rgb(color.Planes(y, np.stack([cb, cr])))
        np.testing.assert_array_equal(pixels, rgb(y, cb, cr))
        for channel in range(3):
            face = np.insert(np.stack([cb, cr], -1), channel, level, axis=-1)
            np.testing.assert_array_equal(color.to_planes(face, halved=False).luma, ycbcr(face)[0])
            np.testing.assert_array_equal(color.to_planes(face, halved=False).chroma, ycbcr(face)[1:])


def test_grey_stays_grey():
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert color.is_grey(grey)
    planes = color.to_planes(grey, halved=False)
    assert planes.chroma is not None
    np.testing.assert_array_equal(planes.luma, grey[..., 0])
    assert (planes.chroma == 128).all()
    np.testing.assert_array_equal(color.to_rgb(color.Planes(grey[..., 0], None)), grey)
    grey[3, 3, 2] ^= 1
    assert not color.is_grey(grey)


def test_a_picture_of_many_strips_is_that_of_one(monkeypatch):
    image = RNG.integers(0, 256, (301, 203, 3), np.uint8)
    planes = color.to_planes(image, halved=True)
    monkeypatch.setattr(color, "STRIP", 1 << 12)
    strips = color.to_planes(image, halved=True)
    np.testing.assert_array_equal(strips.luma, planes.luma)
    np.testing.assert_array_equal(strips.chroma, planes.chroma)
    pixels = color.to_rgb(planes)
    monkeypatch.undo()
    np.testing.assert_array_equal(pixels, color.to_rgb(planes))
