"""What the bench itself costs: figures are printed, and kept with --benchmark-json."""

import io
import statistics
import time

import numpy as np
import pytest
from given_studies import NONE, given_study
from PIL import Image
from plugins_for_tests import Constant, Noise
from rabench.bench.running import executors, session
from rabench.bench.running.runner import Progress
from rabench.bench.study.points import Point
from rabench.codecs import CODECS
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS


def study(folder, *points):
    return given_study(folder, *points, out=folder)


def images(count, side):
    """`count` images in memory, opened before the clock runs."""
    dataset = Noise(images=count, side=side)
    dataset.load(0, 1)
    return dataset


@pytest.mark.benchmark(group="overhead")
def test_images_a_second_through_the_whole_runner_with_nothing_to_do(benchmark, tmp_path):
    """Quantizer none, codec raw, a constant classifier, 10,000 images of 64x64, records written."""
    count, folders = 10_000, iter(range(1000))
    dataset = images(count, 64)

    def setup():
        return (study(tmp_path / f"{next(folders)}", Point(dataset, NONE, CODECS.make("raw"), Constant())),), {}

    def run(made):
        outcome = session.run(made, executors.in_process, None, Progress())
        assert outcome.measured == 10 and not outcome.failed_rows

    benchmark.pedantic(run, setup=setup, rounds=5, warmup_rounds=1)
    rate = count / benchmark.stats.stats.median
    benchmark.extra_info["images_per_second"] = rate
    print(f"\n  {rate:,.0f} images/s in the median (wanted: 20,000)")


@pytest.mark.benchmark(group="jpeg")
def test_jpeg_in_the_bench_against_a_bare_pillow_loop(benchmark, tmp_path, real_data, monkeypatch):
    """The same 2,000 images, encoded and decoded: the runner's share of the bare loop's pace."""
    monkeypatch.setenv("RABENCH_DATA", str(real_data))
    pixels = DATASETS.make("tiny-imagenet-200").load(0, 2000).images

    class Held:
        classes = ("a", "b", "c")

        def __len__(self):
            return len(pixels)

        def read(self, start, stop):
            from rabench.datasets.base import RAW, Block

            return Block(pixels[start:stop], np.arange(start, stop) % 3, [RAW] * (stop - start))

        def stamp(self):
            return "held"

    monkeypatch.setattr(Noise, "open", lambda self: Held())
    folders = iter(range(1000))
    jpeg, ratios = CODECS.make("jpeg:quality=50"), []
    dataset = Noise(images=2000, side=64, bad=999_999)

    def bare():
        for image in pixels:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG", quality=50, subsampling="4:2:0", optimize=True)
            np.array(Image.open(buffer).convert("RGB"))

    def seconds(function, *arguments):
        begin = time.perf_counter()
        function(*arguments)
        return time.perf_counter() - begin

    def pair():
        """The run without JPEG is taken off: it is the reference every study measures too."""
        points = [Point(dataset, NONE, c, Constant()) for c in (CODECS.make("raw"), jpeg)]
        alone = study(tmp_path / f"{next(folders)}", points[0])
        with_jpeg = study(tmp_path / f"{next(folders)}", *points)
        reference = seconds(session.run, alone, executors.in_process, None, Progress())
        seconds_with_jpeg = seconds(session.run, with_jpeg, executors.in_process, None, Progress())
        ratios.append(seconds(bare) / (seconds_with_jpeg - reference))

    benchmark.pedantic(pair, rounds=7, warmup_rounds=1)
    share = statistics.median(ratios[1:])
    benchmark.extra_info["share_of_bare_loop"] = share
    print(f"\n  {100 * share:.0f} % of a bare Pillow loop's pace in the median (wanted: 60 %)")


@pytest.mark.benchmark(group="workers")
def test_two_workers_against_one(benchmark, tmp_path, real_data, monkeypatch):
    """median-cut + png + alexnet on 4,000 Tiny-ImageNet images; workers are started and warm before the clock runs."""
    from pathlib import Path

    from rabench.bench.measuring import content
    from rabench.bench.measuring import task as tasks
    from rabench.classifiers import CLASSIFIERS

    monkeypatch.setenv("RABENCH_DATA", str(real_data))
    weights = Path(__file__).parents[2] / "results" / "tiny-imagenet-200" / "alexnet-tiny200.safetensors"
    alexnet = CLASSIFIERS.make(f'alexnet:weights="{weights}"')
    dataset = DATASETS.make("tiny-imagenet-200")
    points = [Point(dataset, QUANTIZERS.make("median-cut:colors=4"), CODECS.make("png"), alexnet)]
    folders, ratios = iter(range(1000)), []

    def warm(workers):
        pool = executors.processes(workers)
        block = content.describe_block(dataset, 0, 100)["sha256"]
        small = tasks.Task(dataset, 0, 100, block, points[0].quantizer, ((points[0].codec, alexnet),), ())
        for future in [pool.submit(tasks.run, small) for _ in range(4 * workers)]:
            future.result()
        return pool

    def seconds(workers):
        pool, made = warm(workers), study(tmp_path / f"{next(folders)}", *points)
        begin = time.perf_counter()
        session.run(made, lambda: pool, 4000, Progress())
        return time.perf_counter() - begin

    def pair():
        ratios.append(seconds(1) / seconds(2))

    benchmark.pedantic(pair, rounds=3)
    ratio = statistics.median(ratios)
    benchmark.extra_info["two_workers_by_one"] = ratio
    print(f"\n  {ratio:.2f} times one worker's pace in the median (wanted: 1.8)")
