"""What every codec must hold to; a new codec is tested by being in the table."""

import pickle
from dataclasses import Field, fields
from functools import cache

import numpy as np
import pytest
from rabench.codecs import CODECS
from rabench.core.errors import Unavailable
from rabench.core.images import IndexedImage, as_rgb
from rabench.core.plugins import Span

RNG = np.random.default_rng(0)
SIZES = [(1, 1), (7, 5), (32, 32), (3, 300), (15, 17)]


def ends(among):
    """The first and the last of what a setting allows."""
    if isinstance(among, Span):
        return among.low, among.high
    values = list(among)
    return values[0], values[-1]


def operating_points(name):
    """The codec as it comes, and every setting at both ends; of one that is not here the first alone, to be skipped."""
    cls = CODECS[name]
    found = [cls()]
    try:
        cls().version()
    except Unavailable:
        return found
    for f in fields(cls):
        among = f.metadata["among"]
        found += [cls(**{f.name: value}) for value in ends(among)]
    return list(dict.fromkeys(found))


@pytest.fixture(params=[c for n in CODECS.members for c in operating_points(n)], ids=lambda c: c.spec)
def codec(request):
    try:
        assert request.param.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    return request.param


def redrawn_in_three_colors(pixels):
    return IndexedImage(pixels[..., 0] % 3, RNG.integers(0, 256, (3, 3), np.uint8))


NOISE = {f"{high}x{wide}": RNG.integers(0, 256, (high, wide, 3), np.uint8) for high, wide in SIZES}
IMAGES = NOISE | {f"{name} of three colors": redrawn_in_three_colors(pixels) for name, pixels in NOISE.items()}


@cache
def files_of(codec):
    """name -> file, of each image alone."""
    return {name: codec.encode(image) for name, image in IMAGES.items()}


def test_decoding_gives_back_the_image(codec):
    for name, file in files_of(codec).items():
        decoded, pixels = codec.decode(file), as_rgb(IMAGES[name])
        assert (decoded.dtype, decoded.shape) == (pixels.dtype, pixels.shape), name
        assert decoded.flags.writeable and decoded.flags.c_contiguous, name
        if codec.lossless:
            np.testing.assert_array_equal(decoded, pixels, name)


def test_the_parts_of_a_file_sum_to_its_length(codec):
    for name, file in files_of(codec).items():
        parts = codec.byte_breakdown(file)
        assert sum(parts) == len(file), name
        assert min(parts) >= 0 and parts.payload > 0, name


def test_encoding_twice_gives_the_same_bytes(codec):
    for name, file in files_of(codec).items():
        assert codec.encode(IMAGES[name]) == file, name


def test_a_batch_is_its_images_one_by_one(codec):
    """Of many sizes, and of one."""
    names = list(IMAGES)
    for batch in (names, [names[2], names[7], names[2]]):
        files = codec.encode_batch([IMAGES[name] for name in batch])
        assert files == [files_of(codec)[name] for name in batch]
        for name, decoded in zip(batch, codec.decode_batch(files), strict=True):
            np.testing.assert_array_equal(decoded, codec.decode(files_of(codec)[name]), name)


def test_a_codec_is_a_value(codec):
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert CODECS.sweep(codec.spec) == [codec]
    assert len(pickle.dumps(codec)) < 1000


def test_every_setting_is_a_field(codec):
    """A subclass without its own @dataclass(frozen=True) keeps raw Field objects as attributes."""
    assert not [k for k, v in vars(type(codec)).items() if isinstance(v, Field)]


def test_a_file_cut_short_or_of_another_format_is_an_error(codec, photographs):
    file = codec.encode(photographs[0])
    for broken in (b"", b"no image at all", file[: len(file) // 3]):
        with pytest.raises(Exception):  # noqa: B017 (each library has its own)
            codec.decode(broken)


@pytest.mark.parametrize("name", sorted(CODECS.members))
def test_turning_the_dial_trades_bytes_for_quality(name, photographs):
    cls = CODECS[name]
    dial = cls.quality_parameter()
    if dial is None:
        pytest.skip(f"{name} has no dial")
    try:
        cls().version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    among = next(f for f in fields(cls) if f.name == dial).metadata["among"]
    sizes, errors = [], []
    whole = not isinstance(among, Span)
    for value in np.linspace(*ends(among), 5):
        codec = cls(**{dial: int(value) if whole else float(value)})
        files = codec.encode_batch(photographs[:40])
        decoded = codec.decode_batch(files)
        sizes.append(sum(map(len, files)))
        errors.append(
            sum(float(((d.astype(float) - p) ** 2).sum()) for d, p in zip(decoded, photographs, strict=False))
        )
    up = sizes[-1] > sizes[0]  # quality goes up in bytes, QP down
    assert sizes == sorted(sizes, reverse=not up)
    assert errors == sorted(errors, reverse=up)


@pytest.mark.parametrize("name", sorted(CODECS.members))
def test_codecs_that_say_to_be_alike_write_the_same_files(name, photographs):
    cls = CODECS[name]
    among = next((f.metadata["among"] for f in fields(cls) if f.name == cls.quality_parameter()), ())
    if isinstance(among, Span):
        pytest.skip(f"{name}'s dial is continuous")
    points = [cls(**{cls.quality_parameter(): value}) for value in among]
    alike = [(p, p.canonical()) for p in points if p.canonical() != p]
    if not alike:
        pytest.skip(f"{name} knows of no redundant settings")
    try:
        cls().version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    for point, same in alike:
        assert same.canonical() == same
        assert point.encode_batch(photographs[:10]) == same.encode_batch(photographs[:10])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.zeros((4, 4, 3)), r"got \(4, 4, 3\) float64"),
        (np.zeros((4, 4, 4), np.uint8), r"got \(4, 4, 4\) uint8"),
        (np.zeros((4, 4), np.uint8), r"got \(4, 4\) uint8"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\) uint8"),
        ([[1, 2, 3]], "got list"),
    ],
)
def test_what_is_no_image_is_refused_with_what_is_one(given, told):
    for name in ("bpg", "jpeg", "webp", "raw"):
        with pytest.raises(TypeError, match=told):
            CODECS[name]().encode(given)
