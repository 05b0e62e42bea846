"""A study's trainings as a queue: what its matrix names and lacks is trained, and then measured."""

import pytest
import rabench
from command_line import rabench as command
from given_studies import photos_matrix
from rabench.bench.study.study import find_study
from rabench.bench.training.queue import colorcnn_queue
from rabench.core.errors import BadSetting
from rabench.quantizers.colorcnn import weights as files

QUICK = ("--epochs", "1", "--limit", "200", "--width", "4", "--batch", "64", "--threads", "1")


def a_study(folder, *quantizers, **changes):
    points = f"quantizers = {list(quantizers)}\ncodecs = ['png']"
    text = photos_matrix(points)
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "matrix.toml").write_text(text)
    return find_study(str(folder))


def test_each_file_that_is_missing_is_one_plan(tmp_path):
    study = a_study(
        tmp_path,
        "colorcnn:colors=2,4:weights=own",
        "colorcnn-plus:colors=3,100:weights=own",
        "colorcnn:colors=2",
        "k-means:colors=2",
    )
    plans, there = colorcnn_queue(study, None, None, {"epochs": 8})
    assert [plan.file.relative_to(tmp_path).as_posix() for plan in plans] == [
        "own/colorcnn-2.safetensors",
        "own/colorcnn-4.safetensors",
        "own/colorcnn-plus.safetensors",
    ]
    assert not there
    assert [(p.recipe_name, p.plus, p.colors.low, p.colors.high) for p in plans] == [
        ("published", False, 2, 2),
        ("published", False, 4, 4),
        ("plus", True, 2, 100),
    ]
    assert all(p.recipe.epochs == 8 and p.dataset.split == "train" for p in plans)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "colorcnn-2.safetensors").touch()
    plans, there = colorcnn_queue(study, None, None, {})
    assert len(plans) == 2 and there == [str(tmp_path / "own" / "colorcnn-2.safetensors")]


def test_all_classifiers_of_a_matrix_judge_a_colorcnn_plus_and_the_first_a_colorcnn(tmp_path):
    other = tmp_path / "other.safetensors"
    rabench.train_classifier("small", "photos", other, epochs=1, width=4, limit=200)
    study = a_study(
        tmp_path,
        "colorcnn:weights=own",
        "colorcnn-plus:weights=own",
        **{'photos"]': f'photos", "small:weights={other}"]'},
    )
    plain, plus = colorcnn_queue(study, None, None, {})[0]
    assert [c.label for c in plus.classifiers] == [
        "small:precision=fp32:weights=small-photos",
        "small:precision=fp32:weights=other",
    ]
    assert plain.classifiers == plus.classifiers[:1]


def test_a_study_that_names_nothing_to_train_is_refused(tmp_path):
    with pytest.raises(BadSetting, match="names no colorcnn and no colorcnn-plus; there is nothing to train"):
        colorcnn_queue(a_study(tmp_path, "k-means:colors=2"), None, None, {})
    study = a_study(tmp_path, "colorcnn:weights=some/own.safetensors")
    with pytest.raises(BadSetting, match=r"name the folder that holds it, weights=some, and colorcnn-2.safetensors is"):
        colorcnn_queue(study, None, None, {})


@pytest.mark.long
def test_the_command_trains_what_a_study_lacks_and_the_study_then_runs(tmp_path):
    study = a_study(tmp_path, "colorcnn:colors=2:weights=own", "colorcnn-plus:colors=2,9:weights=own").folder
    done = command("train", "colorcnn", "--study", ".", *QUICK, cwd=study)
    assert done.returncode == 0, done.stderr
    assert "1 of 2" in done.stderr and "2 of 2" in done.stderr and " left" in done.stderr and "images/s" in done.stderr
    about = files.PLUS_FILES.about(study / "own" / files.PLUS)
    assert about.colors == (2, 64) and [entry[0] for entry in about.training["by_colors"]] == [2, 4, 8, 16, 32, 64]
    assert about.training["command"].startswith(
        "rabench train colorcnn --dataset photos:split=train --classifier small"
    )
    assert "--colors 2..64 --recipe plus --plus" in about.training["command"]
    assert (study / "own" / "colorcnn-plus.training.png").stat().st_size > 20_000
    again = command("train", "colorcnn", "--study", ".", cwd=study)
    assert again.returncode == 0 and again.stderr.count("is there already") == 2
    ran = command("run", ".", "--limit", "20", "--workers", "0", cwd=study)
    assert ran.returncode == 0, ran.stderr
    assert "colorcnn-plus:colors=9:precision=fp32:weights=own" in (study / "summary.csv").read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--study", ".", "--colors", "2"), "the matrix says what --colors would say; leave that out"),
        (("--dataset", "photos"), "say --dataset, --classifier and --out, or --study"),
    ],
)
def test_options_that_do_not_go_together_are_told(options, message, tmp_path):
    done = command("train", "colorcnn", *options, cwd=tmp_path)
    assert done.returncode == 2 and message in " ".join(done.stderr.replace("│", " ").split())
