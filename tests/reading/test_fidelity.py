"""Studies of rates and fidelity: without a classifier, with metrics beside accuracy, and curves compared by a metric."""

import numpy as np
import pandas as pd
import pytest
from given_studies import measured_study, times_of, written_study
from image_files import noise_folder
from PIL import Image
from rabench.bench.comparing.compare import compare
from rabench.bench.reading.fidelity import by_metric, means
from rabench.bench.reading.groups import read
from rabench.bench.reporting.report import report
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting
from rabench.datasets import DATASETS
from rabench.metrics import METRICS

pytestmark = pytest.mark.slow

ALONE = """
dataset = "photos"
classifiers = []
metrics = ["psnr", "ssim"]
[[points]]
codecs = ["png", "jpeg:quality=20,50,80", "webp:quality=20,50,80"]
"""
BESIDE = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
codecs = ["jpeg:quality=20,50,80"]
"""
IMAGES = 40


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return measured_study(tmp_path_factory.mktemp("alone"), ALONE, IMAGES)


def values(name, codec):
    """The metric of each image, computed anew."""
    metric, codec = METRICS.make(name), CODECS.make(codec)
    images = DATASETS.make("photos").load(0, IMAGES).images
    return np.array([metric.value(codec.decode(codec.encode(i)), i) for i in images])


def test_the_means_are_those_of_the_images(alone):
    (group,) = read(alone).groups
    names = [m.point.title for m in group.measured]
    table = means(group, group.metrics).set_axis(names)
    assert table.psnr["jpeg:quality=50"] == pytest.approx(values("psnr", "jpeg:quality=50").mean())
    assert table.ssim["webp:quality=20"] == pytest.approx(values("ssim", "webp:quality=20").mean())
    assert table.ssim["png"] == 1 and np.isinf(table.psnr["png"])


def test_without_a_classifier_there_is_no_accuracy_in_table_page_and_figures(alone):
    written = report(alone, with_psnr=False)
    (table,) = written.tables
    assert list(table.frame) == [
        *(
            "codec",
            "bpp",
            "payload",
            "amortized",
            "overhead",
            "images",
            "failed",
            "PSNR dB",
            "mean PSNR dB",
            "mean SSIM",
        )
    ]
    names = {f.name for f in written.files}
    assert "rate-fidelity.png" in names and "rate-accuracy.png" not in names
    page = (alone.folder / "report.html").read_text()
    assert "Rate and fidelity" in page and "top-1 accuracy (%)" not in page
    frame = pd.read_csv(alone.folder / "summary.csv")
    assert {"mean_psnr", "mean_ssim"} <= set(frame) and frame.labelled.sum() == 0


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_curves_are_compared_by_a_metric_image_by_image(alone, name):
    (comparison,) = compare(alone, "none+jpeg:quality=50", ["none+webp:quality=50"], metric=name)
    row = comparison.points.iloc[0]
    differences = values(name, "webp:quality=50") - values(name, "jpeg:quality=50")
    assert row.difference_points == pytest.approx(differences.mean())
    assert row.difference_points_high - row.difference_points == pytest.approx(
        1.959964 * differences.std(ddof=1) / np.sqrt(IMAGES), rel=1e-5
    )
    assert (row.gained, row.lost) == ((differences > 0).sum(), (differences < 0).sum())
    (comparison,) = compare(alone, "jpeg", ["webp"], metric=name)
    (curve,) = comparison.curves.to_dict("records")
    assert curve["bd_rate_percent_low"] < curve["bd_rate_percent"] < curve["bd_rate_percent_high"] < 0


def test_bd_psnr_is_that_of_the_published_package(alone):
    bjontegaard = pytest.importorskip("bjontegaard")
    (comparison,) = compare(alone, "jpeg", ["webp"], metric="psnr")
    group = by_metric(read(alone).groups[0], METRICS.make("psnr"))
    anchor, test = (
        group.rows.iloc[list(next(c for c in group.curves if c.codec == name).rows)] for name in ("jpeg", "webp")
    )
    arguments = (anchor.bpp, anchor.accuracy, test.bpp, test.accuracy)
    options = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    (row,) = comparison.curves.to_dict("records")
    assert row["bd_rate_percent"] == pytest.approx(bjontegaard.bd_rate(*arguments, **options), abs=0.02)


def test_a_metric_named_later_is_measured_alone(tmp_path):
    study = measured_study(tmp_path, BESIDE, IMAGES)
    before = times_of(study)
    study = measured_study(tmp_path, BESIDE.replace("[[points]]", 'metrics = ["ssim"]\n[[points]]'), IMAGES)
    after = times_of(study)
    assert before.items() <= after.items() and len(after) == len(before) + 3
    (group,) = read(study).groups
    assert group.labelled and means(group, group.metrics).ssim.notna().sum() == 3  # the reference is not asked


def test_a_metric_that_a_study_does_not_name_is_refused(alone, tmp_path):
    with pytest.raises(BadSetting, match=r"`metric` 'ms-ssim' is not measured here.*there are psnr, ssim"):
        compare(alone, "jpeg", metric="ms-ssim")
    study = written_study(tmp_path, ALONE.replace('"ssim"', '"sim"'))
    with pytest.raises(BadSetting, match=r"line 4: metrics: no metric is named 'sim' \(did you mean 'ssim'"):
        study.load()


def test_a_smaller_picture_is_compared_after_scaling_it_back(tmp_path):
    study = measured_study(tmp_path, ALONE.replace("[[points]]", '[[points]]\nsizes = ["short=16"]'), IMAGES)
    (group,) = read(study).groups
    image = DATASETS.make("photos").load(0, IMAGES).images
    small = [np.asarray(Image.fromarray(i).resize((16, 16), Image.Resampling.LANCZOS)) for i in image]
    back = [np.asarray(Image.fromarray(s).resize((32, 32), Image.Resampling.LANCZOS)) for s in small]
    expected = np.mean([METRICS.make("ssim").value(b, i) for b, i in zip(back, image, strict=True)])
    place = next(i for i, m in enumerate(group.measured) if m.point.codec.name == "png")
    assert means(group, group.metrics).ssim[place] == pytest.approx(expected)


def test_images_too_small_for_a_metric_are_left_out_of_its_mean(tmp_path):
    pytest.importorskip("pytorch_msssim", reason="the extra fidelity is not installed")
    noise_folder(tmp_path / "images", 2, side=170, classes="")
    Image.new("RGB", (20, 20)).save(tmp_path / "images" / "small.png")
    matrix = ALONE.replace('"photos"', '"folder:path=images"').replace('"ssim"', '"ms-ssim"')
    study = measured_study(tmp_path, matrix, None)
    group = by_metric(read(study).groups[0], METRICS.make("ms-ssim"))
    assert set(group.rows.labelled) == {2} and group.rows.accuracy.between(0, 1).all()


def test_an_image_without_loss_is_left_out_of_the_mean_as_of_the_curve(tmp_path):
    noise_folder(tmp_path / "images", 3, side=16, classes="")
    Image.new("RGB", (16, 16), (128, 128, 128)).save(tmp_path / "images" / "flat.png")  # JPEG gives it back
    study = measured_study(tmp_path, ALONE.replace('"photos"', '"folder:path=images"'), None)
    (group,) = read(study).groups
    judged = by_metric(group, METRICS.make("psnr"))
    place = {m.point.title: i for i, m in enumerate(group.measured)}
    for m, mean, count in zip(judged.measured, judged.rows.accuracy, judged.rows.labelled, strict=True):
        if m.point.codec.name == "jpeg":
            assert count == 3 and np.isfinite(mean)
            assert means(group, group.metrics).psnr[place[m.point.title]] == pytest.approx(mean)


def test_a_metric_that_fails_is_told_and_a_codec_is_not_blamed(tmp_path):
    (tmp_path / "own.py").write_text(
        "import rabench\nfrom dataclasses import dataclass\n\n@dataclass(frozen=True)\n"
        "class Broken(rabench.Metric):\n    name = 'broken'\n    step: int = rabench.setting(1, (1, 2))\n"
        "    def version(self):\n        return '1'\n"
        "    def value(self, decoded, original):\n        if self.step == 2: raise ValueError('no value')\n        return 1.5\n"
    )
    matrix = ALONE.replace('"ssim"', '"broken:step=1,2"').replace(
        "[[points]]", 'plugins.files = ["own.py"]\n[[points]]'
    )
    study = measured_study(tmp_path, matrix, 10)
    written = report(study)
    assert any("metric: " in line and "no value" in line for line in written.failures)
    assert {"mean broken", "mean broken (step=2)"} <= set(written.tables[0].frame)
    assert set(written.tables[0].frame["mean broken"]) == {"1.5000", "-"}
    assert set(written.tables[0].frame["mean broken (step=2)"]) == {"-"}
    overheads = [m.overhead_bpp for group in read(study).groups for m in group.measured]
    assert np.isfinite(overheads).all()


def test_a_study_with_and_without_a_classifier_is_compared_where_it_can_be(tmp_path):
    study = measured_study(
        tmp_path,
        BESIDE + '[[points]]\nclassifiers = []\ncodecs = ["jpeg:quality=20,50,80", "webp:quality=20,80"]\n',
        20,
    )
    titles = {c.title: c.measure.name for c in compare(study, "none+jpeg:quality=50", [])}
    assert titles == {"photos (20 images), small-photos": "accuracy", "photos (20 images)": "PSNR"}
    (comparison,) = compare(study, "jpeg", ["webp"], metric="psnr")
    assert comparison.measure.name == "PSNR"


@pytest.mark.parametrize("classifiers", ["[]", '["none"]'])
def test_without_a_classifier_there_is_always_psnr(tmp_path, classifiers):
    matrix = ALONE.replace("classifiers = []", f"classifiers = {classifiers}").replace('["psnr", "ssim"]', "[]")
    study = measured_study(tmp_path, matrix, 5)
    assert "mean PSNR dB" in report(study).tables[0].frame
    assert compare(study, "jpeg", ["webp"])[0].measure.name == "PSNR"


def test_two_studies_are_compared_by_a_metric(tmp_path):
    one = measured_study(tmp_path / "one", ALONE, 20)
    two = measured_study(tmp_path / "two", ALONE.replace('"png", ', '"png:effort=9", '), 20)
    (comparison,) = compare([one, two], "none+jpeg:quality=50 [one]", ["none+webp:quality=50 [two]"], metric="ssim")
    assert comparison.points.images.tolist() == [20]


def test_the_page_of_a_study_without_a_classifier_shows_its_images(alone):
    import json
    import re

    report(alone)
    text = (alone.folder / "report.html").read_text()
    (content,) = re.findall(r'<script[^>]*id="study"[^>]*>(.*?)</script>', text, re.S)
    (data,) = json.loads(content)
    assert data["gallery"]["images"] and data["right"] == [] == data["agrees"]
    names = [p["name"] for p in data["points"]]
    shown = {names[i] for image in data["gallery"]["images"] for i in map(int, image["pictures"])}
    assert {"none+jpeg:quality=20", "none+jpeg:quality=50", "none+jpeg:quality=80"} <= shown


def test_a_metric_that_no_image_is_large_enough_for_is_said(tmp_path):
    pytest.importorskip("pytorch_msssim", reason="the extra fidelity is not installed")
    study = measured_study(tmp_path, ALONE.replace('["psnr", "ssim"]', '["ms-ssim"]'), 5)
    written = report(study)
    assert "MS-SSIM: no image has a value; these are too small for it." in written.tables[0].notes
    assert (tmp_path / "report.html").is_file()
    (comparison,) = compare(study, "jpeg", ["webp"], metric="psnr")  # which every record has
    assert comparison.measure.name == "PSNR"
