"""What the training commands do, as functions of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import BadSetting
from ..core.progress import TrainingProgress
from .api import named_study
from .running import executors

if TYPE_CHECKING:
    import pandas as pd

    from ..classifiers import weights as classifier_weights
    from ..codecs import palettes as shared_palettes
    from ..quantizers.colorcnn import weights as colorcnn_weights
    from .trained.comparing import TrainedComparison


def train_classifier(
    network: str, dataset: str, out: str | Path, progress: TrainingProgress | None = None, **options: Any
) -> classifier_weights.About:
    """Trains a classifier from scratch on a data set's training split, and writes its weights.

    network: alexnet, resnet18, resnet20 to resnet56, small, vgg16. out: the .safetensors file; a checkpoint beside it
    lets the same call go on after an interruption. progress: who is told how it goes on. options: those of
    ``rabench train classifier``, such as recipe, epochs, lr, width, size, held_out, limit, seed, precision, restart.
    Gives what the weights say of themselves. Test images are never seen.
    """
    from .training import classifier, requests  # brings torch

    return classifier.train_classifier(requests.classifier_plan(network, dataset, out, options), progress)


def train_colorcnn(
    dataset: str | None = None,
    classifier: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    colors: int | Sequence[int] | str = 2,
    recipe: str | None = None,
    progress: TrainingProgress | None = None,
    study: str | Path | None = None,
    **options: Any,
) -> list[colorcnn_weights.About | colorcnn_weights.PlusAbout]:
    """Trains a ColorCNN for each number of colors, for a classifier that stays as it is, and writes their weights.

    out: the folder that receives them. recipe: published, adamw or plus. study: train all that a study names and lacks
    instead; ``dataset`` then says on what, where the study has several. options: those of ``rabench train colorcnn``,
    such as epochs, lr, width, jitter, sharpness, restart; ``plus=True`` trains one ColorCNN+ for a whole range of colors,
    such as ``colors="2..64"``, and for several classifiers. Gives what each file of weights says of itself.
    """
    from .training import colorcnn, queue, requests

    if study is not None:
        plans, _ = queue.colorcnn_queue(named_study(study), dataset, recipe, options)
    elif dataset is None or classifier is None or out is None:
        raise BadSetting("`dataset`, `classifier` and `out` are needed, or `study`")
    else:
        plans = requests.colorcnn_plans(dataset, classifier, colors, out, recipe, options)
    return [colorcnn.train_colorcnn(plan, progress) for plan in plans]


def finetune(
    study: str | Path,
    classifier: str | None = None,
    points: Sequence[str] = (),
    dataset: str | None = None,
    out: str | Path | None = None,
    workers: int = 0,
    plugins: Sequence[str | Path] = (),
    progress: TrainingProgress | None = None,
    **options: Any,
) -> list[classifier_weights.About]:
    """Tunes a classifier on training images as a quantizer and a codec leave them, point by point.

    classifier, points (quantizer+codec): default: those that the study's matrix pairs with a tuned classifier. dataset:
    whose training split, where the study has several. out: the folder that receives the weights. workers: processes that
    code images. options: those of ``rabench finetune``, such as epochs, lr, limit, restart.
    """
    from .training import finetune as tuning
    from .training import requests

    tunings = requests.tunings(named_study(study, None, plugins), classifier, points, dataset, out, options)
    return [tuning.finetune(plan, lambda: executors.make(workers, None), progress) for plan in tunings]


def train_palettes(
    dataset: str, out: str | Path, colors: int | Sequence[int] = 16, palettes: int = 1, limit: int | None = None
) -> shared_palettes.About:
    """Fits palettes that images share to a data set's training split, and writes their file.

    out: the .safetensors file. colors: of a palette, a number or several. palettes: how many of each, one for all images or
    one for each cluster of them. limit: only the first training images. Gives what the file says of itself.
    """
    from ..datasets import DATASETS
    from ..quantizers import palette_training

    images, numbers = replace(DATASETS.make(dataset), split="train"), [colors] if isinstance(colors, int) else colors
    command = f"rabench.train_palettes({dataset!r}, {str(out)!r}, {colors!r}, {palettes}, {limit})"
    return palette_training.train_palettes(images, list(numbers), palettes, Path(out), limit, command)


def trained(study: str | Path, out: str | Path | None = None, plugins: Sequence[str | Path] = ()) -> pd.DataFrame:
    """The results of the networks of a study's [[training]] blocks, as trained.csv has them.

    A row for each network, training set and way to store test images: training_bytes, accuracy (a share) with its interval
    over seeds and images, and the difference from training on originals. Empty where nothing is trained as the matrix says
    now. Raises Unavailable where nothing is measured.
    """
    from .reading.groups import read
    from .trained.results import results_of
    from .trained.tables import summary

    target = named_study(study, out, plugins)
    return summary(results_of(read(target, trained=True), target.folder))


class TrainedComparisons(list["TrainedComparison"]):
    """A comparison for each network and data set; a notebook shows the tables of all."""

    def _repr_html_(self) -> str:
        return "".join(comparison.table.html() for comparison in self)


def compare_trained(
    study: str | Path,
    anchor: str,
    tests: str | Sequence[str] = (),
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> TrainedComparisons:
    """Training sets of a study's [[training]] blocks against an anchor: bytes, and differences with 95 % intervals.

    anchor, tests: training sets as tables name them, such as "bpg:qp=37", or "png, 4MB" under a budget; the tests are all
    others where none is named. Raises RabenchError for a name that fits no training set, and where nothing is measured.
    """
    from .trained.comparing import compare_trained as compared

    tests = [tests] if isinstance(tests, str) else tests
    return TrainedComparisons(compared(named_study(study, out, plugins), anchor, tests))
