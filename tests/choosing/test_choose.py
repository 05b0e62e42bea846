"""`rabench choose` on studies: ordinary records, of parts of blocks, that later commands read."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from given_studies import given_study, measure, photos_matrix, point, rows_of, times_of, written_study
from plugins_for_tests import Harmful, Misbehaving, Noise
from rabench.bench.choosing.answer import sorted_by_class, table
from rabench.bench.choosing.choose import choose
from rabench.bench.choosing.question import Question
from rabench.bench.running import executors
from rabench.bench.running.runner import Progress
from rabench.core.errors import BadSetting, Refused

PHOTOS = Path(__file__).parent.parent.parent / "results" / "photos"


def asked(study, *, workers=0, budget=float("inf"), progress=None, **question):
    return choose(study, Question(**question), lambda: executors.make(workers, None), budget, progress)


def harmful_study(folder, images=6000, levels=range(10), **settings):
    points = [point(Harmful(level=level, **settings), Noise(images=images)) for level in levels]
    return given_study(folder, *points)


def level(choice):
    """The level that the best curve was given."""
    assert choice.best is not None and choice.best.search is not None and choice.best.search.chosen is not None
    return choice.best.points[choice.best.search.chosen.setting].codec.level


@pytest.mark.slow
def test_the_cheapest_level_that_harms_few_is_chosen_and_its_records_are_ordinary(tmp_path):
    study = harmful_study(tmp_path)
    (choice,) = asked(study, lose_at_most=4, labels="agreement")
    assert level(choice) == 7
    rows = rows_of(study).set_index("codec")
    assert rows.images.sum() < 0.5 * 11 * 6000
    assert 300 <= rows.images["harmful:level=7:uneven=-1"] <= 6000 and not rows.complete.all()
    answer = table(choice)
    assert answer.frame["take"].tolist() == ["*"] and answer.frame["cheapest"].tolist() == ["level=7"]
    assert answer.frame["search ended at"][0].startswith("level=6 is likely to lose more: 6.")


def test_a_second_call_measures_nothing_and_answers_the_same(tmp_path):
    study = harmful_study(tmp_path)
    first = table(asked(study, lose_at_most=4, labels="agreement")[0])
    times, progress = times_of(study), Progress()
    again = table(asked(study, lose_at_most=4, labels="agreement", progress=progress)[0])
    assert (times_of(study), progress.done) == (times, 0)
    assert first.frame.drop(columns=["encode ms", "decode ms"]).equals(
        again.frame.drop(columns=["encode ms", "decode ms"])
    )


@pytest.mark.slow
def test_whole_blocks_that_a_run_has_measured_are_taken(tmp_path):
    study, progress = harmful_study(tmp_path, 4000), Progress()
    measure(study)
    (choice,) = asked(study, lose_at_most=4, labels="agreement", progress=progress)
    assert progress.done == 0
    assert level(choice) == 7


@pytest.mark.slow
def test_a_run_measures_only_the_parts_that_are_missing_and_its_rows_are_those_of_whole_blocks(tmp_path):
    study = harmful_study(tmp_path / "one", 2300)
    asked(study, lose_at_most=6, labels="agreement")
    before = rows_of(study).images.sum()
    outcome = measure(study, progress=(progress := Progress()))
    assert progress.done == 11 * 2300 - before and outcome.complete
    whole = harmful_study(tmp_path / "two", 2300)
    measure(whole)
    assert rows_of(study).drop(columns="complete").equals(rows_of(whole).drop(columns="complete"))
    assert rows_of(study).complete.all()
    assert len(times_of(study)) > len(times_of(whole))


def test_a_budget_ends_the_search_and_the_same_call_goes_on(tmp_path):
    study = harmful_study(tmp_path)
    (choice,) = asked(study, lose_at_most=4, labels="agreement", budget=0.0)
    assert choice.out_of_time and choice.best is None
    assert any("budget is spent" in note for note in table(choice).notes)
    (choice,) = asked(study, lose_at_most=4, labels="agreement")
    assert not choice.out_of_time and choice.best is not None


@pytest.mark.long
def test_workers_measure_the_same(tmp_path):
    one, two = (harmful_study(tmp_path / name, 2000) for name in ("one", "two"))
    here = table(asked(one, lose_at_most=6, labels="agreement")[0])
    there = table(asked(two, lose_at_most=6, labels="agreement", workers=2)[0])
    times = ["encode ms", "decode ms"]
    assert here.frame.drop(columns=times).equals(there.frame.drop(columns=times))


def test_images_that_a_codec_fails_on_are_lost(tmp_path):
    study = given_study(tmp_path, point(Misbehaving(how="encode", image=7), Noise(images=2000)))
    (choice,) = asked(study, lose_at_most=4)
    (search,) = choice.searches
    assert search.losses(0).sum() in (0, 1) and (search.rows(0)["failed"].sum() == 1) == search.losses(0).any()
    if search.failures(0):
        assert any("failed on 1 images, which count as lost" in note for note in table(choice).notes)


def test_an_image_that_failed_counts_as_lost_where_the_original_was_right():
    from rabench.bench.choosing.measuring import losses
    from rabench.bench.reading.measures import LOG_LOSS_CAP

    def rows(predictions, logs, failed):
        labels = np.zeros(4, int)
        return {
            "image": np.arange(4),
            "label": labels,
            "prediction": np.array(predictions),
            "log_probability": np.array(logs, np.float32),
            "failed": np.array(failed),
        }

    before = rows([0, 0, 1, -1], [-0.1, -0.2, -2.0, np.nan], [False, False, False, True])
    after = rows([0, -1, 0, 0], [-0.3, np.nan, -40.0, -0.1], [False, True, False, False])
    assert losses(before, after, "accuracy").tolist() == [0, 1, -1, 0]
    assert losses(before, after, "agreement").tolist() == [0, 1, 1, 0]
    expected = [0.2, LOG_LOSS_CAP - 0.2, LOG_LOSS_CAP - 2.0, 0.0]
    assert losses(before, after, "log-loss") == pytest.approx(expected, abs=1e-6)


def test_a_bad_setting_between_good_ones_is_passed(tmp_path):
    (choice,) = asked(harmful_study(tmp_path, uneven=8), lose_at_most=4, labels="agreement")
    assert level(choice) == 7


def test_within_a_rate_the_most_accurate_is_taken(tmp_path):
    codecs = [Harmful(level=level, **more) for more in ({}, {"uneven": 2}) for level in (1, 2, 3, 9)]
    study = given_study(tmp_path, *[point(codec, Noise(images=3000)) for codec in codecs])
    bits = 8 * (len(Harmful(level=0).encode(np.zeros((8, 8, 3), np.uint8))) + 45)
    (choice,) = asked(study, bits_at_most=bits, labels="agreement")
    assert [s.name(s.within) for s in choice.searches] == ["level=2", "level=2"]
    assert choice.best is choice.searches[0]
    frame = table(choice).frame
    assert frame["take"].tolist() == ["*", ""]
    assert frame["against the best"].tolist() == ["", f"loses more than {choice.searches[0].curve.name}"]
    (choice,) = asked(study, bits_at_most=8.0)
    assert choice.best is None and any("No setting is within the rate." in note for note in table(choice).notes)


def test_after_a_second_start_the_next_cheaper_setting_is_the_one_that_was_not_shown(tmp_path):
    shutil.copytree(PHOTOS, tmp_path / "photos")
    study = written_study(tmp_path / "photos", (PHOTOS / "matrix.toml").read_text())
    (choice,) = asked(study, lose_at_most=3.0)
    (search,) = (s.search for s in choice.searches if s.curve.name == "median-cut+png")
    assert search is not None
    verdicts = [trial.verdict for trial in search.trials]
    assert verdicts[0] == "open" and verdicts[-1] == "shown"  # it began at 8 colors, then from 64 on
    frame = table(choice).frame.set_index("curve")
    assert frame.loc["median-cut+png", "search ended at"].startswith("colors=8 is open: ")
    assert frame.loc["none+png", "search ended at"] == "there is none"


def test_by_log_loss_the_answer_is_in_nats(tmp_path):
    shutil.copytree(PHOTOS, tmp_path / "photos")
    study = written_study(tmp_path / "photos", (PHOTOS / "matrix.toml").read_text())
    (by_loss,) = asked(study, lose_at_most=0.1, by="log-loss", codecs=("jpeg",))
    assert by_loss.best is not None
    answer = table(by_loss)
    assert "nats of log-loss" in answer.title and answer.frame["curve"].tolist() == ["none+jpeg"]


def test_too_few_images_are_told_before_anything_is_measured(tmp_path):
    study = harmful_study(tmp_path, 1000)
    with pytest.raises(
        Refused, match=r"1,000 images cannot show a loss of at most 0.2 points .* that takes 1,\d\d\d; give"
    ):
        asked(study, lose_at_most=0.2)
    assert not list(study.records.glob("*.parquet"))


@pytest.mark.parametrize(
    ("question", "error"),
    [
        ({"lose_at_most": 0.0}, "`lose_at_most` is above 0 and below 100 points, got 0"),
        ({"lose_at_most": 11.0, "by": "log-loss"}, "below 10 nats, got 11"),
        ({}, "say either `lose_at_most` or a rate"),
        ({"lose_at_most": 1.0, "bpp_at_most": 1.0}, "say either `lose_at_most` or a rate"),
        ({"lose_at_most": 1.0, "by": "psnr"}, "`by` must be one of accuracy, log-loss, got 'psnr'"),
        ({"lose_at_most": 1.0, "labels": "mine"}, "`labels` must be one of dataset, agreement, got 'mine'"),
        ({"lose_at_most": 1.0, "confidence": 100.0}, "`confidence` is a percentage from 50 to below 100, got 100"),
        ({"lose_at_most": 1.0, "by": "log-loss", "labels": "agreement"}, "agreement has none; choose by accuracy"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(question, error):
    with pytest.raises(BadSetting) as raised:
        Question(**question)
    assert error in str(raised.value)


def test_a_codec_that_the_study_lacks_is_told_with_those_it_has(tmp_path):
    with pytest.raises(BadSetting, match="`codecs`: the study has no jpg; it has harmful"):
        asked(harmful_study(tmp_path), lose_at_most=4, codecs=("jpg", "harmful"))


def test_a_point_that_cannot_be_measured_here_is_left_out_with_the_reason(tmp_path):
    class Lacking(Harmful):
        def version(self):
            raise Refused("not on this machine")

    study = given_study(tmp_path, *[point(c, Noise(images=3000)) for c in (Harmful(level=9), Lacking(level=8))])
    (choice,) = asked(study, lose_at_most=4)
    assert any("left out; not on this machine" in note for note in table(choice).notes)


def test_images_that_lie_sorted_by_class_are_said():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2000)
    assert sorted_by_class(np.sort(labels)) and sorted_by_class(np.repeat(np.arange(50), 5))
    assert not sorted_by_class(labels) and not sorted_by_class(np.arange(2000) % 10)
    assert not sorted_by_class(rng.choice(2, 2000, p=[0.95, 0.05]))
    assert not sorted_by_class(np.full(20, -1)) and not sorted_by_class(np.zeros(20, int))


def test_a_study_without_classifiers_has_nothing_to_lose(tmp_path):
    study = written_study(tmp_path, 'dataset = "photos"\nclassifiers = []\n[[points]]\ncodecs = ["png"]\n')
    with pytest.raises(Refused, match="has no classifier to lose anything by; name one in its matrix"):
        asked(study, lose_at_most=4)


@pytest.mark.slow
def test_the_answer_tells_what_the_originals_reach_and_warns_where_that_is_not_what_is_published(tmp_path):
    codecs = 'codecs = ["png", "jpeg:quality=50"]'
    told, wrong = (
        table(
            asked(
                written_study(tmp_path / name, photos_matrix(codecs).replace("small-photos", weights)), lose_at_most=8
            )[0]
        )
        for name, weights in (("told", "small-photos"), ("wrong", "small-photos:published=12.5"))
    )
    assert any(re.fullmatch(r"Uncompressed: 9\d\.\d\d % \[.*\]\.", note) for note in told.notes)
    assert any("files" in note or "Sources" in note for note in told.notes)
    assert not any(note.startswith("WARNING") for note in told.notes)
    assert any(note.startswith("WARNING") and "published are 12.5 %" in note for note in wrong.notes)
