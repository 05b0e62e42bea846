"""Published curves beside a study's own, and the study of Kodak: every published point of BPG, WebP and JPEG is met."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rabench
from given_studies import measured_study, written_study
from image_files import noise_folder
from PIL import Image
from rabench.bench.comparing.published import published_table
from rabench.bench.reading.curves import Measured
from rabench.bench.reading.fidelity import by_metric, metric_of
from rabench.bench.reading.groups import read
from rabench.bench.reporting.report import report
from rabench.bench.study.study import find_study
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, Unavailable
from rabench.datasets import DATASETS
from rabench.metrics import METRICS

KODAK = str(Path(rabench.__file__).parent / "results" / "kodak")
BITS, DECIBELS = 0.01, 0.15
"""How far a mean may lie from the published one: a share of the bits, and dB."""
CURVES = {
    # Pillow's defaults then and now: no Huffman tables made for the image
    "jpeg": ("jpeg:optimize=no", "quality"),
    "webp": ("webp", "quality"),
    # bpgenc -e x265 -f 444 -c ycbcr
    "bpg_444_x265_ycbcr": ("bpg:chroma=444", "qp"),
}
MATRIX = """
dataset = "photos"
classifiers = []
metrics = ["psnr"]
[[points]]
codecs = ["jpeg:quality=20,50,80"]
[report.published]
"jpeg" = "theirs.json"
"""


@pytest.fixture(scope="module")
def kodak_groups():
    reading = read(find_study(KODAK))
    return {m.name: by_metric(reading.groups[0], m) for m in reading.matrix.metrics}


@pytest.mark.parametrize("name", CURVES)
def test_every_published_point_on_kodak_is_met_by_the_records(kodak_groups, kodak_anchors, name):
    curve, parameter = CURVES[name]
    published, group = kodak_anchors[name], kodak_groups["psnr"]
    own = {m.point.title: row for m, (_, row) in zip(group.measured, group.rows.iterrows(), strict=True)}
    for place, value in enumerate(published[parameter]):
        row = own[CODECS.make(f"{curve}:{parameter}={value}").short]
        assert row.labelled == 24
        assert row.mean_bpp == pytest.approx(published["bpp"][place], rel=BITS), (curve, value)
        assert row.accuracy == pytest.approx(published["psnr-rgb"][place], abs=DECIBELS), (curve, value)


@pytest.mark.parametrize("name", CURVES)
def test_the_published_figures_kept_with_the_study_are_those_that_were_published(kodak_anchors, name):
    file = {"jpeg": "jpeg", "webp": "webp", "bpg_444_x265_ycbcr": "bpg"}[name]
    with open(f"{KODAK}/published/{file}.json") as kept:
        results = json.load(kept)["results"]
    assert results == {key: kodak_anchors[name][key] for key in results}


@pytest.mark.slow
@pytest.mark.parametrize("text", ["jpeg:optimize=no:quality=50", "webp:quality=50", "bpg:chroma=444:qp=32"])
def test_the_records_of_kodak_are_what_this_code_measures(kodak, kodak_groups, text):
    codec, psnr = CODECS.make(text), METRICS.make("psnr")
    try:
        codec.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    images = DATASETS.make(f'parquet:label_column="":path="{kodak}"').load(0, 4).images
    m: Measured = next(m for m in kodak_groups["psnr"].measured if m.point.codec == codec)
    files = [codec.encode(image) for image in images]
    assert [len(f) for f in files] == m.columns["bytes"][:4].tolist()
    values = [psnr.value(codec.decode(f), i) for f, i in zip(files, images, strict=True)]
    np.testing.assert_allclose(values, m.columns["value"][:4])


def theirs(folder, **changes):
    results = {"bpp": [3.0, 4.0, 5.0], "psnr-rgb": [25.0, 28.0, 31.0], "quality": [20, 50, 80]} | changes
    (folder / "theirs.json").write_text(json.dumps({"description": "JPEG of theirs", "results": results}))


@pytest.mark.slow
def test_deviations_are_of_equal_quality_parameters(tmp_path):
    theirs(tmp_path)
    study = measured_study(tmp_path, MATRIX, 50)
    reading = read(study)
    group = by_metric(reading.groups[0], metric_of("psnr", reading.matrix.metrics))
    table = published_table([group], reading.matrix.published)
    assert table is not None
    (row,) = table.frame.to_dict("records")
    own = group.rows.set_index(pd.Index([m.point.codec.quality for m in group.measured])).loc[[20, 50, 80]]
    bits = 100 * (own.mean_bpp.to_numpy() / [3, 4, 5] - 1)
    assert (row["published"], row["points"]) == ("JPEG of theirs", "3")
    assert row["bits %"] == f"{np.median(bits):+.2f} ({max(bits, key=abs):+.2f})"
    differences = own.accuracy.to_numpy() - [25, 28, 31]
    assert row["PSNR dB"] == f"{np.median(differences):+.2f} ({max(differences, key=abs):+.2f})"
    written = report(study)
    assert "against published figures" in (tmp_path / "table.md").read_text()
    assert "rate-fidelity.png" in {f.name for f in written.files}


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"bpp": [1, 2]}, "lists of different lengths"), ({"bpp": None}, "is no JSON file with")],
)
def test_a_file_that_is_none_is_one_line_with_its_place(tmp_path, changes, message):
    theirs(tmp_path, **changes)
    with pytest.raises(BadSetting, match=rf"matrix\.toml, line \d+: published: .*{message}"):
        written_study(tmp_path, MATRIX).load()


@pytest.mark.slow
def test_a_published_curve_without_a_counterpart_is_told(tmp_path):
    theirs(tmp_path)
    study = measured_study(tmp_path, MATRIX.replace('"jpeg" =', '"jpg" ='), 5)
    (warning,) = report(study).warnings
    assert warning == "published: no curve is called 'jpg' (did you mean 'jpeg'?); there are raw, jpeg"


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(BadSetting, match=r"theirs\.json cannot be read: No such file"):
        written_study(tmp_path, MATRIX).load()


def test_published_bits_are_means_over_images_whatever_their_sizes(tmp_path):
    theirs(tmp_path)
    noise_folder(tmp_path / "images", 2, side=16, classes="")
    Image.new("RGB", (64, 48), (9, 90, 200)).save(tmp_path / "images" / "large.png")
    study = measured_study(tmp_path, MATRIX.replace('"photos"', '"folder:path=images"'), None)
    reading = read(study)
    group = by_metric(reading.groups[0], metric_of("psnr", reading.matrix.metrics))
    table = published_table([group], reading.matrix.published)
    assert table is not None
    images, codecs = DATASETS.make(f'folder:path="{tmp_path}/images"').load(0, 3).images, (20, 50, 80)
    means = [
        np.mean([8 * len(CODECS.make(f"jpeg:quality={q}").encode(i)) / (i.shape[0] * i.shape[1]) for i in images])
        for q in codecs
    ]
    bits = 100 * (np.array(means) / [3, 4, 5] - 1)
    assert table.frame["bits %"].tolist() == [f"{np.median(bits):+.2f} ({max(bits, key=abs):+.2f})"]
