"""ColorCNN as a quantizer like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...core.errors import Refused
from ...core.files import sha256_of
from ...core.images import RGB, AnyImage
from ...core.networks import device_kind, torch_version, weights_hash
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

    def check_point(self, parts: Mapping[str, Any]) -> None:
        """Refuses a classifier that normalizes pixels in another way than the one that the network was trained for."""
        classifier, about = parts["classifier"], self.about
        if classifier.normalization not in (None, (about.mean, about.std)):
            mean, std = classifier.normalization
            raise Refused(
                f"{self.short} was trained for pixels normalized by mean {about.mean} and std {about.std}, "
                f"{classifier.short} takes mean {mean} and std {std}; train one for it: "
                f"rabench train colorcnn --classifier {classifier.short} ..."
            )

    def point_notes(self, parts: Mapping[str, Any]) -> list[str]:
        """Says so where the weights were trained for another classifier than the point has."""
        classifier, about = parts["classifier"], self.about
        if weights_hash(about.classifier_version) == weights_hash(classifier.version()):
            return []
        weights = Path(self.weights).stem
        return [f"ColorCNN's weights {weights} were trained for {about.classifier}, not for {classifier.short}."]

    def version(self) -> str:
        sha256 = sha256_of(files.find(self.weights, self.colors))
        return f"sha256 {sha256[:16]}, torch {torch_version()}, {device_kind()}, {self.precision}"

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        from .inference import quantize

        path = files.find(self.weights, self.colors)
        return quantize(path, sha256_of(path), images, self.precision)
