"""Rates, accuracies, intervals, curves, tables and figures."""

import csv
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from given_studies import measured_fixture, measured_study, photos_matrix
from hypothesis import given
from hypothesis import strategies as st
from plugins_for_tests import Brightness, Noise
from png_files import png_parts
from rabench.bench.figures.curve_styles import styles_of
from rabench.bench.figures.rate_accuracy import rate_accuracy
from rabench.bench.reading.curves import Curve, curves, psnr
from rabench.bench.reading.groups import read
from rabench.bench.records.sources import Sources
from rabench.bench.reporting.notes import few_classes
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, session
from rabench.bench.running.runner import Progress
from rabench.bench.statistics.intervals import wilson
from rabench.bench.study.points import Point
from rabench.bench.study.study import find_study
from rabench.codecs import CODECS
from rabench.core.tables import Kind, Table
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS
from scipy.stats import binomtest

pytestmark = pytest.mark.slow

MATRIX = photos_matrix(
    'quantizers = ["none", "median-cut:colors=2,8", "octree:colors=2,8:dither=floyd-steinberg"]\ncodecs = ["png"]',
    'codecs = ["jpeg:quality=10,50,90", "webp:quality=30"]',
)
study = measured_fixture(MATRIX, limit=120)


@pytest.fixture(scope="module")
def measured(study):
    """The study, and its report."""
    return study, report(study)


@given(st.integers(1, 5000), st.floats(0, 1))
def test_the_wilson_interval_is_scipys(images, share):
    correct = round(share * images)
    expected = binomtest(correct, images).proportion_ci(method="wilson")
    assert wilson(correct, images) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_half_width_at_one_half_is_the_textbooks():
    low, high = wilson(5000, 10_000)
    assert (high - low) / 2 == pytest.approx(0.0098, abs=5e-5)
    low, high = wilson(500, 1000)
    assert (high - low) / 2 == pytest.approx(0.031, abs=5e-4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("quantizer", "codec"),
    [
        ("median-cut:colors=2:dither=none", "png:effort=6:palette=yes"),
        ("octree:colors=8:dither=floyd-steinberg", "png:effort=6:palette=yes"),
        ("none", "png:effort=6:palette=yes"),
    ],
)
def test_rates_are_total_bits_by_total_original_pixels(measured, quantizer, codec):
    """Recomputed from the files themselves, three rates by hand."""
    images = DATASETS.make("photos").load(0, 120).images
    row = measured[1].summary.set_index(["quantizer", "codec"]).loc[(quantizer, codec)]
    files = CODECS.make(codec).encode_batch(QUANTIZERS.make(quantizer).quantize(images))
    pixels = 120 * 32 * 32
    own = [sum(png_parts(file)) for file in files]
    assert row.bpp == 8 * sum(map(len, files)) / pixels
    assert row.payload_bpp == 8 * sum(own) / pixels
    once = max(len(file) - part for file, part in zip(files, own, strict=True))
    assert row.bundle_bpp == 8 * (sum(own) + once) / pixels


def test_sums_and_ratios_agree(measured):
    rows = measured[1].summary
    assert (rows[["container", "tables", "palette", "payload"]].sum(axis=1) == rows.bytes).all()
    np.testing.assert_allclose(rows.bpp, 8 * rows.bytes / rows.pixels)
    np.testing.assert_allclose(rows.accuracy, rows.correct / rows.labelled)
    assert (rows.accuracy_low <= rows.accuracy).all() and (rows.accuracy <= rows.accuracy_high).all()
    assert (rows.images == 120).all() and rows.complete.all()
    reference = rows.iloc[0]
    assert (reference.quantizer, reference.codec) == ("none", "raw")
    assert reference.agreement == 1 and np.isinf(reference.psnr_db)
    lossless = rows[rows.codec.str.startswith("png") & (rows.quantizer == "none")].iloc[0]
    assert (lossless.correct, lossless.squared_error) == (reference.correct, 0)


def test_psnr_is_the_textbooks():
    assert psnr(0, 10) == np.inf
    assert psnr(3 * 10 * 255**2, 30) == 0
    assert psnr(30, 30) == pytest.approx(48.13, abs=0.01)


@pytest.mark.long
def test_an_equal_run_gives_an_equal_summary_and_equal_figures(measured, tmp_path):
    study, _written = measured
    again = find_study(str(study.folder), tmp_path / "again")
    session.run(again, executors.in_process, 120, Progress())
    report(again)
    for name in ("summary.csv", "table.md", "table.tex", "rate-accuracy.png", "bd-heatmap.svg"):
        assert (tmp_path / "again" / name).read_bytes() == (study.folder / name).read_bytes(), name


def test_timings_stay_out_of_the_summary(measured):
    study, written = measured
    assert not [c for c in written.summary.columns if "ms" in c or "second" in c]
    timing = pd.read_csv(study.folder / "timing.csv")
    assert list(timing.columns[4:]) == ["load_ms", "quantize_ms", "encode_ms", "decode_ms", "classify_ms"]
    assert (timing[["encode_ms", "classify_ms"]] > 0).all().all()


def test_every_file_said_to_be_written_is_there_and_readable(measured):
    study, written = measured
    from PIL import Image

    names = {f.name for f in written.files}
    figures = {
        f"{figure}.{ending}"
        for figure in (
            "rate-accuracy",
            "rate-log-loss",
            "smallest-files",
            "rate-over-setting",
            "accuracy-over-setting",
            "byte-breakdown",
            "bd-heatmap",
        )
        for ending in ("png", "svg")
    }
    assert names == {"summary.csv", "timing.csv", "table.md", "table.tex", "report.html"} | figures
    with Image.open(study.folder / "rate-accuracy.png") as image:
        assert image.size[0] > 1000
    assert "<svg" in (study.folder / "rate-accuracy.svg").read_text()
    with open(study.folder / "summary.csv") as file:
        assert len(list(csv.DictReader(file))) == len(written.summary) == 10


def test_tables_name_the_sources_the_overhead_and_the_interval(measured):
    text = (measured[0].folder / "table.md").read_text()
    assert "from JPEG" in text and "were lossy files before they came here" in text
    assert "| none | png |" in text
    row = next(line for line in text.splitlines() if line.startswith("| median-cut:colors=2 | png |"))
    cells = [c.strip() for c in row.strip("|").split("|")]
    flat = len(
        CODECS.make("png").encode(QUANTIZERS.make("median-cut").quantize([np.full((32, 32, 3), 128, np.uint8)])[0])
    )
    assert float(cells[5]) == pytest.approx(8 * flat / 1024, abs=5e-4)
    assert cells[6].count("[") == 1


@pytest.mark.long
def test_psnr_is_a_column_on_demand(measured):
    study, _ = measured
    assert "| PSNR dB |" not in (study.folder / "table.md").read_text()
    assert "PSNR dB" in report(study, with_psnr=True).tables[0].frame
    assert "| PSNR dB |" in (study.folder / "table.md").read_text()
    assert "PSNR dB" not in report(study).tables[0].frame


def test_latex_escapes_what_tex_would_read():
    frame = pd.DataFrame([{"x": "50 %", "y": "#1_{2}~^"}])
    text = Table("a_b & c", frame, {"x": Kind.NUMBER, "y": Kind.TEXT}).latex()
    assert r"a\_b \& c" in text and r"50 \%" in text and r"\#1\_\{2\}\textasciitilde{}\textasciicircum{}" in text
    assert text.count(r"\\") >= 2


def made(quantizer, codec):
    return Point(Noise(), QUANTIZERS.make(quantizer), CODECS.make(codec), Brightness())


def test_a_curve_is_the_points_that_differ_in_rate_alone():
    points = [
        made("median-cut:colors=8", "png"),
        made("median-cut:colors=2", "png"),
        made("none", "jpeg:quality=90"),
        made("none", "jpeg:quality=10"),
        made("none", "jpeg:quality=10:chroma=444"),
    ]
    found = curves(points, np.array([3.0, 1, 5, 2, 4]))
    assert [(c.name, c.rows) for c in found] == [
        ("median-cut+png", (1, 0)),
        ("none+jpeg", (3, 2)),
        ("none+jpeg:chroma=444", (4,)),
    ]


def test_where_both_quality_parameters_vary_each_number_of_colors_is_a_curve():
    points = [made(f"octree:colors={c}", f"jpeg:quality={q}") for c in (2, 4) for q in (10, 90)]
    found = curves(points, np.array([1.0, 2, 3, 4]))
    assert [c.name for c in found] == ["octree:colors=2+jpeg", "octree:colors=4+jpeg"]
    assert [len(c.rows) for c in found] == [2, 2]


@pytest.mark.parametrize("axis, label", [("log2", "log scale"), ("linear", "bits per pixel)")])
def test_the_figure_has_axes_with_units_and_a_legend_entry_a_curve_outside_the_data(measured, axis, label):
    (group,) = read(measured[0]).groups
    pixels = 120 * 32 * 32
    sources = Sources({(32, 32): 120}, {"JPEG": (120, 3 * pixels // 8)})
    figure = rate_accuracy(replace(group, sources=sources), axis)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    axes, legend = figure.axes[0], figure.legends[0]
    assert label in axes.get_xlabel() and "%" in axes.get_ylabel()
    texts = [t.get_text() for t in legend.get_texts()]
    assert texts[:5] == ["png", "median-cut+png", "octree:dither=floyd-steinberg+png", "jpeg", "webp"]
    assert f"uncompressed: {100 * group.rows.accuracy[0]:.1f} %" in texts and "native files: 3.00 bpp" in texts
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    ticks = [t.get_text() for t in axes.get_xticklabels()]
    assert axis == "linear" or {"1", "2", "4"} <= set(ticks)


def test_originals_are_told_apart_by_color_and_many_codecs_of_few_quantizers_too():
    def colors(*names):
        found = styles_of([Curve(*name.split("+"), (0,)) for name in names])
        return [found[c][0] for c in found]

    assert len(set(colors("none+jpeg", "none+webp", "octree+png", "median-cut+png"))) == 4
    a, b, c, d = colors("none+jpeg", "octree+png", "octree:dither=floyd-steinberg+png", "none+jpeg:chroma=444")
    assert a == d != b == c
    a, b, c, d = colors("octree+png", "octree+qoi", "octree+jpegxl-lossless", "median-cut+png")
    assert a == d and len({a, b, c}) == 3
    a, b, c, d = colors("none+bpg", "colorcnn:colors=2+bpg", "colorcnn:colors=4+bpg", "colorcnn+png")
    assert a != b == c == d
    assert len(set(colors(*(f"none+c{i}" for i in range(14))))) == 14


def test_images_of_a_part_of_the_classes_are_noted(measured):
    (group,) = read(measured[0]).groups
    assert few_classes(group) == []
    (note,) = few_classes(replace(group, sources=Sources(classes=100)))
    assert note.startswith("These 120 images are of 8 of 100 classes")


def test_unlabelled_images_are_judged_by_agreement(tmp_path):
    from PIL import Image

    (tmp_path / "images").mkdir()
    for i, image in enumerate(DATASETS.make("photos").load(0, 12).images):
        Image.fromarray(image).resize((40 + i, 50)).save(tmp_path / "images" / f"{i}.png")
    study = measured_study(tmp_path, MATRIX.replace('"photos"', '"folder:path=images"'), None)
    written = report(study)
    assert written.summary.labelled.eq(0).all() and written.summary.accuracy.isna().all()
    assert written.summary.agreement.iloc[0] == 1
    assert written.summary.agreement.between(0, 1).all()
    # sizes differ: the data set's rate is no mean of rates
    assert (written.summary.bpp != written.summary.mean_bpp).any()
    assert (tmp_path / "rate-accuracy.png").exists()
    native = 8 * sum(f.stat().st_size for f in (tmp_path / "images").iterdir()) / written.summary.pixels.iloc[0]
    assert f"native files: {native:.2f} bpp" in (tmp_path / "rate-accuracy.svg").read_text()


@pytest.mark.long
def test_two_data_sets_get_a_figure_each(tmp_path):
    study = measured_study(tmp_path, MATRIX.replace('"photos"', '["photos", "photos:split=train"]'), 20)
    for name in ("rate-accuracy.png", "rate-accuracy-mine.png"):
        (tmp_path / name).write_bytes(b"")
    written = report(study)
    drawn = [f for f in written.files if f.suffix == ".png" and "rate-accuracy" in f.name]
    assert len(drawn) == len(written.tables) == 2
    # a figure of an earlier report, of one data set alone, is gone; what is no report's stays
    assert set(tmp_path.glob("rate-accuracy*.png")) == {*drawn, tmp_path / "rate-accuracy-mine.png"}


def test_colors_chosen_for_another_classifier_are_noted(tmp_path):
    import shutil

    from rabench.bench.reporting.report import report
    from rabench.bench.running import executors, session
    from rabench.classifiers import weights
    from rabench.core.networks import read_weights

    path = weights.find("small-photos")
    state = read_weights(path)
    weights.write(tmp_path / "other.safetensors", {k: v * 1.01 for k, v in state.items()}, weights.about(path))
    text = 'dataset = "photos"\nclassifiers = ["small:weights=other.safetensors"]\nquantizers = ["colorcnn:colors=2"]\ncodecs = ["png"]\n'
    study = measured_study(tmp_path, text, 10)
    told = "ColorCNN's weights photos were trained for small:precision=fp32:weights=small-photos, not for small:weights=other."
    assert told in report(study).tables[0].notes
    shutil.rmtree(tmp_path / "records")
    (tmp_path / "matrix.toml").write_text(text.replace("other.safetensors", "small-photos"))
    session.run(study, executors.in_process, limit=10)
    assert told not in report(study).tables[0].notes


def test_equal_figures_are_equal_files(tmp_path):
    from matplotlib.figure import Figure
    from rabench.bench.figures.style import save

    for name in ("a", "b"):
        figure = Figure()
        figure.subplots().plot([1, 3, 2], marker="o")
        for ending in ("png", "svg"):
            save(figure, tmp_path / f"{name}.{ending}")
    for ending in ("png", "svg"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.long
def test_figures_for_a_paper_are_as_wide_as_its_columns(measured, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(measured[0].folder, copy)
    written = report(find_study(str(copy)), paper=True)
    pdfs = sorted(f.name for f in written.files if f.suffix == ".pdf")
    assert "rate-accuracy-1-column.pdf" in pdfs and "byte-breakdown-2-columns.pdf" in pdfs
    assert "byte-breakdown-1-column.pdf" not in pdfs  # names and bars need the page's width
    for columns, inches in (("1-column", 3.35), ("2-columns", 6.9)):
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", (copy / f"rate-accuracy-{columns}.pdf").read_bytes())
        assert box is not None and float(box.group(1)) == pytest.approx(72 * inches, abs=0.1)
        assert (copy / f"rate-accuracy-{columns}.svg").is_file()
