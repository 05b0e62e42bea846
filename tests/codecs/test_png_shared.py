"""Palettes that images share, and PNG without its palette."""

import io

import numpy as np
import pytest
from given_studies import measure, photos_matrix, written_study
from PIL import Image
from rabench.bench.records.records import Records
from rabench.codecs import CODECS, palettes
from rabench.core.errors import BadSetting, Refused, Unavailable
from rabench.core.images import IndexedImage, as_rgb
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS
from rabench.quantizers.palette_training import train_palettes
from rabench.quantizers.shared_palette import fit

pytestmark = pytest.mark.slow

TRAINING = DATASETS.make("photos:split=train")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("palettes") / "shared.safetensors"
    train_palettes(TRAINING, [2, 4, 16], 3, path, 300)
    return str(path)


def sampled(images):
    """Some pixels of each of the first training images, (N, 64, 3)."""
    return np.stack([as_rgb(np.asarray(image))[::4, ::4].reshape(-1, 3) for image in TRAINING.load(0, images).images])


def chain(file, colors):
    return QUANTIZERS.make(f"shared-palette:colors={colors}:file={file}"), CODECS.make(f"png-shared:file={file}")


@pytest.mark.parametrize("colors", [2, 4, 16])
def test_a_file_brings_back_the_pixels_and_holds_no_palette(file, colors, photographs):
    quantizer, codec = chain(file, colors)
    saved = 0
    for image in quantizer.drawn(photographs[:5]):
        data = codec.encode(image)
        np.testing.assert_array_equal(codec.decode(data), as_rgb(image))
        saved += len(CODECS.make("png").encode(image)) - len(data)
        assert b"PLTE" not in data
        breakdown = codec.byte_breakdown(data)
        assert sum(breakdown) == len(data) and breakdown.palette == 1
        with Image.open(io.BytesIO(data)) as gray:  # other programs show it as a grayscale picture
            assert gray.mode in ("1", "L") and gray.size == (32, 32)
    # png leaves out colors that an image does not use, and takes fewer bits a pixel where few are left
    assert saved > 0


def test_the_shared_bytes_are_those_of_the_palettes_of_that_many_colors(file):
    for colors in (2, 4, 16):
        quantizer, codec = chain(file, colors)
        assert codec.shared_bytes(quantizer) == 3 * colors * 3
    assert CODECS.make("png").shared_bytes(quantizer) == 0


def test_every_pixel_takes_the_nearest_color_of_the_best_palette(file, photographs):
    quantizer, _ = chain(file, 4)
    shared = palettes.read(file).of(4, file).astype(int)
    for image, drawn in zip(photographs[:5], quantizer.drawn(photographs[:5]), strict=True):
        distances = np.square(image[:, :, None].astype(int) - shared[:, None, None]).sum(-1)  # (P, H, W, K)
        least = distances.min(-1).sum((1, 2)).min()
        assert np.square(as_rgb(drawn).astype(int) - image).sum() == least


def test_more_palettes_leave_less_error():
    pixels = sampled(200)
    errors = [fit(pixels, 4, count)[1] for count in (1, 4, 16)]
    assert errors[0] > 1.1 * errors[1] > 1.2 * errors[2]


def test_fitting_is_deterministic():
    pixels = sampled(50)
    np.testing.assert_array_equal(fit(pixels, 8, 3)[0], fit(pixels, 8, 3)[0])


def test_palettes_of_other_files_are_refused(file, tmp_path):
    other = tmp_path / "other.safetensors"
    train_palettes(TRAINING, [4], 1, other, 50)
    quantizer, _ = chain(file, 4)
    codec = CODECS.make(f"png-shared:file={other}")
    with pytest.raises(Refused, match="stores what shared-palette draws with the same file of palettes"):
        codec.check_point({"quantizer": quantizer})
    with pytest.raises(Refused, match="stores what shared-palette draws"):
        codec.check_point({"quantizer": QUANTIZERS.make("median-cut:colors=4")})
    with pytest.raises(Refused, match="has palettes of 4 colors, not of 16"):
        QUANTIZERS.make(f"shared-palette:colors=16:file={other}").version()


def test_a_file_that_names_no_palette_is_an_error(file):
    _, codec = chain(file, 4)
    data = codec.encode(IndexedImage(np.zeros((4, 4), np.uint8), palettes.read(file).all[0]))
    with pytest.raises(ValueError, match="names a palette that there is not"):
        codec.decode(data[:-1] + b"\xff")


def test_bad_files_of_palettes_are_told_in_a_line(tmp_path):
    with pytest.raises(Unavailable, match="no palettes at 'nowhere'"):
        palettes.read("nowhere")
    (tmp_path / "text.safetensors").write_text("none")
    with pytest.raises(Unavailable, match="is no whole safetensors file"):
        palettes.read(str(tmp_path / "text.safetensors"))
    about = palettes.About("x", (2, 4), 1)
    palettes.write(tmp_path / "other.safetensors", {2: np.zeros((1, 2, 3), np.uint8)}, about)
    with pytest.raises(Unavailable, match="has other palettes than it says"):
        palettes.read(str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize(
    "colors, count, message",
    [([1], 1, "`colors` must be in 2..256"), ([2], 300, "`palettes` must be in 1..256"), ([2], 60, "too few for 60")],
)
def test_bad_requests_are_told_in_a_line(tmp_path, colors, count, message):
    with pytest.raises((BadSetting, Refused), match=message):
        train_palettes(TRAINING, colors, count, tmp_path / "p.safetensors", 50)
    assert not list(tmp_path.iterdir())


def test_a_study_measures_them(tmp_path, file):
    block = f'quantizers = ["shared-palette:colors=4:file={file}"]\ncodecs = ["png-shared:file={file}", "png"]'
    study = written_study(tmp_path, photos_matrix(block))
    assert measure(study, 50).complete
    sizes = {r.identity.labels[2].split(":")[0]: r.rows()["bytes"].to_numpy() for r in Records(study.records).read()[0]}
    assert sizes["png-shared"].sum() < sizes["png"].sum()
