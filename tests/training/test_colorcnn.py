"""ColorCNN's formulas against loops in NumPy; its training; what it gives as a quantizer."""

from dataclasses import replace

import numpy as np
import pytest
import rabench
import torch
from rabench.classifiers import CLASSIFIERS
from rabench.core.errors import RabenchError, Refused, Unavailable
from rabench.core.learning import Diverged, Images, held_out_split
from rabench.quantizers.colorcnn import drawing, inference, training
from rabench.quantizers.colorcnn import weights as files
from rabench.quantizers.colorcnn.inference import quantize
from rabench.quantizers.colorcnn.network import ColorCNN, DnCNN, UNet
from rabench.quantizers.colorcnn.quantizer import ColorCNNQuantizer

RNG = np.random.default_rng(2020)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
    found = drawing.redrawn(torch.from_numpy(images), torch.from_numpy(m), jitter, norm)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


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


@pytest.fixture(scope="module")
def photos():
    from rabench.datasets import DATASETS

    block = DATASETS.make("photos:split=train").load(0, 700)
    return Images(np.stack(block.images), block.labels)


@pytest.fixture(scope="module")
def judge():
    """A classifier of photos, made once: the weights that ship."""
    from rabench.classifiers import weights
    from rabench.core.networks import read_weights

    path = weights.find("small-photos")
    about = weights.about(path)
    network = CLASSIFIERS["small"].build(len(about.classes), about.width)
    network.load_state_dict(read_weights(path))
    return training.FrozenClassifier(network, about.mean, about.std)


RECIPE = training.Recipe(
    epochs=3, optimizer="adamw", lr=5e-3, batch=32, jitter=0.2, color_norm=1.0, weight_decay=0.01, seed=1
)


def a_network(colors=2, width=4):
    torch.manual_seed(0)
    return ColorCNN(colors, width)


def parts(photos):
    kept, held = held_out_split(len(photos), 0.2)
    return Images(photos.pixels[kept], photos.labels[kept]), Images(photos.pixels[held], photos.labels[held])


@pytest.mark.slow
def test_training_lowers_the_loss_and_leaves_the_classifier_as_it_was(photos, judge, tmp_path):
    """A tiny network and some thirty steps: accuracy at two colors rises far above chance (1 in 8)."""
    before = {k: v.clone() for k, v in judge.network.state_dict().items()}
    network, cpu = a_network(), torch.device("cpu")
    kept, held = parts(photos)
    history = training.train(network, judge, kept, held, RECIPE, tmp_path / "c.safetensors", cpu)
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["held_out_accuracy"] > 0.3
    for name, value in judge.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not any(p.requires_grad for p in judge.network.parameters())


def test_gradients_reach_every_parameter(photos, judge):
    network = a_network(colors=3)
    x = judge.normalized(torch.from_numpy(photos.pixels[:8]).permute(0, 3, 1, 2))
    m = network(x)
    logits = judge.frozen(torch.device("cpu"))(drawing.redrawn(x, m, 0.1, 1.0))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(photos.labels[:8])) + drawing.regularizer(m)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        # Batch norm takes away what a bias before it adds.
        assert parameter.grad.abs().max() > 0 or name.endswith((".0.bias", ".3.bias")), name


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(photos, judge, tmp_path):
    kept, held = parts(photos)
    kept, held = Images(kept.pixels[:128], kept.labels[:128]), Images(held.pixels[:40], held.labels[:40])
    cpu, whole, killed = torch.device("cpu"), a_network(), a_network()
    training.train(whole, judge, kept, held, RECIPE, tmp_path / "whole.safetensors", cpu)

    def kill(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(killed, judge, kept, held, RECIPE, tmp_path / "killed.safetensors", cpu, on_epoch=kill)
    fresh = a_network()
    history = training.train(fresh, judge, kept, held, RECIPE, tmp_path / "killed.safetensors", cpu)
    assert len(history) == 3
    for a, b in zip(whole.state_dict().values(), fresh.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    other = replace(RECIPE, lr=1e-4)
    with pytest.raises(Refused, match="is of another run"):
        training.train(a_network(), judge, kept, held, other, tmp_path / "killed.safetensors", cpu)


def test_a_loss_that_is_no_number_stops_training_at_once(photos, judge, tmp_path):
    kept, held = parts(photos)
    kept = Images(kept.pixels[:128], kept.labels[:128])
    wild = replace(RECIPE, lr=1e30)
    with pytest.raises(Diverged, match=r"in epoch 1, step .* at learning rate"):
        training.train(a_network(), judge, kept, held, wild, tmp_path / "c.safetensors", torch.device("cpu"))
    assert not (tmp_path / "c.safetensors").exists()


def test_the_published_learning_rate_restarts_warm():
    recipe = training.PUBLISHED
    rates = [training.learning_rate(recipe, e) for e in (0, 10, 19.999, 20, 30, 59.999)]
    assert rates == pytest.approx([1e-2, 5e-3, 0, 1e-2, 5e-3, 0], abs=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of networks that were never trained, for 2, 5 and 256 colors."""
    made = tmp_path_factory.mktemp("weights")
    for colors in (2, 5, 256):
        torch.manual_seed(colors)
        said = files.About(colors, 4, "unet", "photos", "small", "sha256 0", MEAN, STD)
        files.write(made / files.file_name(colors), ColorCNN(colors, 4).state_dict(), said)
    return made


@pytest.mark.parametrize("colors", [2, 5, 256])
def test_an_image_alone_is_drawn_as_in_a_batch_and_at_its_size(folder, colors, photographs):
    quantizer = ColorCNNQuantizer(colors=colors, weights=str(folder))
    sizes = [(1, 1), (7, 5), (40, 24), (32, 32)]
    images = [RNG.integers(0, 256, (*s, 3), np.uint8) for s in sizes] + photographs[:5]
    together = quantizer.quantize(images)
    for image, drawn in zip(images, together, strict=True):
        (alone,) = quantizer.quantize([image])
        np.testing.assert_array_equal(alone.indices, drawn.indices)
        np.testing.assert_array_equal(alone.palette, drawn.palette)
        assert drawn.indices.shape == image.shape[:2] and len(drawn.palette) <= colors
        assert sorted(set(drawn.indices.ravel().tolist())) == list(range(len(drawn.palette)))
        for c, color in enumerate(drawn.palette):
            np.testing.assert_array_equal(color, np.round(image[drawn.indices == c].mean(0)))


@pytest.mark.parametrize("color", [(0, 0, 0), (90, 90, 90), (200, 30, 90)])
def test_an_image_of_one_color_is_kept(folder, color):
    image = np.full((9, 4, 3), color, np.uint8)
    path = folder / files.file_name(2)
    (drawn,) = quantize(path, "0", [image], "fp32")
    np.testing.assert_array_equal(drawn.rgb, image)


def test_what_is_stored_as_palette_png_is_what_the_judge_sees_in_training(folder, judge, photographs):
    from rabench.codecs import CODECS
    from rabench.core.networks import read_weights

    network = ColorCNN(5, 4)
    network.load_state_dict(read_weights(folder / files.file_name(5)))
    here = replace(judge, mean=MEAN, std=STD)
    png = CODECS.make("png")
    drawn = ColorCNNQuantizer(colors=5, weights=str(folder)).quantize(photographs[:6])
    pixels = torch.from_numpy(np.stack(photographs[:6])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = training.hard_image(network.eval(), here, pixels).permute(0, 2, 3, 1).numpy()
    for one, image in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(png.decode(png.encode(one)), image)


def test_weights_for_another_number_of_colors_are_refused(folder):
    with pytest.raises(Unavailable, match="holds no weights for 3 colors, it has 2, 5, 256"):
        ColorCNNQuantizer(colors=3, weights=str(folder)).version()
    with pytest.raises(Refused, match="was trained for 5 colors, asked are 4; say colors=5"):
        ColorCNNQuantizer(colors=4, weights=str(folder / files.file_name(5))).version()
    with pytest.raises(Unavailable, match="no weights at 'nowhere'"):
        ColorCNNQuantizer(weights="nowhere").version()
    assert "sha256" in ColorCNNQuantizer(colors=5, weights=str(folder)).version()


@pytest.mark.slow
def test_the_command_trains_for_several_numbers_of_colors_and_its_weights_run_in_a_study(tmp_path):
    import subprocess
    import sys

    def rabench(*words):
        command = [sys.executable, "-W", "ignore", "-m", "rabench", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    options = ("--dataset", "photos", "--classifier", "small:weights=small-photos", "--recipe", "adamw")
    done = rabench(
        *("train", "colorcnn", *options, "--colors", "2,3", "--width", "4", "--epochs", "1", "--limit", "200"),
        *("--batch", "64", "--no-jitter-shared", "--out", "few"),
    )
    assert done.returncode == 0, done.stderr
    assert "few/colorcnn-2.safetensors: 2 colors, held-out accuracy" in done.stdout
    said = files.about(tmp_path / "few" / "colorcnn-3.safetensors")
    assert (said.colors, said.width, said.classifier) == (3, 4, "small:precision=fp32:weights=small-photos")
    assert said.training["command"].endswith(
        "--colors 3 --recipe adamw --width 4 --limit 200 --epochs 1 --batch 64 --no-jitter-shared --out few"
    )
    assert (tmp_path / "few" / "colorcnn-2.training.png").stat().st_size > 20_000
    (tmp_path / "matrix.toml").write_text(
        'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
        '[[points]]\nquantizers = ["colorcnn:colors=2,3:weights=few"]\ncodecs = ["png"]\n'
    )
    done = rabench("run", ".", "--limit", "20", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "colorcnn:colors=3:precision=fp32:weights=few" in (tmp_path / "summary.csv").read_text()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"colors": "two"}, "`colors` must be a number or several, such as 2,4,8, got 'two'"),
        ({"colors": "300"}, "`colors` must be in 2..256, got 300"),
        ({"recipe": "mine"}, "`recipe` must be one of published, adamw, got 'mine'"),
        ({"backbone": "vit"}, "`backbone` must be one of unet, dncnn, got 'vit'"),
        ({"optimizer": "adam"}, "`optimizer` must be one of sgd, adamw, got 'adam'"),
        ({"epoch": 3}, "no option is named 'epoch' .did you mean 'epochs'"),
    ],
)
def test_a_wrong_option_of_training_is_one_line(option, message, tmp_path):
    with pytest.raises(RabenchError, match=message.replace("..", r"\.\.")):
        rabench.train_colorcnn("photos", "small:weights=small-photos", tmp_path / "out", **{"width": 8, **option})


def test_too_little_memory_halves_the_batch_and_says_so(folder, photographs, monkeypatch):
    path, images = folder / files.file_name(2), photographs[:40]
    expected = quantize(path, "0", images, "fp32")
    bare = inference.Deployed.forward

    def forward(self, pixels):
        if len(pixels) > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return bare(self, pixels)

    monkeypatch.setattr(inference.Deployed, "forward", forward)
    monkeypatch.setitem(inference.BATCH_PIXELS, "cpu", 1 << 15)
    with pytest.warns(RuntimeWarning, match="out of GPU memory at .* images a batch, 16 from here on"):
        found = quantize(path, "0", images, "fp32")
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
    with pytest.raises(MemoryError, match="an image of 40,000 pixels"):
        monkeypatch.setattr(inference.Deployed, "forward", lambda self, _: forward(self, range(17)))
        quantize(path, "0", [np.zeros((200, 200, 3), np.uint8)], "fp32")


def test_a_training_map_is_softmax_of_sharpened_logits_with_gumbel_noise():
    z, generator = torch.randn(2, 3, 40, 40), torch.Generator().manual_seed(0)
    torch.testing.assert_close(drawing.chosen(z, 1.0, 0.0, generator), z.softmax(1))
    torch.testing.assert_close(drawing.chosen(z, 5.0, 0.0, generator), (5 * z).softmax(1))
    # The largest of logits with Gumbel noise is distributed as softmax says (Gumbel 1954).
    z = torch.tensor([0.0, 1.0, 2.0]).view(1, 3, 1, 1).expand(1, 3, 300, 300)
    drawn = drawing.chosen(z, 50.0, 1.0, generator).argmax(1)
    shares = torch.bincount(drawn.flatten(), minlength=3) / drawn.numel()
    torch.testing.assert_close(shares, torch.tensor([0.0, 1.0, 2.0]).softmax(0), atol=0.01, rtol=0)


def test_a_file_whose_tensors_are_not_what_it_says_is_refused(tmp_path, photographs):
    said = files.About(2, 8, "unet", "photos", "small", "sha256 0", MEAN, STD)
    files.write(tmp_path / "a.safetensors", ColorCNN(2, 4).state_dict(), said)
    with pytest.raises(Refused, match=r"says 2 colors, unet, width 8, which makes .* \(16,\), but holds \(8,\)"):
        quantize(tmp_path / "a.safetensors", "1", photographs[:1], "fp32")


def test_colors_chosen_for_another_normalization_are_refused(folder):
    from rabench.bench.study.points import Point
    from rabench.codecs import CODECS
    from rabench.datasets import DATASETS

    half = (0.5, 0.5, 0.5)
    said = files.About(2, 4, "unet", "photos", "small", "sha256 0", half, half)
    files.write(folder / "half.safetensors", ColorCNN(2, 4).state_dict(), said)
    quantizer = ColorCNNQuantizer(weights=str(folder / "half.safetensors"))
    photos, small = DATASETS.make("photos"), CLASSIFIERS.make("small:weights=small-photos")
    with pytest.raises(Refused, match=r"normalized by mean \(0.5, 0.5, 0.5\).*takes mean \(0.485, .*train one for it"):
        Point(photos, quantizer, CODECS.make("png"), small).check()
    Point(photos, ColorCNNQuantizer(weights=str(folder)), CODECS.make("png"), small).check()


def test_a_checkpoint_of_another_width_names_both(photos, judge, tmp_path):
    kept, held = parts(photos)
    few, recipe = Images(kept.pixels[:32], kept.labels[:32]), replace(RECIPE, epochs=1)
    cpu, path = torch.device("cpu"), tmp_path / "c.safetensors"
    training.train(a_network(), judge, few, held, recipe, path, cpu)
    for network, told in (
        (a_network(width=8), "its width is 4, now 8"),
        (a_network(3), "number of colors is 2, now 3"),
    ):
        with pytest.raises(Refused, match=told):
            training.train(network, judge, few, held, recipe, path, cpu)
    other = replace(judge, mean=(0.5, 0.5, 0.5))
    with pytest.raises(Refused, match=r"its normalization is mean \(0.485, .* now mean \(0.5, "):
        training.train(a_network(), other, few, held, recipe, path, cpu)
