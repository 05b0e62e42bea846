"""ColorCNN and ColorCNN+ as quantizers like any other."""

from __future__ import annotations

from abc import ABC, abstractmethod
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
from ..searching import SearchingQuantizer
from . import weights as files


@dataclass(frozen=True)
class NetworkSettings(Quantizer, ABC):
    """The settings of a network that draws images in few colors."""

    colors: int = setting(2, range(2, 257), quality_parameter=True, help="colors an image may have at the most")
    weights: str = setting(
        "photos", Location("a file or folder of weights, or the name of some that ship", required=True)
    )
    precision: str = setting(
        "fp32", ("fp32", "bf16"), help="number format of convolutions; bf16 is faster where the processor has it"
    )


@dataclass(frozen=True)
class LearnedQuantizer(SearchingQuantizer, NetworkSettings, ABC):
    """A network that was trained for classifiers chooses each pixel's color."""

    @property
    def on_gpu(self) -> bool:
        return True

    @property
    @abstractmethod
    def weights_file(self) -> Path:
        """The file of the weights. Raises Unavailable where there is none, Refused where it cannot do what is asked."""

    def version(self) -> str:
        sha256 = sha256_of(self.weights_file)
        return (
            f"sha256 {sha256[:16]}, torch {torch_version()}, {device_kind()}, {self.precision}{self.search_version()}"
        )

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        from .inference import loaded, quantize

        path = self.weights_file
        network = loaded(path, sha256_of(path))
        return self.searched(images, quantize(network, self.colors, images, self.precision))


@dataclass(frozen=True)
class ColorCNNQuantizer(LearnedQuantizer):
    """A network trained for a classifier chooses each pixel's color; colors are the means of their pixels."""

    name: ClassVar[str] = "colorcnn"

    @classmethod
    def ready(cls) -> str:
        folders = [
            f"{name} ({', '.join(map(str, numbers))} colors)"
            for name, folder in files.shipped().items()
            if (numbers := files.numbers(folder))
        ]
        return f"weights that ship: {', '.join(folders)}" if folders else f"give weights; {files.MADE_BY} makes them"

    @property
    def weights_file(self) -> Path:
        return files.find(self.weights, self.colors)

    @property
    def about(self) -> files.About:
        """The metadata of the weights. Raises as ``weights.find`` and ``weights.about``."""
        return files.about(self.weights_file)

    def check_point(self, parts: Mapping[str, Any]) -> None:
        """Refuses a classifier that normalizes pixels in another way than the one that the network was trained for."""
        super().check_point(parts)
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


@dataclass(frozen=True)
class ColorCNNPlusQuantizer(LearnedQuantizer):
    """One network for many numbers of colors moves pixels between the colors of a clustering; trained for classifiers."""

    name: ClassVar[str] = "colorcnn-plus"

    @classmethod
    def ready(cls) -> str:
        names = [
            f"{name} ({low} to {high} colors)"
            for name, file in files.shipped_plus().items()
            for low, high in (files.PLUS_FILES.about(file).colors,)
        ]
        return f"weights that ship: {', '.join(names)}" if names else f"give weights; {files.MADE_BY} --plus makes them"

    @property
    def weights_file(self) -> Path:
        path = files.find_plus(self.weights)
        low, high = files.PLUS_FILES.about(path).colors
        if not low <= self.colors <= high:
            raise Refused(
                f"{path.name} was trained for {low} to {high} colors, asked are {self.colors}; "
                f"say colors={min(max(self.colors, low), high)}, or train it for more: rabench train colorcnn --plus --colors ..."
            )
        return path

    @property
    def about(self) -> files.PlusAbout:
        """The metadata of the weights. Raises as ``weights.find_plus`` and ``weights.about``."""
        return files.PLUS_FILES.about(self.weights_file)

    def point_notes(self, parts: Mapping[str, Any]) -> list[str]:
        """Says so where the point's classifier is none of those that the weights were trained for."""
        classifier, about = parts["classifier"], self.about
        if weights_hash(classifier.version()) in map(weights_hash, about.classifier_versions):
            return []
        weights, names = Path(self.weights).stem, " and ".join(about.classifiers)
        return [f"ColorCNN+'s weights {weights} were trained for {names}, not for {classifier.short}."]
