"""Preprocessing: torchvision's and timm's own transforms are the oracle, to the last bit."""

import numpy as np
import pytest
import torch
from PIL import Image
from rabench.classifiers import CLASSIFIERS
from rabench.classifiers.preprocessing import Preprocessing
from rabench.core.errors import BadSetting, Refused
from rabench.datasets import DATASETS
from torchvision_on_a_cpu import usable_torchvision

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SIZES = ((500, 375), (375, 500), (256, 256), (257, 256), (68, 121), (300, 1000), (224, 224), (1200, 801))


def images(*sizes):
    """A random image for each width and height, smooth enough for filters to differ."""
    rng = np.random.default_rng(0)
    for width, height in sizes:
        small = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
        yield np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def tensor(preprocessing, image):
    """(3, H, W), as a transform gives it."""
    return preprocessing.tensor(preprocessing.pixels(image)[None])[0].transpose(2, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_the_tensor_is_torchvisions_on_pillow_images(interpolation):
    transforms = usable_torchvision().transforms
    theirs = transforms.Compose(
        [
            transforms.Resize(256, interpolation=transforms.InterpolationMode(interpolation)),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET["mean"], IMAGENET["std"]),
        ]
    )
    ours = Preprocessing(256, 224, interpolation=interpolation, **IMAGENET)
    for image in images(*SIZES):
        np.testing.assert_array_equal(tensor(ours, image), theirs(Image.fromarray(image)).numpy())


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_without_antialiasing_it_is_torchvisions_on_tensors(interpolation):
    transforms = usable_torchvision().transforms
    resize = transforms.Resize(256, interpolation=transforms.InterpolationMode(interpolation), antialias=False)
    ours = Preprocessing(256, interpolation=interpolation, antialias=False)
    for image in images(*SIZES):
        theirs = resize(torch.from_numpy(image.copy()).permute(2, 0, 1)).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(ours.pixels(image), theirs)


def test_both_sides_may_be_resized():
    transforms = usable_torchvision().transforms
    for image in images(*SIZES):
        theirs = np.asarray(transforms.Resize((224, 224))(Image.fromarray(image)))
        np.testing.assert_array_equal(Preprocessing(224, 224, squash=True).pixels(image), theirs)


def test_an_image_below_the_crop_is_refused_with_the_remedy():
    with pytest.raises(Refused, match="100x80 is smaller than crop=224; name the setting resize, too"):
        Preprocessing(crop=224).pixels(np.zeros((80, 100, 3), np.uint8))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("resize=200:crop=224", "onnx: resize=200 is smaller than crop=224"),
        ("resize=256:interpolation=lanczos:antialias=no", "onnx: interpolation=lanczos always antialiases"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(setting, message):
    with pytest.raises(BadSetting, match=message):
        _ = CLASSIFIERS.make(f"onnx:path=x.onnx:input=224:{setting}").preprocessing


def test_settings_that_came_later_leave_old_keys_and_labels_as_they_were():
    old = 'onnx:channels=rgb:input=64:layout=nchw:mean="0.485,0.456,0.406":scale=0.00392156862745098:std="0.229,0.224,0.225"'
    plain = CLASSIFIERS.make("onnx:path=x.onnx:input=64")
    assert plain.key == old  # as version 0.1 filed it
    assert plain.label == old.replace(":input", ':classes_file="":input').replace(":scale", ":path=x:scale")
    told = CLASSIFIERS.make("onnx:path=x.onnx:input=64:published=70.1:published_on=these")
    assert (told.key, told.label) == (plain.key, plain.label)
    assert CLASSIFIERS.make(told.spec) == told != plain
    assert CLASSIFIERS.make("onnx:path=x.onnx:input=64:resize=72").key != old


@pytest.mark.long
def test_on_200_imagenet_images_nothing_differs(imagenet_sample):
    """Against torchvision's preset (256, bilinear, 224) and timm's transform (bicubic, crop_pct 0.875)."""
    torchvision = usable_torchvision()
    timm_data = pytest.importorskip("timm.data", reason="timm is not installed")
    theirs = {
        "bilinear": torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms(),
        "bicubic": timm_data.create_transform((3, 224, 224), interpolation="bicubic", crop_pct=0.875),
    }
    ours = {name: Preprocessing(256, 224, interpolation=name, **IMAGENET) for name in theirs}
    dataset = DATASETS.make(f'parquet:path="{imagenet_sample}"')
    differing = []
    for start in range(0, len(dataset), 50):
        for number, image in enumerate(dataset.load(start, start + 10).images, start):
            picture = Image.fromarray(image)
            differing += [
                (number, name)
                for name, transform in theirs.items()
                if not np.array_equal(tensor(ours[name], image), transform(picture).numpy())
            ]
    assert len(dataset) == 1000 and differing == []
