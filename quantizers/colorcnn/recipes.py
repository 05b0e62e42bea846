"""How ColorCNNs are trained: every constant of a training run, and the recipes by name."""

from __future__ import annotations

import math
from dataclasses import dataclass

OPTIMIZERS = ("sgd", "adamw")


@dataclass(frozen=True)
class Recipe:
    """Every constant of a training run."""

    epochs: int = 60
    optimizer: str = "sgd"
    """sgd: cosine learning rate with warm restarts, as published. adamw: one cycle."""
    lr: float = 1e-2
    """The highest learning rate."""
    momentum: float = 0.5
    """The momentum of sgd; adamw keeps its usual 0.9 and 0.999."""
    weight_decay: float = 5e-4
    restart_epochs: int = 20
    """Epochs from one warm restart to the next (sgd)."""
    batch: int = 128
    gamma: float = 1.0
    """Weight of the regularizer."""
    fidelity: float = 0.0
    """Weight of the squared error between the training image and its original, in the classifier's normalized space (0:
    as published). Hou et al. add such a term in ColorCNN+ (TIP 2024), in another form; it pulls towards clustering."""
    jitter: float = 1.0
    """Strength of the noise on the palette, in the classifier's normalized space."""
    jitter_shared: bool = True
    """One number for a whole batch, as published; else one for each image, color and channel."""
    color_norm: float = 4.0
    """Divides the palette in training."""
    first_sharpness: float = 1.0
    """The factor of the map's logits at the beginning of training."""
    sharpness: float = 1.0
    """The same at the end of training: pixels become less and less mixtures of colors, which do not exist once the image
    is stored."""
    map_noise: float = 0.0
    """Strength of Gumbel noise on the map's logits in training; it, too, makes mixtures of colors rare."""
    temperature: float = 1.0
    """Divides the classifier's logits in the loss, which is multiplied by it: above 1 an image that the classifier is
    sure to be something else weighs less beside the others."""
    class_epochs: int = 0
    """Epochs at the beginning in which the network learns to tell the classes, and draws nothing; what it has learned of
    them then stays as it is. Without the frozen classifier such an epoch takes a third of the time. -1: half of all
    epochs (colorcnn-plus)."""
    imitation: float = 0.0
    """Weight at 64 colors of the mean squared offset from clustering, which is hard to better there; it falls by a
    quarter with each halving, to nothing at 4 colors (colorcnn-plus)."""
    crop: int = -1
    """Padding of the random crop in pixels; -1: an eighth of the image's side."""
    border: str = "black"
    """The filling of the random crop's border: black, as published, or the image mirrored at its edges."""
    flip: bool = True
    seed: int = 0
    precision: str = "fp32"
    """fp32, or bf16 for autocast."""

    def imitation_of(self, colors: int) -> float:
        """The weight of the mean squared offset for a number of colors."""
        return self.imitation * min(1.0, max(0.0, (math.log2(colors) - 2) / 4))

    @property
    def classes_first(self) -> int:
        """The epochs that only learn the classes, as a number."""
        return self.epochs // 2 if self.class_epochs < 0 else self.class_epochs

    def drawing_done(self, epochs_done: float) -> float:
        """The part of the epochs that draw, 0 to 1, that is over after so many epochs."""
        first = self.classes_first
        return min(1.0, max(0.0, (epochs_done - first) / max(1, self.epochs - first)))

    def sharpness_after(self, epochs_done: float) -> float:
        """The factor of the map's logits after so many epochs: it grows by equal ratios."""
        return self.first_sharpness * (self.sharpness / self.first_sharpness) ** self.drawing_done(epochs_done)


PUBLISHED = Recipe()
ADAMW = Recipe(
    epochs=20,
    optimizer="adamw",
    lr=2e-3,
    weight_decay=1e-2,
    color_norm=1.0,
    jitter=0.1,
    sharpness=10.0,
    border="mirrored",
)
PLUS = Recipe(
    epochs=44,
    optimizer="adamw",
    lr=5e-3,
    weight_decay=1e-2,
    gamma=0.0,
    jitter=0.0,
    color_norm=1.0,
    first_sharpness=0.375,
    sharpness=1.35,
    map_noise=2.0,
    temperature=8.0,
    class_epochs=-1,
    imitation=10.0,
    border="mirrored",
)
RECIPES = {"published": PUBLISHED, "adamw": ADAMW, "plus": PLUS}
"""The recipes by name; docs/log.md says which accuracy each reaches."""
