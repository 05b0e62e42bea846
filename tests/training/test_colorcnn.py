"""Training ColorCNN: what it learns, what a kill costs, and what is refused."""

from dataclasses import replace

import pytest
import rabench
import torch
from command_line import rabench as command
from given_studies import photos_matrix
from rabench.core.errors import RabenchError, Refused
from rabench.core.learning import Diverged, Images, held_out_split
from rabench.core.progress import TrainingProgress
from rabench.quantizers.colorcnn import drawing, recipes, training
from rabench.quantizers.colorcnn import weights as files
from small_networks import CPU, a_colorcnn, photos_judge

pytestmark = pytest.mark.slow

RECIPE = recipes.Recipe(
    epochs=3, optimizer="adamw", lr=5e-3, batch=32, jitter=0.2, color_norm=1.0, weight_decay=0.01, seed=1
)


@pytest.fixture(scope="module")
def judge():
    return photos_judge()


@pytest.fixture(scope="module")
def parts(training_photos):
    """Images to train on, and images held out."""
    kept, held = held_out_split(len(training_photos), 0.2)
    return tuple(Images(training_photos.pixels[p], training_photos.labels[p]) for p in (kept, held))


def train(network, judge, images, held_out, recipe, checkpoint, device, **options):
    """Trains a network for its own number of colors and one classifier."""
    colors = training.ColorRange(network.colors, network.colors)
    trained = training.Training(network, [judge], colors, recipe, device)
    return training.train(trained, images, held_out, checkpoint, **options)


def first(images, count):
    return Images(images.pixels[:count], images.labels[:count])


@pytest.mark.long
def test_training_lowers_the_loss_and_leaves_the_classifier_as_it_was(parts, judge, tmp_path):
    """A tiny network and some thirty steps: accuracy at two colors rises far above chance (1 in 8)."""
    before = {k: v.clone() for k, v in judge.network.state_dict().items()}
    history = train(a_colorcnn(), judge, *parts, RECIPE, tmp_path / "c.safetensors", CPU)
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["held_out_accuracy"] > 0.3
    for name, value in judge.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not any(p.requires_grad for p in judge.network.parameters())


def test_gradients_reach_every_parameter(parts, judge):
    network, photos = a_colorcnn(colors=3), parts[0]
    x = judge.normalized(torch.from_numpy(photos.pixels[:8]).permute(0, 3, 1, 2))
    m = network(x)
    logits = judge.frozen(CPU)(drawing.redrawn(x, m, 0.1, 1.0))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(photos.labels[:8])) + drawing.regularizer(m)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        # Batch norm takes away what a bias before it adds.
        assert parameter.grad.abs().max() > 0 or name.endswith((".0.bias", ".3.bias")), name


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(parts, judge, tmp_path):
    kept, held = first(parts[0], 128), first(parts[1], 40)
    undisturbed, path = a_colorcnn(), tmp_path / "killed.safetensors"
    train(undisturbed, judge, kept, held, RECIPE, tmp_path / "undisturbed.safetensors", CPU)

    def kill(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(a_colorcnn(), judge, kept, held, RECIPE, path, CPU, progress=TrainingProgress(on_epoch=kill))
    resumed = a_colorcnn()
    assert len(train(resumed, judge, kept, held, RECIPE, path, CPU)) == 3
    for a, b in zip(undisturbed.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(Refused, match="is of another run"):
        train(a_colorcnn(), judge, kept, held, replace(RECIPE, lr=1e-4), path, CPU)


def test_a_loss_that_is_no_number_stops_training_at_once(parts, judge, tmp_path):
    kept, held = first(parts[0], 128), parts[1]
    wild = replace(RECIPE, lr=1e30)
    with pytest.raises(Diverged, match=r"in epoch 1, step .* at learning rate"):
        train(a_colorcnn(), judge, kept, held, wild, tmp_path / "c.safetensors", CPU)
    assert not (tmp_path / "c.safetensors").exists()


def test_a_checkpoint_of_another_width_names_both(parts, judge, tmp_path):
    kept, held, recipe = first(parts[0], 32), first(parts[1], 40), replace(RECIPE, epochs=1)
    path = tmp_path / "c.safetensors"
    train(a_colorcnn(), judge, kept, held, recipe, path, CPU)
    for network, message in (
        (a_colorcnn(width=8), "its width is 4, now 8"),
        (a_colorcnn(3), "number of colors is 2, now 3"),
    ):
        with pytest.raises(Refused, match=message):
            train(network, judge, kept, held, recipe, path, CPU)
    other = replace(judge, mean=(0.5, 0.5, 0.5))
    with pytest.raises(Refused, match=r"its normalization is mean \(0.485, .* now mean \(0.5, "):
        train(a_colorcnn(), other, kept, held, recipe, path, CPU)


def test_the_published_learning_rate_restarts_warm():
    recipe = recipes.PUBLISHED
    rates = [training.learning_rate(recipe, e) for e in (0, 10, 19.999, 20, 30, 59.999)]
    assert rates == pytest.approx([1e-2, 5e-3, 0, 1e-2, 5e-3, 0], abs=1e-6)


@pytest.mark.long
def test_the_command_trains_for_several_numbers_of_colors_and_its_weights_run_in_a_study(tmp_path):
    options = ("--dataset", "photos", "--classifier", "small:weights=small-photos", "--recipe", "adamw")
    done = command(
        *("train", "colorcnn", *options, "--colors", "2,3", "--width", "4", "--epochs", "1", "--limit", "200"),
        *("--batch", "64", "--no-jitter-shared", "--out", "few"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "few/colorcnn-2.safetensors: 2 colors, held-out accuracy" in done.stdout
    about = files.about(tmp_path / "few" / "colorcnn-3.safetensors")
    assert (about.colors, about.width, about.classifier) == (3, 4, "small:precision=fp32:weights=small-photos")
    assert about.training["command"].endswith(
        "--colors 3 --recipe adamw --limit 200 --width 4 --epochs 1 --batch 64 --no-jitter-shared --out few"
    )
    assert (tmp_path / "few" / "colorcnn-2.training.png").stat().st_size > 20_000
    points = 'quantizers = ["colorcnn:colors=2,3:weights=few"]\ncodecs = ["png"]'
    (tmp_path / "matrix.toml").write_text(photos_matrix(points))
    done = command("run", ".", "--limit", "20", "--workers", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "colorcnn:colors=3:precision=fp32:weights=few" in (tmp_path / "summary.csv").read_text()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"colors": "two"}, "`colors` must be a number, several such as 2,4,8, or a range such as 2..64, got 'two'"),
        ({"colors": "300"}, "`colors` must be in 2..256, got 300"),
        ({"recipe": "mine"}, "`recipe` must be one of published, adamw, plus, got 'mine'"),
        ({"backbone": "vit"}, "`backbone` must be one of unet, dncnn, got 'vit'"),
        (
            {"colors": "2..8"},
            "a ColorCNN is for one number of colors and one classifier, got 2..8 colors; say `plus=True`",
        ),
        ({"class_epochs": 2}, "`class_epochs` are for a ColorCNN.: say `plus=True`, or another `recipe`"),
        ({"plus": True, "epochs": 3, "class_epochs": 3}, "`class_epochs` must be fewer than the 3 epochs, got 3: no"),
        ({"optimizer": "adam"}, "`optimizer` must be one of sgd, adamw, got 'adam'"),
        ({"epoch": 3}, "no option is named 'epoch' .did you mean 'epochs'"),
    ],
)
def test_a_wrong_option_of_training_is_one_line(option, message, tmp_path):
    with pytest.raises(RabenchError, match=message.replace("..", r"\.\.")):
        rabench.train_colorcnn("photos", "small:weights=small-photos", tmp_path / "out", **{"width": 8, **option})
