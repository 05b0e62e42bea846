"""ColorCNN as a quantizer: weights in a folder, images alone and in batches, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rabench
import torch
from rabench.bench.study.points import Point
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.core.errors import Refused, Unavailable
from rabench.core.networks import read_weights
from rabench.datasets import DATASETS
from rabench.quantizers.colorcnn import inference, training
from rabench.quantizers.colorcnn import weights as files
from rabench.quantizers.colorcnn.inference import loaded, quantize
from rabench.quantizers.colorcnn.network import ColorCNN
from rabench.quantizers.colorcnn.quantizer import ColorCNNQuantizer
from small_networks import photos_judge

RNG = np.random.default_rng(2020)
ROOT = Path(rabench.__file__).parent
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def write_weights(path, colors, width=4, mean=MEAN, std=STD, says_width=4):
    """Weights of a network that was never trained."""
    torch.manual_seed(colors)
    about = files.About(colors, says_width, "unet", "photos", "small", "sha256 0", mean, std)
    files.write(path, ColorCNN(colors, width).state_dict(), about)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of networks that were never trained, for 2, 5 and 256 colors."""
    folder = tmp_path_factory.mktemp("weights")
    for colors in (2, 5, 256):
        write_weights(folder / files.file_name(colors), colors)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("colors", [2, 5, 256])
def test_an_image_alone_is_drawn_as_in_a_batch_and_at_its_size(folder, colors, photographs):
    quantizer = ColorCNNQuantizer(colors=colors, weights=str(folder))
    sizes = [(1, 1), (7, 5), (40, 24), (32, 32)]
    images = [RNG.integers(0, 256, (*s, 3), np.uint8) for s in sizes] + photographs[:5]
    together = quantizer.quantize(images)
    for image, quantized in zip(images, together, strict=True):
        (alone,) = quantizer.quantize([image])
        np.testing.assert_array_equal(alone.indices, quantized.indices)
        np.testing.assert_array_equal(alone.palette, quantized.palette)
        assert quantized.indices.shape == image.shape[:2] and len(quantized.palette) <= colors
        assert sorted(set(quantized.indices.ravel().tolist())) == list(range(len(quantized.palette)))
        for c, color in enumerate(quantized.palette):
            np.testing.assert_array_equal(color, np.round(image[quantized.indices == c].mean(0)))


@pytest.mark.parametrize("color", [(0, 0, 0), (90, 90, 90), (200, 30, 90)])
def test_an_image_of_one_color_is_kept(folder, color):
    image = np.full((9, 4, 3), color, np.uint8)
    (quantized,) = quantize(loaded(folder / files.file_name(2), "0"), 2, [image], "fp32")
    np.testing.assert_array_equal(quantized.rgb, image)


def test_what_is_stored_as_palette_png_is_what_the_judge_sees_in_training(folder, photographs):
    network = ColorCNN(5, 4)
    network.load_state_dict(read_weights(folder / files.file_name(5)))
    judge, png = replace(photos_judge(), mean=MEAN, std=STD), CODECS.make("png")
    quantized = ColorCNNQuantizer(colors=5, weights=str(folder)).quantize(photographs[:6])
    pixels = torch.from_numpy(np.stack(photographs[:6])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        indices = network.eval().map(judge.normalized(pixels), 5).logits.argmax(1)
    expected = training.painted(pixels, indices, 5).permute(0, 2, 3, 1).numpy()
    for indexed, image in zip(quantized, expected, strict=True):
        np.testing.assert_array_equal(png.decode(png.encode(indexed)), image)


def test_weights_for_another_number_of_colors_are_refused(folder):
    with pytest.raises(Unavailable, match="holds no weights for 3 colors, it has 2, 5, 256"):
        ColorCNNQuantizer(colors=3, weights=str(folder)).version()
    with pytest.raises(Refused, match="was trained for 5 colors, asked are 4; say colors=5"):
        ColorCNNQuantizer(colors=4, weights=str(folder / files.file_name(5))).version()
    with pytest.raises(Unavailable, match="no weights at 'nowhere'"):
        ColorCNNQuantizer(weights="nowhere").version()
    assert "sha256" in ColorCNNQuantizer(colors=5, weights=str(folder)).version()


def test_too_little_memory_halves_the_batch_and_says_so(folder, photographs, monkeypatch):
    path, images = folder / files.file_name(2), photographs[:40]
    network = loaded(path, "0")
    expected = quantize(network, 2, images, "fp32")
    bare = inference.Deployed.forward

    def forward(self, pixels, colors):
        if len(pixels) > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return bare(self, pixels, colors)

    monkeypatch.setattr(inference.Deployed, "forward", forward)
    monkeypatch.setitem(inference.BATCH_PIXELS, "cpu", 1 << 15)
    with pytest.warns(RuntimeWarning, match="out of GPU memory at .* images a batch, 16 from here on"):
        in_halves = quantize(network, 2, images, "fp32")
    for quantized, whole in zip(in_halves, expected, strict=True):
        np.testing.assert_array_equal(quantized.rgb, whole.rgb)
    with pytest.raises(MemoryError, match="an image of 40,000 pixels"):
        monkeypatch.setattr(inference.Deployed, "forward", lambda self, *_: forward(self, range(17), 2))
        quantize(network, 2, [np.zeros((200, 200, 3), np.uint8)], "fp32")


def test_a_file_whose_tensors_are_not_what_it_says_is_refused(tmp_path):
    path = write_weights(tmp_path / "a.safetensors", 2, width=4, says_width=8)
    with pytest.raises(Refused, match=r"says 2 colors, unet, width 8, which makes .* \(16,\), but holds \(8,\)"):
        loaded(path, "1")


def test_colors_chosen_for_another_normalization_are_refused(folder, tmp_path):
    half = (0.5, 0.5, 0.5)
    quantizer = ColorCNNQuantizer(weights=str(write_weights(tmp_path / "half.safetensors", 2, mean=half, std=half)))
    photos, small = DATASETS.make("photos"), CLASSIFIERS.make("small:weights=small-photos")
    with pytest.raises(Refused, match=r"normalized by mean \(0.5, 0.5, 0.5\).*takes mean \(0.485, .*train one for it"):
        Point(photos, quantizer, CODECS.make("png"), small).check()
    Point(photos, ColorCNNQuantizer(weights=str(folder)), CODECS.make("png"), small).check()


@pytest.mark.slow
@pytest.mark.parametrize("colors", [2, 4, 8, 16])
def test_weights_that_ship_draw_the_pixels_that_records_of_before_hold(colors, photographs):
    """The squared error of each image, as measured when results/photos was made; last bits may turn a pixel elsewhere."""
    images = rabench.load(str(ROOT / "results" / "photos")).images
    rows = images[(images.point == f"colorcnn:colors={colors}+png") & (images.image < 60)].sort_values("image")
    drawn = ColorCNNQuantizer(colors=colors).quantize(photographs[:60])
    errors = [int(((d.rgb.astype(int) - o) ** 2).sum()) for d, o in zip(drawn, photographs, strict=False)]
    assert len(rows) == 60 and np.mean(rows.squared_error.to_numpy() == errors) >= 0.95
