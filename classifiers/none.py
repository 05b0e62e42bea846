"""No classifier: for rates and fidelity alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Refused
from .base import Classifier


@dataclass(frozen=True)
class NoClassifier(Classifier):
    """Sees nothing: a study with ``classifiers = []`` is of rates and fidelity alone."""

    name: ClassVar[str] = "none"
    predicts: ClassVar[bool] = False

    def version(self) -> str:
        return "none"

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    @property
    def size(self) -> int:
        return 0

    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise Refused("the classifier none predicts nothing; name one")
