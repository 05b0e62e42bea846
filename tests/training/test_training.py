"""Training: a seed means the same weights, a kill costs an epoch, what ships is what is judged."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rabench.bench.training import classifier as training
from rabench.bench.training.classifier import Plan
from rabench.classifiers import CLASSIFIERS, weights
from rabench.classifiers import training as loop
from rabench.classifiers.training import Recipe
from rabench.core.errors import RabenchError, Refused, UnknownName
from rabench.core.learning import Diverged, Images, augmented, held_out_split, one_cycle
from rabench.core.progress import TrainingProgress
from rabench.datasets import DATASETS
from safetensors import safe_open
from small_networks import CPU

PHOTOS = DATASETS.make("photos:split=train")
RECIPE = Recipe(epochs=3, lr=0.05)


@pytest.fixture
def plan(tmp_path):
    return Plan("small", PHOTOS, tmp_path / "small.safetensors", RECIPE, width=8, limit=1500)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def killed_after(epochs):
    """What to call on each epoch, so that Ctrl-C is pressed after so many."""

    def kill(history):
        if len(history) == epochs:
            raise KeyboardInterrupt

    return kill


@pytest.mark.long
def test_a_seed_gives_the_same_weights_and_another_seed_others(plan, tmp_path):
    training.train_classifier(plan)
    first = plan.out.read_bytes()
    training.train_classifier(replace(plan, restart=True))
    assert plan.out.read_bytes() == first
    other = replace(plan, recipe=replace(RECIPE, seed=1), restart=True)
    training.train_classifier(other)
    assert plan.out.read_bytes() != first


@pytest.mark.slow
def test_the_last_epoch_may_be_cut_and_the_schedule_ends_with_it(tmp_path):
    block = PHOTOS.load(0, 500)
    images, nothing = (
        Images(np.stack(block.images), block.labels),
        Images(np.empty((0, 32, 32, 3), np.uint8), np.empty(0, int)),
    )

    def trained(name, **options):
        torch.manual_seed(0)
        network, steps = CLASSIFIERS["small"].build(len(PHOTOS.classes), 4), []
        progress = TrainingProgress(on_step=lambda epoch, step, of, loss: steps.append((epoch, step, of)))
        history = loop.train(
            network, PHOTOS.normalization, images, nothing, RECIPE, tmp_path / name, CPU, progress, **options
        )
        return history, steps, [p.detach().numpy() for p in network.parameters()]

    whole, all_steps, parameters = trained("whole")
    cut, steps, _ = trained("cut", last=200)
    assert all_steps[-1] == (2, 4, 4) and steps[-1] == (2, 2, 2)
    assert cut[-1]["lr"] == pytest.approx(one_cycle(9 / 10, RECIPE.lr)) and whole[-1]["lr"] > cut[-1]["lr"] / 10
    assert 0 < cut[-1]["training_accuracy"] <= 1
    same = trained("same", last=500)[2]
    assert all((a == b).all() for a, b in zip(parameters, same, strict=True))


@pytest.mark.long
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(plan, tmp_path):
    training.train_classifier(plan)
    undisturbed = plan.out.read_bytes()
    (tmp_path / "again").mkdir()
    killed = replace(plan, out=tmp_path / "again" / "small.safetensors")
    with pytest.raises(KeyboardInterrupt):
        training.train_classifier(killed, progress=TrainingProgress(on_epoch=killed_after(2)))
    assert not killed.out.exists()
    epochs = []
    training.train_classifier(killed, progress=TrainingProgress(on_epoch=lambda history: epochs.append(len(history))))
    assert epochs == [3]
    assert killed.out.read_bytes() == undisturbed


@pytest.mark.slow
def test_a_run_without_momentum_is_resumed_too_and_a_finished_one_left_alone(plan):
    """An optimizer without momentum has no state to keep."""
    plain = replace(plan, recipe=Recipe(epochs=2, momentum=0), width=4, limit=200)
    with pytest.raises(KeyboardInterrupt):
        training.train_classifier(plain, progress=TrainingProgress(on_epoch=killed_after(1)))
    epochs = []
    training.train_classifier(plain, progress=TrainingProgress(on_epoch=lambda history: epochs.append(len(history))))
    weights_of_both_epochs = plain.out.read_bytes()
    training.train_classifier(plain, progress=TrainingProgress(on_epoch=lambda history: epochs.append(len(history))))
    assert epochs == [2]
    assert plain.out.read_bytes() == weights_of_both_epochs


@pytest.mark.slow
def test_a_network_learns_and_what_is_judged_is_what_ships(plan):
    about = training.train_classifier(replace(plan, recipe=replace(RECIPE, epochs=5)))
    accuracy = about.training["held_out_accuracy"]
    assert accuracy > 0.4  # chance is 0.125
    assert plan.figure.stat().st_size > 10_000
    _, positions = held_out_split(len(PHOTOS), plan.held_out, 1500)
    block = PHOTOS.load(0, 1500)
    classifier = CLASSIFIERS.make(f'small:weights="{plan.out}"')
    logits = classifier.logits([block.images[i] for i in positions])
    assert np.mean(logits.argmax(1) == block.labels[positions]) == accuracy
    with safe_open(plan.out, "pt") as file:
        tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
    assert {t.dtype for t in tensors if t.is_floating_point()} == {torch.float16}
    assert classifier.classes == PHOTOS.classes
    assert about.training["command"] == (
        "rabench train classifier --network small --dataset photos:split=train --limit 1500 --width 8 "
        "--epochs 5 --lr 0.05 --out small.safetensors"
    )


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_refused_saying_both(plan):
    training.train_classifier(plan)
    with pytest.raises(Refused, match=r"its recipe is .*0\.05.*, now .*0\.01.*; begin again with `restart=True`"):
        training.train_classifier(replace(plan, recipe=replace(RECIPE, lr=0.01)))


def test_a_loss_that_is_no_number_stops_training_at_once(plan):
    with pytest.raises(Diverged, match=r"the loss is nan in epoch 1, step \d+, at learning rate"):
        training.train_classifier(replace(plan, recipe=replace(RECIPE, lr=1e12)))


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"network": "smal"}, UnknownName, "did you mean 'small'"),
        ({"network": "onnx"}, UnknownName, "no trainable network is named 'onnx'"),
        ({"dataset": DATASETS.make("photos")}, Refused, "training uses split=train only"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan, change, error, message):
    with pytest.raises(error, match=message):
        training.train_classifier(replace(plan, **change))


def test_images_of_many_sizes_need_a_size(tmp_path):
    for i, size in enumerate([(8, 8), (9, 9), (8, 12)]):
        target = tmp_path / "images" / "train" / "ab"[i % 2] / f"{i}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(target)
    images = DATASETS.make(f'folder:path="{tmp_path / "images"}":split=train')
    with pytest.raises(RabenchError, match="say `size=64`"):
        training.load(images, 0, None, lambda *_: None)
    assert training.load(images, 8, None, lambda *_: None).pixels.shape == (3, 8, 8, 3)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing():
    assert one_cycle(0, 0.1) == pytest.approx(0.004)
    assert one_cycle(0.3, 0.1) == pytest.approx(0.1)
    assert one_cycle(1, 0.1) < 1e-6
    torch_says = torch.optim.lr_scheduler.OneCycleLR(
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1), 0.1, total_steps=1001, cycle_momentum=False
    )
    for step in range(1000):
        # torch puts the peak at step 0.3 * 1001 - 1; the two differ by less than a step's change
        assert one_cycle(step / 1000, 0.1) == pytest.approx(torch_says.get_last_lr()[0], abs=5e-4)
        torch_says.optimizer.step()
        torch_says.step()


def test_augmentation_shifts_and_mirrors_and_nothing_else():
    pixels = torch.arange(64 * 5 * 5 * 3, dtype=torch.int32).view(64, 5, 5, 3) + 1
    moved = augmented(pixels, 2, True, torch.Generator().manual_seed(3))
    kinds = set()
    for before, after in zip(pixels, moved, strict=True):
        padded = torch.zeros(9, 9, 3, dtype=torch.int32)
        padded[2:7, 2:7] = before
        candidates = {
            (y, x, mirror): (window.flip(1) if mirror else window)
            for y in range(5)
            for x in range(5)
            for mirror in (False, True)
            for window in [padded[y : y + 5, x : x + 5]]
        }
        matching = [k for k, c in candidates.items() if torch.equal(c, after)]
        assert len(matching) == 1
        kinds.add(matching[0])
    assert {k[2] for k in kinds} == {False, True}
    assert len({k[:2] for k in kinds}) > 10


def test_held_out_images_are_no_training_images():
    kept, held_out = held_out_split(1000, 0.05)
    assert len(held_out) == 50
    assert sorted([*kept, *held_out]) == list(range(1000))


@pytest.mark.parametrize("name, millions", [("alexnet", 2.25), ("vgg16", 14.7), ("resnet18", 11.2)])
def test_networks_have_the_published_number_of_parameters(name, millions):
    """For 10 classes, as the networks of Hou et al. (CVPR 2020)."""
    cls = CLASSIFIERS[name]
    network = cls.build(10, cls.standard_width)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


def test_alexnet_for_200_classes_has_2_30_million():
    network = CLASSIFIERS["alexnet"].build(200, 64)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(2.30e6, rel=2e-3)


def test_shipped_weights_say_what_they_are_and_are_small():
    assert weights.find("small-photos") in weights.shipped()
    for path in weights.shipped():
        about = weights.about(path)
        assert about.training["command"].startswith("rabench train classifier")
        assert about.training["held_out_accuracy"] > 0.5
        assert path.stat().st_size < 1e6


class Recording(torch.nn.Module):
    """Keeps the images that a network is trained on, each told by its first value."""

    def __init__(self, network):
        super().__init__()
        self.network, self.values = network, []

    def forward(self, x):
        if self.training:
            self.values += (x[:, 0, 0, 0] * 255).round().int().tolist()
        return self.network(x)


def test_an_epoch_sees_each_image_once(tmp_path):
    values = np.arange(10, dtype=np.uint8)
    images = loop.Images(np.broadcast_to(values[:, None, None, None], (10, 4, 4, 3)).copy(), np.arange(10) % 2)
    network, steps = Recording(CLASSIFIERS["small"].build(2, 4)), []
    loop.train(
        *(network, ((0.0,) * 3, (1.0,) * 3), images, images, Recipe(epochs=2, batch=4, crop=0)),
        *(tmp_path / "checkpoint.safetensors", CPU),
        progress=TrainingProgress(
            on_step=lambda epoch, step, steps_an_epoch, loss: steps.append((epoch, step, steps_an_epoch))
        ),
    )
    assert steps == [(0, 1, 3), (0, 3, 3), (1, 1, 3), (1, 3, 3)]
    first, second = network.values[:10], network.values[10:]
    assert sorted(first) == sorted(second) == values.tolist() and first != second


@pytest.mark.slow
def test_metadata_is_readable_without_torch(plan):
    training.train_classifier(replace(plan, recipe=replace(RECIPE, epochs=1)))
    with safe_open(plan.out, "numpy") as file:
        about = json.loads(file.metadata()["rabench"])
    assert about["dataset"] == "photos:split=train"
    assert about["size"] == 32 and about["width"] == 8


def test_a_mirrored_border_brings_in_the_image_itself():
    pixels = torch.arange(5 * 5 * 3, dtype=torch.uint8).view(1, 5, 5, 3)
    padded = np.pad(pixels[0].numpy(), ((2, 2), (2, 2), (0, 0)), "reflect")
    crops = {padded[r : r + 5, c : c + 5].tobytes() for r in range(5) for c in range(5)}
    generator = torch.Generator().manual_seed(0)
    shifted = {augmented(pixels, 2, False, generator, "mirrored")[0].numpy().tobytes() for _ in range(400)}
    assert shifted == crops
    single = torch.full((2, 1, 1, 3), 9, dtype=torch.uint8)
    assert (augmented(single, 1, True, generator, "mirrored") == 9).all()
