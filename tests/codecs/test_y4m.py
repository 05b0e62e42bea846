"""YUV4MPEG2: against ffmpeg's reader and writer, and what is no such file."""

import io

import numpy as np
import pytest
from rabench.codecs import y4m
from rabench.datasets import DATASETS

PHOTO = np.vstack(
    [np.hstack(DATASETS.make("photos").load(0, 4).images), np.hstack(DATASETS.make("photos").load(4, 8).images)]
)


@pytest.mark.parametrize("chroma", [420, 444])
@pytest.mark.parametrize("size", [(64, 128), (1, 1), (33, 7)])
def test_a_picture_comes_back_but_for_rounding_and_halved_chroma(chroma, size):
    image = PHOTO[: size[0], : size[1]]
    pixels = y4m.read(y4m.write(image, chroma))
    assert pixels.shape == image.shape and pixels.flags.writeable
    error = np.abs(pixels.astype(int) - image)
    assert error.max() <= 2 if chroma == 444 else error.mean() < 6


def test_ffmpeg_reads_what_is_written():
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(y4m.write(PHOTO, 420)), format="yuv4mpegpipe") as file:
        frame = next(file.decode(video=0))
    assert (frame.width, frame.height) == (128, 64) and frame.format.name in ("yuv420p", "yuvj420p")
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(64, -1)[:, :128]
    assert (luma == y4m.to_planes(PHOTO, True).luma).all()


@pytest.mark.parametrize(
    ("tag", "bits"), [("C420p10", 10), ("C444p12", 12), ("C444", 8), ("Cmono", 8), ("Cmono16", 16)]
)
def test_more_bits_and_grey_are_read(tag, bits):
    kind = np.uint8 if bits == 8 else "<u2"
    level = np.uint32(100) << bits - 8
    planes = 16 + (0 if "mono" in tag else 32 if "444" in tag else 8)
    samples = np.full(planes, level).astype(kind)
    samples[16:] = 128 << bits - 8
    file = f"YUV4MPEG2 W4 H4 F25:1 {tag}\nFRAME\n".encode() + samples.tobytes()
    assert (y4m.read(file) == 100).all()


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"PNG",
        b"YUV4MPEG2 W4 H4 C411\nFRAME\n" + bytes(24),
        b"YUV4MPEG2 W4 H4\nFRAME\n" + bytes(23),
        b"YUV4MPEG2 W0 H4\nFRAME\n",
    ],
)
def test_what_is_no_whole_picture_is_refused(file):
    with pytest.raises(ValueError, match="YUV4MPEG2"):
        y4m.read(file)
