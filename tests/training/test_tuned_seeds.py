"""One classifier tuned on the same images with several seeds: files, points, curves and comparisons of their own."""

import shutil

import pytest
from given_studies import measure, photos_matrix, written_study
from rabench import finetune
from rabench.bench.comparing.compare import compare, find_curve
from rabench.bench.figures.curve_styles import legends_of, styles_of
from rabench.bench.reading.curves import Curve
from rabench.bench.reporting.report import report
from rabench.bench.training.requests import tunings
from rabench.bench.training.targets import targets
from rabench.classifiers import CLASSIFIERS
from rabench.core.errors import BadSetting, Refused

SEEDS = photos_matrix('codecs = ["jpeg:quality=5"]\ntuned = "tuned"\ntuned_seeds = [0, 3]')
FILES = ["small-photos+none+jpeg-quality-5+seed0.safetensors", "small-photos+none+jpeg-quality-5+seed3.safetensors"]
SMALL = CLASSIFIERS.make("small:weights=small-photos")


@pytest.fixture
def study(tmp_path):
    return written_study(tmp_path, SEEDS)


def test_each_seed_is_a_point_with_a_file_of_its_own(study):
    points = study.load().points
    assert [p.name for p in points] == [
        "none+jpeg:quality=5",
        "none+jpeg:quality=5, fine-tuned seed0",
        "none+jpeg:quality=5, fine-tuned seed3",
    ]
    assert [p.classifier.weights_path().name for p in points[1:]] == FILES
    assert len({p.labels for p in points}) == 3


def test_the_matrix_says_which_seeds_are_tuned(study):
    found = targets(study, None, [], None, None)
    assert [(t.file.name, t.seed) for t in found] == list(zip(FILES, (0, 3), strict=True))
    assert [t.seed for t in targets(study, None, [], None, None, 3)] == [3]
    named = targets(study, SMALL, ["none+jpeg:quality=5,9"], None, None)
    assert [(t.file.name, t.seed) for t in named] == [
        *zip(FILES, (0, 3), strict=True),
        ("small-photos+none+jpeg-quality-9.safetensors", None),
    ]
    with pytest.raises(BadSetting, match="tunes with the seeds 0, 3; got `seed` 1"):
        targets(study, None, [], None, None, 1)


def test_the_recipe_has_the_seed_and_the_command_names_it(study):
    plans = tunings(study, None, [], None, None, {"epochs": 1})
    assert [p.recipe.seed for p in plans] == [0, 3]
    assert ["--seed 0" in plans[0].command(), "--seed 3" in plans[1].command()] == [True, True]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('tuned = "tuned"\ntuned_seeds = [0, 0]', "'tuned_seeds' lists 0 twice: one seed gives one network"),
        ('tuned = "tuned"\ntuned_seeds = 3', "'tuned_seeds' is a list of whole numbers"),
        ('tuned = "tuned"\ntuned_seeds = []', "'tuned_seeds' is a list of whole numbers"),
        ('tuned = "tuned"\ntuned_seeds = [true]', "'tuned_seeds' is a list of whole numbers"),
        ('tuned = "tuned"\ntuned_seeds = [-1]', "'tuned_seeds' is a list of whole numbers"),
        ("tuned_seeds = [0]", "tuned_seeds goes with tuned, the folder of their weights"),
    ],
)
def test_wrong_seeds_are_told(tmp_path, line, message):
    study = written_study(tmp_path, photos_matrix('codecs = ["jpeg:quality=5"]\n' + line))
    with pytest.raises(BadSetting, match=message):
        study.load()


def test_seeds_for_all_blocks_are_of_those_that_are_tuned(tmp_path):
    tuned, frozen = 'codecs = ["jpeg:quality=5"]\ntuned = "tuned"', 'codecs = ["png"]'
    head = "tuned_seeds = [0, 3]\n"
    matrix = written_study(tmp_path, head + photos_matrix(tuned, frozen)).load()
    assert [p.tuned_seed for p in matrix.points] == [None, 0, 3, None]
    study = written_study(tmp_path, head + photos_matrix(tuned))
    (tmp_path / "added.toml").write_text('[[points]]\ncodecs = ["webp"]\n')
    assert [p.tuned_seed for p in study.load().points] == [None, 0, 3, None]
    with pytest.raises(BadSetting, match="tuned_seeds goes with tuned"):
        written_study(tmp_path, head + photos_matrix(frozen)).load()


BOTH = (
    'codecs = ["jpeg:quality=5"]\ntuned = "tuned"',
    'codecs = ["jpeg:quality=5"]\ntuned = "tuned"\ntuned_seeds = [0, 3]',
)


def test_a_point_may_be_tuned_with_and_without_seeds(tmp_path):
    study = written_study(tmp_path, photos_matrix(*BOTH))
    plain = "small-photos+none+jpeg-quality-5.safetensors"
    assert [t.file.name for t in targets(study, None, [], None, None)] == [plain, *FILES]
    named = targets(study, SMALL, ["none+jpeg:quality=5"], None, tmp_path)
    assert [t.file for t in named] == [tmp_path / name for name in (plain, *FILES)]
    # A seed asks for its file, and never for the one without, which would be tuned anew with it
    assert [t.file.name for t in targets(study, None, [], None, None, 3)] == FILES[1:]
    with pytest.raises(BadSetting, match="tunes with the seeds 0, 3; got `seed` 7"):
        targets(study, None, [], None, None, 7)


def test_curves_of_seeds_are_found_by_name():
    curves = [Curve("none", "jpeg", (0,), tuned) for tuned in ("", "fine-tuned seed1", "fine-tuned seed10")]
    plain = Curve("none", "jpeg", (0,), "fine-tuned")
    assert find_curve("jpeg, fine-tuned", [*curves, plain], "test") is plain
    assert find_curve("jpeg", curves, "test") is curves[0]
    assert find_curve("jpeg, fine-tuned seed1", curves, "test") is curves[1]
    with pytest.raises(BadSetting, match="fits 2 curves"):
        find_curve("jpeg, fine-tuned", curves, "test")
    assert find_curve("jpeg, fine-tuned", curves[:2], "test") is curves[1]


def test_seeds_look_alike_and_have_one_entry_in_the_legend():
    curves = [Curve("none", "jpeg", (0,), tuned) for tuned in ("", "fine-tuned seed0", "fine-tuned seed1")]
    curves.append(Curve("none", "bpg", (0,), "fine-tuned seed0"))
    curves.append(Curve("none", "bpg", (0,), "fine-tuned"))
    labels = [handle.get_label() for handle in legends_of(styles_of(curves))]
    assert labels == ["jpeg", "jpeg, fine-tuned (2 seeds)", "bpg, fine-tuned seed0", "bpg, fine-tuned"]


@pytest.mark.long
def test_compare_tells_the_mean_over_seeds(study):
    for about in finetune(study.folder, epochs=1, limit=200):
        assert about.training["images"] + about.training["held_out_images"] == 200
    assert measure(study, limit=100).complete
    (comparison,) = compare(study, "jpeg:quality=5", ["jpeg:quality=5, fine-tuned"])
    assert comparison.points.classifier.tolist() == ["fine-tuned seed0", "fine-tuned seed3"]
    (row,) = comparison.seeds.itertuples()
    assert (row.point, row.seeds, row.images) == ("jpeg:quality=5, fine-tuned seed*", 2, 100)
    assert row.difference_points == pytest.approx(comparison.points.difference_points.mean())
    assert row.seed_deviation_points == pytest.approx(comparison.points.difference_points.std())
    report(study)
    page = (study.folder / "report.html").read_text()
    assert all(f"jpeg:quality=5, fine-tuned seed{n}</td>" in page for n in (0, 3))
    # The weights of another seed under a file's name are another point's
    first, second = (study.folder / "tuned" / name for name in FILES)
    shutil.copy(first, second)
    with pytest.raises(Refused, match="was tuned with seed 0, not 3"):
        study.load().points[2].check()
