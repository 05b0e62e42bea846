"""Collects decoded images into full batches for a classifier."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ...classifiers.base import Classifier
from ...codecs.base import Codec
from ...core.images import RGB
from ...core.origins import describe_error

WAITING_BYTES = 64 << 20
"""Images of open size wait by shape; past this they are classified in padded batches."""

Slot = tuple[Codec, int]
"""A codec and a row."""


class BatchedInference:
    """What a classifier says of each image of a task; an image met before is not classified again.

    A network is called with exactly its batch size, the last batch padded with black, so that what is
    said of an image does not depend on what else was measured.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.seconds = 0.0
        self.classified = 0
        self._numbers: dict[bytes, int] = {}
        self._slots: dict[Codec, dict[int, int]] = {}
        self._waiting: dict[tuple[int, ...], list[tuple[int, RGB]]] = {}
        self._logits: list[tuple[list[int], NDArray[np.int64], NDArray[np.float32]]] = []
        self._errors: dict[int, str] = {}
        self._bytes = 0

    def add(self, slot: Slot, digest: bytes, pixels: RGB) -> None:
        """digest: of the pixels; images of one digest are one image."""
        codec, row = slot
        number = self._numbers.setdefault(digest, len(self._numbers))
        self._slots.setdefault(codec, {})[row] = number
        if number < self.classified:
            return
        self.classified += 1
        begin = perf_counter()
        try:
            prepared = self.classifier.prepare(pixels)
        except Exception as error:  # a plug-in's own code: one image's failure
            self._errors[number] = f"classifier: {describe_error(error)}"
            return
        waiting = self._waiting.setdefault(prepared.shape, [])
        waiting.append((number, prepared))
        self._bytes += prepared.nbytes
        self.seconds += perf_counter() - begin
        if len(waiting) == self.classifier.batch:
            self._classify(prepared.shape)
        elif self._bytes > WAITING_BYTES:  # images of many shapes
            self.flush()

    def flush(self) -> None:
        for shape in list(self._waiting):
            self._classify(shape)

    def _classify(self, shape: tuple[int, ...]) -> None:
        begin = perf_counter()
        waiting = self._waiting.pop(shape)
        self._bytes -= sum(pixels.nbytes for _, pixels in waiting)
        batch = np.zeros((self.classifier.batch, *waiting[0][1].shape), np.uint8)
        for place, (_, pixels) in enumerate(waiting):
            batch[place] = pixels
        numbers = [number for number, _ in waiting]
        try:
            logits = self._checked(self.classifier.logits_of_batch(batch), len(batch))[: len(waiting)]
            self._errors.update(dict.fromkeys(_unusable(numbers, logits), "classifier: logits that are no numbers"))
            self._logits.append((numbers, logits.argmax(1), log_softmax(logits)))
        except Exception as error:  # whatever a plug-in raises belongs to its rows, not to the run
            self._errors.update(dict.fromkeys(numbers, f"classifier: {describe_error(error)}"))
        self.seconds += perf_counter() - begin

    def _checked(self, logits: NDArray[np.float32], images: int) -> NDArray[np.float32]:
        classes = len(self.classifier.classes)
        if np.ndim(logits) != 2 or len(logits) != images or (classes and logits.shape[1] != classes):
            wanted = (images, classes or "classes")
            raise ValueError(f"logits_of_batch gave {np.shape(logits)} for {images} images instead of {wanted}")
        return logits

    def of(
        self, codec: Codec, labels: NDArray[np.int64], errors: dict[int, str]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(N,) predictions, -1 where there is none, and log-probabilities of the labels, NaN where there is none.

        Adds to ``errors`` the rows whose classification failed. Call ``flush`` before.
        """
        predictions = np.full(len(labels), -1, np.int32)
        likely = np.full(len(labels), np.nan, np.float32)
        slots = self._slots.get(codec, {})
        errors.update({row: self._errors[n] for row, n in slots.items() if n in self._errors})
        good = {row: n for row, n in slots.items() if n not in self._errors}
        if good:
            place = np.empty(len(self._numbers), np.int64)
            place[np.concatenate([numbers for numbers, _, _ in self._logits])] = np.arange(
                sum(len(numbers) for numbers, _, _ in self._logits)
            )
            rows, chosen = np.fromiter(good, int), place[np.fromiter(good.values(), int)]
            predictions[rows] = np.concatenate([p for _, p, _ in self._logits])[chosen]
            likelihoods = np.concatenate([found for _, _, found in self._logits])
            known = (labels[rows] >= 0) & (labels[rows] < likelihoods.shape[1])
            likely[rows[known]] = likelihoods[chosen[known], labels[rows[known]]]
        return predictions, likely


def _unusable(numbers: list[int], logits: NDArray[np.float32]) -> list[int]:
    bad = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    return [numbers[row] for row in bad]


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, classes) -> (N, classes), natural logarithms, computed in float64."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return (shifted - np.log(np.exp(shifted).sum(1, keepdims=True))).astype(np.float32)
