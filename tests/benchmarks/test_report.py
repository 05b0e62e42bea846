"""How long reports and comparisons of large studies take, and how much memory."""

import hashlib
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from rabench.bench.comparing.compare import compare
from rabench.bench.records.format import COLUMNS, Identity, Rows
from rabench.bench.records.records import Records
from rabench.bench.study.matrix import find_study, with_references

IMAGES, CLASSES = 10_000, 200
MATRIX = """
dataset = "tiny-imagenet-200"
classifiers = ["small:weights=small-photos"]
[[points]]
quantizers = ["none", "median-cut:colors=2,4,8,16,32,64", "octree:colors=2,4,8,16,32,64"]
codecs = ["png", "jpeg:quality={jpeg}", "webp:quality={webp}"]
"""


def large_study(folder, jpeg, webp):
    """Made-up predictions and sizes for 10,000 images: which point is right depends on its rate and the image."""
    folder.mkdir()
    (folder / "matrix.toml").write_text(MATRIX.format(jpeg=jpeg, webp=webp))
    study, rng = find_study(str(folder)), np.random.default_rng(0)
    records = Records(study.records)
    records.create()
    labels, difficulty = rng.integers(0, CLASSES, IMAGES), rng.normal(size=IMAGES)
    blocks = [(start, hashlib.sha256(str(start).encode()).hexdigest()) for start in range(0, IMAGES, 1000)]
    described = {
        f"{start}-{start + 1000}": {
            "sha256": sha,
            "sizes": {"64x64": 1000},
            "sources": {"JPEG": {"images": 1000, "bytes": 2_000_000}},
        }
        for start, sha in blocks
    }
    points = with_references(study.load())
    for point in points:
        ease = rng.uniform(-1, 0.5)
        for start, sha in blocks:
            span = slice(start, start + 1000)
            right = difficulty[span] + 0.6 * rng.normal(size=1000) < ease
            columns = {name: np.zeros(1000, kind) for name, kind in COLUMNS.items()}
            columns |= {"image": np.arange(start, start + 1000, dtype=np.int32), "label": labels[span].astype(np.int32)}
            columns["prediction"] = np.where(right, labels[span], (labels[span] + 1) % CLASSES).astype(np.int32)
            columns["bytes"] = rng.poisson(400 * np.exp(ease + 1), 1000).astype(np.int32)
            columns["payload"] = columns["bytes"]
            columns["pixels"][:] = 4096
            columns["squared_error"] = rng.integers(1, 10**6, 1000)
            about = {"start": start, "stop": start + 1000}
            identity = Identity(point.labels, point.key, ("1", "1", "1"), sha)
            seconds = dict.fromkeys(("load", "quantize", "encode", "decode", "classify"), 0.1)
            records.write(identity, Rows(columns, {}, seconds), about)
    dataset = {"stamp": "", "images": IMAGES, "limit": None, "notes": [], "classes": CLASSES, "blocks": described}
    noted = {" + ".join(p.labels): {"key": p.key, "versions": ("1", "1", "1")} for p in points}
    index = {"datasets": {points[0].dataset.label: dataset}, "versions": noted}
    (study.records / "blocks.json").write_text(json.dumps(index))
    return study, len(points)


@pytest.fixture(scope="module")
def three_hundred(tmp_path_factory):
    study, points = large_study(tmp_path_factory.mktemp("large") / "study", "5..95/9", "5..95/9")
    return study, points


def test_a_report_of_300_points_and_10000_images(three_hundred, benchmark, request):
    """Wanted: under 60 s and 2 GB, and a page below 8 MB."""
    study, points = three_hundred
    data = request.getfixturevalue("real_data")

    def report():
        subprocess.run(
            [sys.executable, "-m", "rabench", "report", str(study.folder)],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "RABENCH_DATA": str(data)},
        )

    benchmark.pedantic(report, rounds=1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    size = (study.folder / "report.html").stat().st_size / 1e6
    print(f"\n{points} points: {benchmark.stats.stats.median:.0f} s, {peak:.2f} GB, page {size:.1f} MB")


def test_every_curve_against_one_anchor_over_200_points(tmp_path_factory, benchmark):
    """2,000 draws of 10,000 images. Wanted: under 20 s on one core."""
    study, points = large_study(tmp_path_factory.mktemp("large") / "compared", "5..95/15", "5..95/15")
    comparisons = benchmark.pedantic(compare, args=(study, "none+jpeg"), rounds=1)
    print(f"\n{points} points, {len(comparisons[0].curves)} curves: {benchmark.stats.stats.median:.1f} s")
