"""[[training]] blocks of a matrix: the networks and points that they name, and what is wrong with them in a line."""

import subprocess
import sys

import pytest
from given_studies import written_study
from rabench.bench.study.matrix import all_points, load
from rabench.bench.study.paths import NOWHERE
from rabench.bench.study.trust import Access
from rabench.core.errors import BadSetting

HEAD = 'dataset = "photos"\n'
BLOCK = '[[training]]\nnetworks = ["small"]\ncodecs = ["png", "jpeg:quality=10"]\n'


def matrix_of(folder, text):
    return written_study(folder, HEAD + text).load()


def networks(matrix):
    return list(dict.fromkeys(t.network for t in matrix.trained))


def test_every_seed_budget_and_training_set_is_a_network_of_its_own_the_first_seed_first(tmp_path):
    matrix = matrix_of(tmp_path, BLOCK + 'seeds = [3, 1]\nbudgets = ["2MB", "all"]\n')
    names = [n.name for n in networks(matrix)]
    assert names[:4] == [
        "small+none+png+2MB+seed1",
        "small+none+png+seed1",
        "small+none+jpeg:quality=10+2MB+seed1",
        "small+none+jpeg:quality=10+seed1",
    ]
    assert len(names) == 8 and len({n.file for n in networks(matrix)}) == 8
    assert networks(matrix)[0].budget == 2_000_000 and networks(matrix)[0].recipe.seed == 1
    assert networks(matrix)[0].file == tmp_path / "trained" / "small+none+png+2MB+seed1.safetensors"


def test_each_is_tested_as_it_was_trained_and_on_originals(tmp_path):
    matrix = matrix_of(tmp_path, BLOCK)
    found = [(t.network.images.name, t.point.codec.short, t.same) for t in matrix.trained]
    assert found == [
        ("none+png", "png", True),
        ("none+png", "raw", False),
        ("none+jpeg:quality=10", "jpeg:quality=10", True),
        ("none+jpeg:quality=10", "raw", False),
    ]
    assert {t.point.dataset.split for t in matrix.trained} == {"test"}
    assert {t.network.images.dataset.split for t in matrix.trained} == {"train"}
    assert len(all_points(matrix)) == 4 and matrix.points == ()


def test_a_train_by_test_matrix(tmp_path):
    test = 'test = ["same", "none+raw", "median-cut:colors=2+png", "none+jpeg:quality=10,90@short=16"]\n'
    matrix = matrix_of(tmp_path, BLOCK + test)
    stored = {(t.point.quantizer.short, t.point.codec.short, str(t.point.size)) for t in matrix.trained}
    assert ("median-cut:colors=2", "png", "full") in stored and ("none", "jpeg:quality=90", "short=16") in stored
    assert len(matrix.trained) == 2 * 5


def test_training_images_may_be_stored_smaller(tmp_path):
    matrix = matrix_of(tmp_path, BLOCK + 'sizes = ["short=16"]\n')
    assert networks(matrix)[0].name == "small+none+png@short=16+seed0"


def test_the_number_of_examples_says_how_many_epochs_few_images_take(tmp_path):
    (network, *_) = networks(matrix_of(tmp_path, BLOCK + "examples = 10_000\n"))
    lengths = {100: (100, 100), 1000: (10, 1000), 7000: (2, 3000), 50_000: (1, 10_000), 9999: (1, 9999), 9984: (2, 16)}
    assert {n: network.length(n) for n in lengths} == lengths
    (network, *_) = networks(matrix_of(tmp_path, BLOCK + "epochs = 7\nlr = 1\nflip = false\n"))
    assert network.length(100) == (7, 100) and network.recipe.lr == 1 and network.recipe.flip is False


@pytest.mark.parametrize(
    "more, message",
    [
        ("seeds = [0, 1, 0]", "'seeds' lists 0 twice: one seed gives one network"),
        ("seeds = [-1]", r"'seeds' is a list of whole numbers in 0..1000000, such as \[0, 1, 2\], got \[-1\]"),
        ("seeds = true", "'seeds' is a list of whole numbers"),
        ('networks = ["smal"]', "trainable network"),
        ('networks = ["none"]', "trainable network"),
        ('budgets = ["many"]', "'budgets' is a number above 0 and its unit"),
        ("budgets = [20]", "'budgets' is a list such as"),
        ("epochs = 0", r"'epochs' must be in 1\.\.100000, got 0"),
        ("lr = -1.0", r"'lr' must be in 1e-09\.\.1e\+12, got -1"),
        ("momentum = nan", "'momentum' must be in"),
        ("epochs = 2.5", "'epochs' is such as 60, got 2.5"),
        ('precision = "fp8"', "'precision' must be one of fp32, bf16"),
        ("epochs = 3\nexamples = 100", "'epochs' and 'examples' both say how long to train"),
        ("limit = 0", "'limit' is a whole number above 0"),
        ('test = ["png"]', "'test' has 'same' or quantizer"),
        ('test = ["none+pgn"]', "'test': "),
        ("epoch = 3", "'epoch' is no key of"),
        ('recipe = "quick"', "'recipe' must be one of published, fast, got 'quick'"),
        ("recipe = []", "'recipe' must be one of published, fast"),
        ("first_side = 0.01", r"'first_side' must be in 0\.1\.\.1, got 0\.01"),
        ('name = "a b"', "'name' is made of letters, digits and hyphens"),
        ('weights = ""', "'weights' is the folder that receives weights"),
    ],
)
def test_a_mistake_is_told_in_a_line_with_its_place(tmp_path, more, message):
    block = "\n".join(line for line in BLOCK.splitlines() if line.split(" ")[0] != more.split(" ")[0])
    with pytest.raises(BadSetting, match=message) as error:
        matrix_of(tmp_path, f"{block}\n{more}\n")
    assert "matrix.toml, line 2" in str(error.value) and "\n" not in str(error.value)


def test_two_blocks_may_not_train_one_network_otherwise(tmp_path):
    with pytest.raises(BadSetting, match=r"two blocks train small.* otherwise; give one of them a 'name'"):
        matrix_of(tmp_path, f"{BLOCK}epochs = 2\n{BLOCK}epochs = 3\n")
    matrix = matrix_of(tmp_path, f'{BLOCK}epochs = 2\n{BLOCK}epochs = 3\nname = "long"\n')
    assert [n.title for n in networks(matrix)] == ["small", "small", "small-long", "small-long"]


def test_blocks_that_train_another_seed_otherwise_need_a_name(tmp_path):
    with pytest.raises(BadSetting, match=r"two blocks train small.*seed1 otherwise"):
        matrix_of(tmp_path, f"{BLOCK}seeds = [0]\nepochs = 2\n{BLOCK}seeds = [1]\nepochs = 3\n")


def test_a_block_has_one_data_set_of_test_images(tmp_path):
    with pytest.raises(BadSetting, match="a block has one data set, got 2"):
        matrix_of(tmp_path, BLOCK + 'dataset = ["photos", "stl10"]\n')
    with pytest.raises(BadSetting, match="'dataset' names the test images, got split=train"):
        matrix_of(tmp_path, BLOCK + 'dataset = "photos:split=train"\n')


def test_what_stands_above_holds_for_blocks(tmp_path):
    block = '[[training]]\nnetworks = ["small"]\n'
    matrix = written_study(tmp_path, 'codecs = ["webp:quality=5"]\n' + HEAD + block).load()
    assert [n.images.name for n in networks(matrix)] == ["none+webp:quality=5"] and matrix.points == ()
    with pytest.raises(BadSetting, match=r"codecs is missing; give it in each \[\[training\]\]"):
        matrix_of(tmp_path, block)


def test_weights_of_a_study_that_is_not_trusted_stay_in_its_folder(tmp_path):
    study = written_study(
        tmp_path / "s", HEAD + BLOCK + 'weights = "../../elsewhere"\ntest = ["none+theirs", "same"]\n'
    )
    matrix = load(study.matrix, None, Access(code=False, paths=False))
    assert {n.file.parent for n in networks(matrix)} == {NOWHERE} and "theirs" in matrix.unrun


def test_reading_a_matrix_brings_no_torch(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK)
    code = f"import sys; from rabench import find_study; find_study({str(tmp_path)!r}).load(); print('torch' in sys.modules)"
    assert study.matrix.is_file()
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
