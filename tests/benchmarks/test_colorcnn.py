"""ColorCNN at work and in training, by images a second; and against how else one would call it."""

import statistics
import time

import numpy as np
import pytest
import torch
from rabench.classifiers import CLASSIFIERS
from rabench.core.networks import device, on_device
from rabench.datasets import DATASETS
from rabench.quantizers.colorcnn import training, weights
from rabench.quantizers.colorcnn.inference import Deployed, loaded, quantize
from rabench.quantizers.colorcnn.network import ColorCNN
from rabench.quantizers.colorcnn.plus import ColorCNNPlus
from torch.nn import functional

SIZES = [(32, 16), (32, 64), (64, 16), (64, 64)]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GPU = torch.cuda.is_available()
ROUNDS = 5


def seconds(function):
    begin = time.perf_counter()
    function()
    if GPU:
        torch.cuda.synchronize()
    return time.perf_counter() - begin


@pytest.fixture
def made(tmp_path):
    """Weights nobody trained, which cost as much, and images of a side."""

    def make(side, width, colors=2):
        torch.manual_seed(0)
        network = ColorCNN(colors, width)
        path = tmp_path / weights.file_name(colors)
        weights.write(path, network.state_dict(), weights.About(colors, width, "unet", "", "", "", MEAN, STD))
        patches = DATASETS.make("photos").load(0, 256 if width < 64 or GPU else 64).images
        return path, network, [np.tile(p, (side // 32, side // 32, 1)) for p in patches]

    return make


def by_hand(network, images, batch):
    """The plain module, its map fetched and the palette computed on the host, ``batch`` images at a time."""
    for start in range(0, len(images), batch):
        pixels = np.stack(images[start : start + batch])
        x = (torch.from_numpy(pixels).float() / 255).permute(0, 3, 1, 2).contiguous().to(device())
        mean, std = (torch.tensor(v, device=x.device).view(1, 3, 1, 1) for v in (MEAN, STD))
        with torch.no_grad():
            maps = network((x - mean) / std).cpu().numpy().argmax(1)
        for image, m in zip(pixels, maps, strict=True):
            for color in range(network.colors):
                chosen = image[m == color]
                chosen.mean(0) if len(chosen) else None


@pytest.mark.benchmark(group="colorcnn")
@pytest.mark.parametrize(("side", "width"), SIZES)
def test_inference_against_the_plain_module(benchmark, made, side, width):
    path, network, images = made(side, width)
    plain = network.eval().to(device())
    for precision in ("fp32", "bf16") if GPU else ("fp32",):
        quantize(loaded(path, "benchmark"), 2, images, precision)
    pace = {"rabench": [], "image by image": [], "batches of 128": []}

    def compare():
        pace["rabench"].append(seconds(lambda: quantize(loaded(path, "benchmark"), 2, images, "fp32")))
        pace["image by image"].append(seconds(lambda: by_hand(plain, images[:64], 1)) * len(images) / 64)
        pace["batches of 128"].append(seconds(lambda: by_hand(plain, images, 128)))

    benchmark.pedantic(compare, rounds=ROUNDS, warmup_rounds=1)
    rates = {name: len(images) / statistics.median(taken[1:]) for name, taken in pace.items()}
    benchmark.extra_info.update(rates)
    times = ", ".join(f"{rates['rabench'] / rates[n]:.2f} times {n}" for n in ("image by image", "batches of 128"))
    print(f"\n  {side}x{side}, width {width}: {rates['rabench']:,.0f} images/s in the median; {times}")


PLUS = [(32, 32, 3), (64, 20, 4)]
"""Side, width and levels of the ColorCNN+ networks that were trained (results/cifar10, results/tiny-imagenet-200)."""


@pytest.mark.benchmark(group="colorcnn")
@pytest.mark.parametrize("colors", [2, 8, 64])
@pytest.mark.parametrize(("side", "width", "levels"), PLUS)
def test_colorcnn_plus_against_colorcnn_of_width_16(benchmark, made, tmp_path, side, width, levels, colors):
    """Wanted: no slower, at the same number of colors."""
    path, _, images = made(side, 16, colors)
    plus = tmp_path / weights.PLUS
    about = weights.PlusAbout((2, 64), width, levels, 2, 200, "", ("",), ("",), MEAN, STD)
    weights.PLUS_FILES.write(plus, ColorCNNPlus(200, width, levels).state_dict(), about)
    networks = {"ColorCNN": loaded(path, f"benchmark {colors}"), "ColorCNN+": loaded(plus, f"{width} {levels}")}
    pace = {name: [] for name in networks}

    def compare():
        for name, network in networks.items():
            pace[name].append(seconds(lambda n=network: quantize(n, colors, images, "fp32")))

    benchmark.pedantic(compare, rounds=ROUNDS, warmup_rounds=1)
    rates = {name: len(images) / statistics.median(taken[1:]) for name, taken in pace.items()}
    benchmark.extra_info.update(rates)
    print(
        f"\n  {side}x{side}, {colors} colors: {rates['ColorCNN+']:,.0f} images/s in the median, "
        f"{rates['ColorCNN+'] / rates['ColorCNN']:.2f} times ColorCNN of width 16"
    )


@pytest.mark.benchmark(group="colorcnn on a GPU")
@pytest.mark.skipif(not GPU, reason="needs a GPU")
@pytest.mark.parametrize(("side", "width"), SIZES)
def test_the_share_of_a_bare_forward_pass(benchmark, made, side, width):
    """Wanted: 80 % of a bf16 forward pass on resident images, and 5 times a loop in fp32 that fetches each image."""
    path, network, images = made(side, width)
    images = images * 16
    bare = Deployed(network, MEAN, STD).eval()
    on_device(bare, device())
    batch = torch.zeros(256, side, side, 3, dtype=torch.uint8, device=device()).permute(0, 3, 1, 2)

    def forward():
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
            for _ in range(len(images) // 256):
                bare(batch, 2)

    taken = {"whole": [], "bare": [], "naive": []}

    def compare():
        taken["whole"].append(seconds(lambda: quantize(loaded(path, "benchmark"), 2, images, "bf16")))
        taken["bare"].append(seconds(forward))
        taken["naive"].append(
            seconds(lambda: by_hand(network.eval().to(device()), images[:128], 1)) * len(images) / 128
        )

    benchmark.pedantic(compare, rounds=ROUNDS, warmup_rounds=1)
    median = {name: statistics.median(values[1:]) for name, values in taken.items()}
    share, ratio = median["bare"] / median["whole"], median["naive"] / median["whole"]
    benchmark.extra_info.update(share_of_bare_forward=share, times_naive=ratio)
    print(
        f"\n  {side}x{side}, width {width}: {100 * share:.0f} % of a bare forward (wanted: 80), {ratio:.1f} x naive (5)"
    )


@pytest.mark.benchmark(group="colorcnn")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("side", "width"), SIZES)
def test_a_training_step(benchmark, side, width, precision):
    """Forward, backward and optimizer, an AlexNet of 200 classes behind it, a batch of 32."""
    torch.manual_seed(0)
    network, where = ColorCNN(2, width), device()
    judge = training.FrozenClassifier(CLASSIFIERS["alexnet"].build(200, 64), MEAN, STD)  # type: ignore[attr-defined]
    classifier = judge.frozen(where)
    on_device(network, where).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-2)
    pixels = torch.randint(0, 256, (32, side, side, 3), dtype=torch.uint8).to(where).permute(0, 3, 1, 2)
    labels = torch.randint(0, 200, (32,), device=where)

    def step():
        images = judge.normalized(pixels)
        with torch.autocast(where.type, torch.bfloat16, enabled=precision == "bf16"):
            m = network(images)
            logits = classifier(training.redrawn(images, m))
        loss = functional.cross_entropy(logits.float(), labels) + training.regularizer(m)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if GPU:
            torch.cuda.synchronize()

    benchmark.pedantic(step, rounds=ROUNDS, warmup_rounds=1)
    rate = 32 / benchmark.stats.stats.median
    benchmark.extra_info["images_per_second"] = rate
    print(f"\n  {side}x{side}, width {width}, {precision}: {rate:,.0f} images/s in the median")
