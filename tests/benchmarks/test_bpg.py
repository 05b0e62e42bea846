"""How fast BPG is in process, and against a program started for each image. One core throughout."""

import shutil
import statistics
import subprocess
import time

import numpy as np
import pytest
from PIL import Image
from rabench.bench.measuring.threads import one_thread
from rabench.bench.running.executors import processes
from rabench.codecs import CODECS

pytest.importorskip("av", reason="bpg needs PyAV: pip install -c constraints.txt '.[gpl]'")
from bpg_in_a_worker import encode_all
from rabench.codecs.hevc import color, x265
from rabench.codecs.hevc.parameter_sets import YUV420

SIDES = {32: 200, 64: 100, 224: 12}
"""Images of each size."""
WANTED = {(32, 29): 3.5, (64, 29): 1.8}
"""Times the pace of the external programs, encoding and decoding together."""


def photographs(side, count):
    from skimage import data

    source = data.astronaut()
    rng = np.random.default_rng(side)
    corners = rng.integers(0, 512 - side, (count, 2))
    return [np.ascontiguousarray(source[y : y + side, x : x + side]) for y, x in corners]


def milliseconds(function, arguments):
    """The median over calls, one for each that is given."""
    times = []
    for argument in arguments:
        begin = time.perf_counter()
        function(argument)
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


class Programs:
    """bpgenc and bpgdec; where they are missing, x265's and ffmpeg's own programs stand in for them.

    The stand-ins start a process an image, as bpgenc does, and search as hard; they are spared the color conversion
    and the PNG file when encoding.
    """

    def __init__(self, folder, qp):
        self.folder, self.qp = folder, qp
        self.real = bool(shutil.which("bpgenc") and shutil.which("bpgdec"))
        if not self.real and not (shutil.which("x265") and shutil.which("ffmpeg")):
            pytest.skip("neither bpgenc and bpgdec nor x265 and ffmpeg are on the PATH")
        self.names = "bpgenc and bpgdec" if self.real else "x265 and ffmpeg (stand-ins for bpgenc and bpgdec)"

    def encode(self, image):
        if self.real:
            Image.fromarray(image).save(self.folder / "a.png")
            return self._call("bpgenc", "-e", "x265", "-m", "8", "-b", "8", "-q", self.qp, "-o", "a.bpg", "a.png")
        planes = color.to_planes(image, halved=True)
        (self.folder / "a.yuv").write_bytes(b"".join(p.tobytes() for p in planes if p is not None))
        size = f"{image.shape[1]}x{image.shape[0]}"
        settings = (
            "--fps 25 --preset veryslow --tune ssim --keyint 1 --pools none --frame-threads 1 --no-wpp --amp --rect"
        )
        blocks = {32: "16", 64: "32"}.get(image.shape[0], "64")  # as FFmpeg and bpgenc set them
        return self._call(
            *("x265", "--input", "a.yuv", "--input-res", size, *settings.split(), "--qp", self.qp),
            *("--ctu", blocks, "--output", "a.hevc"),
        )

    def decode(self, _):
        if self.real:
            return self._call("bpgdec", "-o", "b.png", "a.bpg")
        return self._call("ffmpeg", "-y", "-threads", "1", "-i", "a.hevc", "b.png")

    def _call(self, *words):
        subprocess.run([str(w) for w in words], cwd=self.folder, check=True, capture_output=True)


@pytest.mark.benchmark(group="bpg encode")
@pytest.mark.parametrize("qp", [10, 29, 39])
@pytest.mark.parametrize("side", SIDES)
def test_bpg_images_a_second_and_against_a_process_an_image(benchmark, tmp_path, side, qp):
    one_thread()
    images, codec, external = photographs(side, SIDES[side]), CODECS.make(f"bpg:qp={qp}"), Programs(tmp_path, qp)
    files = benchmark.pedantic(codec.encode_batch, (images,), rounds=3, warmup_rounds=1)
    encode = 1000 * benchmark.stats.stats.median / len(images)
    decode = milliseconds(codec.decode, files)
    first = images[:15]
    process = milliseconds(external.encode, first), milliseconds(external.decode, first)
    times = sum(process) / (encode + decode)
    figures = {"encode_per_s": 1000 / encode, "decode_per_s": 1000 / decode, "times": times}
    benchmark.extra_info.update(figures)
    goal = f" (wanted: {WANTED[side, qp]})" if (side, qp) in WANTED else ""
    print(
        f"\n  {side}x{side}, QP {qp}: encodes {1000 / encode:,.0f} images/s, decodes {1000 / decode:,.0f}; "
        f"{external.names}: {1000 / process[0]:,.0f} and {1000 / process[1]:,.0f}; "
        f"both together {times:.1f} times as fast{goal}"
    )


@pytest.mark.benchmark(group="bpg overhead")
def test_what_is_spent_around_x265(benchmark):
    """A 64x64 image through the codec, less x265's own call: color, planes, packet, container."""
    one_thread()
    images, codec = photographs(64, 300), CODECS.make("bpg:qp=29")
    inside: list[float] = []

    class Timed:
        def __init__(self, context):
            self.context = context

        def encode(self, frame):
            begin = time.perf_counter()
            try:
                return self.context.encode(frame)
            finally:
                inside.append(time.perf_counter() - begin)

    # Private, since no public name of PyAV's or of rabench's stands for x265's own call alone
    with x265.Encoders.lent(x265.setup(64, 64, YUV420, 29, 8)) as encoder:
        context, encoder._context = encoder._context, Timed(encoder._context)
    around = []

    def batches():
        for start in range(0, len(images), 100):  # as the bench hands them on
            inside.clear()
            begin = time.perf_counter()
            codec.encode_batch(images[start : start + 100])
            around.append((time.perf_counter() - begin - sum(inside)) / 100)

    try:
        benchmark.pedantic(batches, rounds=3, warmup_rounds=1)
    finally:
        encoder._context = context
    assert len(inside) == 100
    microseconds = 1e6 * statistics.median(around)
    benchmark.extra_info["microseconds"] = microseconds
    print(f"\n  {microseconds:.0f} us an image around x265 in the median (wanted: under 60)")


@pytest.mark.benchmark(group="bpg workers")
def test_two_workers_encode_against_one(benchmark):
    """1,200 images of 64x64, in batches, as the bench's workers do it."""
    images, ratios = photographs(64, 1200), []
    batches = [images[i : i + 50] for i in range(0, len(images), 50)]

    def seconds(workers):
        pool = processes(workers)
        for future in [pool.submit(encode_all, "bpg:qp=29", images[:50]) for _ in range(4 * workers)]:
            future.result()
        begin = time.perf_counter()
        for future in [pool.submit(encode_all, "bpg:qp=29", batch) for batch in batches]:
            future.result()
        took = time.perf_counter() - begin
        pool.close()
        return took

    benchmark.pedantic(lambda: ratios.append(seconds(1) / seconds(2)), rounds=3)
    ratio = statistics.median(ratios)
    benchmark.extra_info["two_workers_by_one"] = ratio
    print(f"\n  {ratio:.2f} times one worker's pace in the median (wanted: 1.8)")
