"""ColorCNN as a quantizer like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...core.files import sha256_of
from ...core.images import RGB, AnyImage
from ...core.networks import device_kind, torch_version
from ...core.plugins import Location, setting
from ..base import Quantizer
from . import weights as files


@dataclass(frozen=True)
class ColorCNNQuantizer(Quantizer):
    """A network trained for a classifier chooses each pixel's color; colors are the means of their pixels."""

    name: ClassVar[str] = "colorcnn"
    colors: int = setting(2, range(2, 257), quality_parameter=True, help="colors an image may have at the most")
    weights: str = setting(
        "photos", Location("a file or folder of weights, or the name of some that ship", required=True)
    )
    precision: str = setting(
        "fp32", ("fp32", "bf16"), help="number format of convolutions; bf16 is faster where the processor has it"
    )

    @classmethod
    def ready(cls) -> str:
        folders = [
            f"{name} ({', '.join(map(str, files.numbers(folder)))} colors)" for name, folder in files.shipped().items()
        ]
        return f"weights that ship: {', '.join(folders)}" if folders else f"give weights; {files.MADE_BY} makes them"

    @property
    def about(self) -> files.About:
        """The metadata of the weights. Raises as ``weights.find`` and ``weights.about``."""
        return files.about(files.find(self.weights, self.colors))

    def version(self) -> str:
        sha256 = sha256_of(files.find(self.weights, self.colors))
        return f"sha256 {sha256[:16]}, torch {torch_version()}, {device_kind()}, {self.precision}"

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        from .inference import quantize

        path = files.find(self.weights, self.colors)
        return quantize(path, sha256_of(path), images, self.precision)
