"""Results of networks trained on stored images: seeds together, as tables, figures, a CSV file and a part of the page."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import rabench as rabench_api
from browsers import headless, requests
from command_line import rabench
from given_studies import photos_matrix, written_study
from rabench.bench.auditing.status import status
from rabench.bench.reading.groups import read
from rabench.bench.records.records import Records
from rabench.bench.reporting.report import report
from rabench.bench.running import executors
from rabench.bench.running.merging import merge
from rabench.bench.study.study import find_study
from rabench.bench.trained import run as train_and_measure
from rabench.bench.trained.comparing import compare_trained, counterparts
from rabench.bench.trained.figures import accuracy_over_bytes, train_test_heatmap
from rabench.bench.trained.results import difference, results_of
from rabench.bench.trained.tables import trained_tables
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, RabenchError, Refused

pytestmark = pytest.mark.slow

TRAINING = """
[[training]]
networks = ["small"]
seeds = [0, 1]
codecs = ["png", "jpeg:quality=5"]
budgets = ["40KB", "all"]
test = ["same", "none+raw"]
limit = 300
epochs = 2
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = written_study(tmp_path_factory.mktemp("trained"), 'title = "Stored"\ndataset = "photos"\n' + TRAINING)
    train_and_measure(made, executors.in_process, 100)
    return made


@pytest.fixture(scope="module")
def tested(study):
    return results_of(read(study, trained=True), study.folder)


@pytest.mark.long
def test_seeds_of_one_network_are_together(tested):
    assert len(tested) == 8 and all(t.seeds == 2 for t in tested)
    assert {t.trained_on for t in tested} == {
        "none+png, 40KB",
        "none+png",
        "none+jpeg:quality=5, 40KB",
        "none+jpeg:quality=5",
    }
    whole = next(t for t in tested if t.trained_on == "none+png")
    assert whole.known("images") == 300 and np.isnan(whole.known("nothing"))


def test_the_mean_is_that_of_the_records(study, tested):
    found = {}
    for record in Records(study.records).read()[0]:
        rows = record.rows()
        right = (rows["prediction"].to_numpy() == rows["label"].to_numpy()).mean()
        found.setdefault((record.identity.labels[2], record.identity.labels[3].split("seed")[0]), []).append(right)
    for t in tested:
        point = t.measured[0].point
        own = found[point.codec.label, point.classifier.label.split("seed")[0]]
        assert len(own) == 2 and t.mean().value == pytest.approx(np.mean(own))
        assert 0 <= t.mean().low <= t.mean().value <= t.mean().high <= 1


def test_equal_test_images_make_no_difference(tested):
    same, originals = (next(t for t in tested if t.trained_on == "none+png" and t.same is s) for s in (True, False))
    d = difference(same, originals)
    assert (d.value, d.low, d.high) == (0, 0, 0)


def test_networks_are_held_against_those_that_were_trained_alike(tested):
    (table,) = trained_tables(tested)
    against = dict(
        zip(
            zip(table.frame["trained on"], table.frame["tested on"], strict=True),
            table.frame["against originals"],
            strict=True,
        )
    )
    assert against["png", "originals"] == "+0.00" and against["png", "png (same)"] == ""
    assert float(against["jpeg:quality=5", "originals"])
    longer = {"conditions": {**tested[0].abouts[0]["conditions"], "examples": 10_000}}
    others = [replace(t, abouts=(longer, longer)) if t.trained_on == "none+png" else t for t in tested]
    (table,) = trained_tables(others)
    rows = table.frame.set_index("trained on")["against originals"]
    assert set(rows["jpeg:quality=5"]) == {""} and "+0.00" in set(rows["png"])
    (table,) = trained_tables([replace(t, abouts=({"conditions": "none"},) * 2) for t in tested])
    assert "+0.00" in set(table.frame["against originals"])


def test_a_report_writes_tables_figures_and_a_file_of_figures(study):
    written = report(study)
    (table,) = written.trained
    assert table.title == "small trained on stored images, photos (100 images)"
    assert table.frame["trained on"].tolist()[0].endswith("40KB") and len(table.frame) == 8
    few = pd.read_csv(study.folder / "trained.csv").training_images.min()
    assert table.notes[0] == (
        f"Trained for 2 epochs, on {2 * few:.0f} to 600 images counted with repetition; recipe: lr 0.1, batch 128, precision fp32."
    )
    names = {file.name for file in written.files}
    assert {"trained.csv", "accuracy-over-training-bytes.svg", "train-test.png", "report.html", "table.tex"} <= names
    rows = pd.read_csv(study.folder / "trained.csv")
    assert rows.accuracy.between(0, 1).all() and (rows.training_bytes[rows.budget_bytes == 40_000] <= 40_000).all()
    assert set(rows.seeds) == {2} and set(rows.training_images[rows.budget_bytes.isna()]) == {300}


def test_a_report_says_what_is_not_trained_as_the_matrix_says_now(study, tmp_path):
    shutil.copytree(study.folder, tmp_path / "longer")
    assert not report(study).left_out
    longer = find_study(str(tmp_path / "longer"))
    longer.matrix.write_text(longer.matrix.read_text().replace("epochs = 2", "epochs = 3"))
    (line,) = report(longer).left_out
    assert line.startswith(
        "8 of 8 networks of [[training]] are not trained and measured as the matrix says now, such as small+"
    )


def test_figures_say_what_they_show(tested):
    over_bytes, heatmap = accuracy_over_bytes(tested), train_test_heatmap(tested)
    assert over_bytes is not None and heatmap is not None
    assert [a.get_title(loc="left") for a in over_bytes.axes] == [
        "tested on the same storage",
        "tested on originals",
    ]
    assert "MB" in str(over_bytes.get_supxlabel())
    rows = [label.get_text() for label in heatmap.axes[0].get_yticklabels()]
    assert rows == ["jpeg:quality=5", "png"]  # the smallest first
    assert "those without a budget" in heatmap.get_suptitle()
    (alone,) = [f for f in [train_test_heatmap([t for t in tested if not t.budget])] if f is not None]
    assert "budget" not in alone.get_suptitle()
    assert [label.get_text() for label in heatmap.axes[0].get_xticklabels()] == ["same as trained", "originals"]
    assert train_test_heatmap(tested[:1]) is None and accuracy_over_bytes([]) is None


def test_the_axis_of_bytes_has_plain_labels(tested):
    """Between two powers of ten matplotlib writes labels of its own at minor ticks."""
    sizes = iter([1_200_000, 1_900_000, 2_600_000, 5_800_000] * len(tested))
    large = [
        replace(t, abouts=tuple({**a, "bytes": size} for a in t.abouts)) for t, size in zip(tested, sizes, strict=False)
    ]
    figure = accuracy_over_bytes(large)
    assert figure is not None
    figure.draw_without_rendering()
    for axes in figure.axes:
        shown = [label.get_text() for which in ("major", "minor") for label in axes.get_xticklabels(which=which)]
        assert any(shown) and not any("$" in text for text in shown)


def test_the_legend_has_room(tested):
    codecs = [CODECS.make(f"jpeg:quality={quality}") for quality in range(1, 31)]
    many = [replace(t, images=replace(t.images, codec=c)) for t in tested if t.budget and t.same for c in codecs]
    figure = accuracy_over_bytes(many)
    assert figure is not None
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().height < figure.bbox.height


@pytest.mark.long
def test_what_needs_points_says_so_in_a_line(study):
    for command in (
        ("points", "--at-least", "50"),
        ("show", "--image", "1"),
        ("time",),
    ):
        done = rabench(command[0], str(study.folder), *command[1:], cwd=study.folder)
        assert (
            done.returncode == 2
            and "it has [[training]] alone, whose results rabench report and rabench compare --trained show"
            in done.stderr
        )
    with pytest.raises(Refused, match="write a"):
        read(study)


def test_training_sets_are_compared_with_any_of_them(study, tested):
    (comparison,) = rabench_api.compare_trained(study.folder, "jpeg:quality=5", "png")
    assert comparison.anchor == "none+jpeg:quality=5" and "against jpeg:quality=5" in comparison.title
    assert comparison.frame.trained_on.unique().tolist() == ["none+png"] and comparison.frame.trained_alike.all()
    by_test = {(t.trained_on, t.test): t for t in tested}
    for row in comparison.frame.to_dict("records"):
        own, anchor = (
            by_test[row[name], row[test]]
            for name, test in (("trained_on", "tested_on"), ("anchor", "anchor_tested_on"))
        )
        assert row["difference_points"] == pytest.approx(100 * (own.mean().value - anchor.mean().value))
        assert row["difference_points_low"] < row["difference_points"] < row["difference_points_high"]
        assert row["training_bytes"] / row["anchor_bytes"] == own.known("bytes") / anchor.known("bytes") > 1
    assert comparison.frame.tested_on.tolist() == ["none+png", "none+raw"]
    assert comparison.frame.anchor_tested_on.tolist() == ["none+jpeg:quality=5", "none+raw"]
    (back,) = rabench_api.compare_trained(study.folder, "none+png", ["jpeg:quality=5"])
    assert back.frame.difference_points.tolist() == pytest.approx((-comparison.frame.difference_points).tolist())
    results = rabench_api.trained(study.folder)
    assert len(results) == len(tested) and set(results.trained_on) == {t.images.name for t in tested}


def test_a_set_is_compared_on_the_same_images_and_on_images_stored_as_its_own(tested):
    png = [t for t in tested if t.trained_on == "none+png"]
    raw = replace(png[0], images=replace(png[0].images, codec=CODECS.make("raw")), test="none+raw", same=True)
    assert [a.test for a in counterparts(raw, png)] == ["none+png", "none+raw"]
    assert [counterparts(t, [raw]) for t in png] == [[raw], [raw]]


def test_a_set_of_the_matrix_that_is_not_measured_is_told_from_an_unknown_one(study, tmp_path):
    shutil.copytree(study.folder, tmp_path / "more")
    more = find_study(str(tmp_path / "more"))
    more.matrix.write_text(more.matrix.read_text().replace('"jpeg:quality=5"]', '"jpeg:quality=5,50"]'))
    with pytest.raises(
        RabenchError, match="'jpeg:quality=50' is not trained and measured yet; measure it, or name one of"
    ):
        compare_trained(more, "jpeg:quality=50")
    (comparison,) = compare_trained(more, "png")
    assert any("are not trained and measured as the matrix says now" in line for line in comparison.bad)
    other = written_study(tmp_path / "points", photos_matrix('codecs = ["png"]'))
    with pytest.raises(Refused, match=r"has no \[\[training\]\] block"):
        compare_trained(other, "png")


def test_compare_sets_training_sets_side_by_side(study):
    done = rabench("compare", str(study.folder), "--anchor", "png", cwd=study.folder)
    assert done.returncode == 0 and "against png" in done.stdout and "jpeg:quality=5 (same)" in done.stdout
    csv = rabench("compare", str(study.folder), "--anchor", "png", "--format", "csv", cwd=study.folder)
    assert csv.stdout.startswith("dataset,network,trained_on,anchor,")
    for words, line in (
        (("--anchor", "pgn"), "--anchor 'pgn' is no training set of this study (did you mean 'png'?); there are png"),
        (("--anchor", "png", "--test", "bpg"), "--test 'bpg' is no training set of this study"),
        (("--anchor", "png", "--rates", "1..2"), "compared by accuracy on all test images, got --rates; leave it out"),
        (("--anchor", "png", "--interpolation", "akima"), "got --interpolation; leave it out"),
        (("photos", "--trained", "--anchor", "png"), "training sets are compared within one study, got 2"),
    ):
        done = rabench("compare", str(study.folder), *words, cwd=study.folder)
        assert done.returncode == 2 and line in done.stderr and "Traceback" not in done.stderr


def test_status_counts_networks_and_names_them(study, tmp_path):
    found = status(study)
    assert (len(found.networks), found.trained, found.begun) == (8, 8, 0)
    names = {p.name for p in found.points}
    assert len(names) == 16 and "raw, small+none+jpeg:quality=5+40KB+seed1" in names
    shutil.copytree(study.folder / "trainings", tmp_path / "trainings")
    begun = written_study(tmp_path, study.matrix.read_text())  # as it is before anything is measured
    facts = next((tmp_path / "trainings").glob("*40KB+seed1.json"))
    facts.unlink()
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / f"{facts.stem}.12345678.checkpoint.safetensors").write_bytes(b"")
    found = status(begun)
    assert (found.trained, found.begun) == (7, 1)
    assert "7 of 8 networks of [[training]] are trained, 1 more begun." in found.table.notes
    other = next((tmp_path / "trainings").glob("*.json"))
    other.write_text(json.dumps(json.loads(other.read_text()) | {"error": "the loss is nan in epoch 1"}))
    assert (
        "6 of 8 networks of [[training]] are trained, 1 more begun, 1 could not be trained."
        in status(begun).table.notes
    )
    begun.matrix.write_text(begun.matrix.read_text().replace("epochs = 2", "epochs = 3"))
    assert status(begun).trained == 0


def test_a_dry_run_says_how_long_training_takes(study, tmp_path):
    shutil.copytree(study.folder, tmp_path / "more")
    matrix = tmp_path / "more" / "matrix.toml"
    matrix.write_text(matrix.read_text().replace("seeds = [0, 1]", "seeds = [0, 1, 2]"))
    for file in (tmp_path / "more" / "trainings").glob("*.json"):
        about = json.loads(file.read_text())
        file.write_text(json.dumps(about | {"seconds": about["images"] * about["epochs"] / 10}))
    (tmp_path / "more" / "trainings" / "odd.json").write_text("[]")
    done = rabench("run", str(tmp_path / "more"), "--dry-run", "--workers", "2", cwd=tmp_path)
    assert "4 networks to train on 2 training sets" in done.stdout
    assert "about 2 min of training\n" in done.stdout  # 4 networks x 2 epochs x 300 images, ten a second, two at a time


@pytest.mark.long
def test_a_dry_run_says_what_is_to_be_trained(tmp_path):
    written_study(tmp_path, 'dataset = "photos"\n' + TRAINING)
    done = rabench("run", str(tmp_path), "--dry-run", cwd=tmp_path)
    assert done.returncode == 0 and "8 networks to train on 2 training sets; at most " in done.stdout
    assert "how long that takes is not known" in done.stdout
    assert "16 points are of these networks" in done.stdout and not (tmp_path / "trained").exists()


@pytest.mark.long
def test_a_merged_study_knows_its_networks(study, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(study.folder, other)
    (name,) = [f for f in (other / "trainings").glob("*.json") if "jpeg-quality-5+seed1" in f.name]
    name.unlink()
    merged = merge([find_study(str(other)), study], tmp_path / "whole")
    assert merged.remarks == []
    whole = find_study(str(tmp_path / "whole"))
    own, others = (trained_tables(results_of(read(s, trained=True), s.folder)) for s in (study, whole))
    assert [t.markdown() for t in own] == [t.markdown() for t in others]
    assert status(whole).trained == 8
    name.write_text("{}")
    (remark,) = merge([find_study(str(other))], tmp_path / "whole").remarks
    assert "1 network of [[training]] came to another end than in the studies before it" in remark
    assert status(whole).trained == 8


def test_a_set_that_is_not_there_is_told_with_those_that_begin_alike(study):
    with pytest.raises(BadSetting, match=r"did you mean 'jpeg:quality=5, 40KB' or 'jpeg:quality=5'"):
        compare_trained(study, "jpeg")


@pytest.mark.long
def test_the_page_shows_them_and_asks_for_nothing(study, tmp_path):
    report(study)
    both = written_study(tmp_path, photos_matrix('codecs = ["png"]') + TRAINING)
    train_and_measure(both, executors.in_process, 60)
    report(both)
    with headless() as browser:
        for folder, parts in ((study.folder, 0), (both.folder, 1)):
            browser.get((folder / "report.html").resolve().as_uri())
            assert len(browser.find_elements("css selector", "section.part")) == parts
            pictures = browser.find_elements("css selector", ".plate img")
            widths = [browser.execute_script("return arguments[0].naturalWidth", p) for p in pictures]
            assert len(widths) == 2 and min(widths) > 300
            browser.find_element("id", "scheme").click()
            assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
        assert all(url.startswith("file:") for url in requests(browser))
