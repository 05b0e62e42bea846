"""Quantizers that may search for the indices that a classifier asks for, once they have drawn an image."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..classifiers.by_weights import classifier_of
from ..classifiers.classes import check_classes
from ..core.errors import BadSetting, Refused
from ..core.files import sha256_of
from ..core.images import RGB, IndexedImage
from ..core.plugins import Location, setting
from .base import Quantizer


@dataclass(frozen=True)
class SearchingQuantizer(Quantizer, ABC):
    """A quantizer with an encoder-side search behind it (search.py), as long as its settings ask for one."""

    search: int = setting(
        0,
        range(1001),
        later=True,
        help="steps of encoder-side search for the image on which `judge` answers as on the original; no labels",
    )
    judge: str = setting(
        "",
        Location("the weights of a classifier whom the search asks: a file, or the name of some that ship"),
        later=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.search) != bool(self.judge):
            missing = "asks no judge; say judge=FILE" if self.search else "asks for no steps; say search=30"
            raise BadSetting(f"{self.name}: a search needs both search and judge, this one {missing}")

    @property
    def on_gpu(self) -> bool:
        return bool(self.search)

    def check_point(self, parts: Mapping[str, Any]) -> None:
        """Refuses a search that asks a judge of another data set."""
        if self.search:
            check_classes(classifier_of(self.judge), parts["dataset"])

    def search_version(self) -> str:
        """What a version says of the search: the judge's weights; empty where there is none."""
        return f", search by sha256 {sha256_of(classifier_of(self.judge).file)[:16]}" if self.search else ""

    def searched(self, images: Sequence[RGB], drawn: Sequence[IndexedImage]) -> Sequence[IndexedImage]:
        """What was drawn, after the search that the settings ask for. Raises Refused where the judge takes another size."""
        if not self.search:
            return drawn
        from ..classifiers.inference import loaded
        from .search import searched

        judge = classifier_of(self.judge)
        side = judge.size
        if wrong := next((i.shape for i in images if i.shape[:2] != (side, side)), None):
            raise Refused(
                f"{self.short}: the search needs images of its judge's size, {side}x{side}, got {wrong[1]}x{wrong[0]}; "
                "name a judge of that size, or leave the search out"
            )
        return searched(images, drawn, loaded(judge, sha256_of(judge.file)), self.search)
