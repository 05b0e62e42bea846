"""Batched, cached inference: decoded images are collected into full batches, and equal ones classified once."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ...classifiers.base import Classifier
from ...codecs.base import Codec
from ...core.images import RGB
from ...core.origins import describe_error

WAITING_BYTES = 64 << 20
"""Bytes of pixels that may wait for their batch to fill; past this all waiting images are classified in padded batches.

Only images of many shapes reach it, as each shape fills batches of its own.
"""

Slot = tuple[Codec, int]
"""A codec, and the row of an image in the task: where a prediction belongs."""


class BatchedInference:
    """A classifier's predictions for the images of a task; an image met before is not classified again.

    A network is called with exactly its batch size, the last batch padded with black, so that the prediction of an
    image does not depend on what else was measured. ``seconds`` and ``classified`` count the time and the images;
    ``unpadded_seconds`` leave out the share of the batches that was padding.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.seconds = self.unpadded_seconds = 0.0
        self.classified = 0
        self._numbers: dict[bytes, int] = {}
        """The number of each different image, by its digest."""
        self._slots: dict[Codec, dict[int, int]] = {}
        """The number of the image in each row of a codec."""
        self._waiting: dict[tuple[int, ...], list[tuple[int, RGB]]] = {}
        self._outputs: list[tuple[list[int], NDArray[np.int64], NDArray[np.float32]]] = []
        """For each batch its images' numbers, their predictions, and the log-probabilities of all classes."""
        self._errors: dict[int, str] = {}
        self._bytes = 0
        self._batch_seconds = 0.0

    def add(self, slot: Slot, digest: bytes, pixels: RGB) -> None:
        """Takes in the decoded image of a slot; it is classified as soon as a batch is full.

        digest: a hash of the pixels; images of equal digests count as one. pixels: (H, W, 3).
        """
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
        seconds = perf_counter() - begin
        self.seconds += seconds
        self.unpadded_seconds += seconds
        if len(waiting) == self.classifier.batch:
            self._classify(prepared.shape)
        elif self._bytes > WAITING_BYTES:  # images of many shapes
            self.flush()

    @property
    def pending(self) -> float:
        """The seconds that ``flush`` will take, as the last batch did; 0 before there was one."""
        return len(self._waiting) * self._batch_seconds

    def flush(self) -> None:
        """Classifies all images that still wait, in padded batches."""
        for shape in list(self._waiting):
            self._classify(shape)

    def _classify(self, shape: tuple[int, ...]) -> None:
        """Classifies the images of one shape that wait; there are at most a batch of them."""
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
            self._outputs.append((numbers, logits.argmax(1), log_softmax(logits)))
        except Exception as error:  # whatever a plug-in raises belongs to its rows, not to the run
            self._errors.update(dict.fromkeys(numbers, f"classifier: {describe_error(error)}"))
        self._batch_seconds = perf_counter() - begin
        self.seconds += self._batch_seconds
        self.unpadded_seconds += self._batch_seconds * len(waiting) / len(batch)

    def _checked(self, logits: NDArray[np.float32], images: int) -> NDArray[np.float32]:
        """The logits, where they are (images, classes). Raises ValueError for another shape."""
        classes = len(self.classifier.classes)
        if np.ndim(logits) != 2 or len(logits) != images or (classes and logits.shape[1] != classes):
            expected = (images, classes or "classes")
            raise ValueError(f"logits_of_batch gave {np.shape(logits)} for {images} images instead of {expected}")
        return logits

    def of(
        self, codec: Codec, labels: NDArray[np.int64], errors: dict[int, str]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """The predictions for a codec's images, the log-probabilities of their labels, and the probabilities of the
        classes predicted, (N,) each.

        Without a prediction these are -1 and NaN; the log-probability is NaN without a label, too. labels: (N,), -1 for
        none. errors: receives the rows whose classification failed. Call ``flush`` before.
        """
        predictions = np.full(len(labels), -1, np.int32)
        log_probabilities, confidences = np.full((2, len(labels)), np.nan, np.float32)
        slots = self._slots.get(codec, {})
        errors.update({row: self._errors[n] for row, n in slots.items() if n in self._errors})
        good = {row: n for row, n in slots.items() if n not in self._errors}
        if good:
            order = np.concatenate([numbers for numbers, _, _ in self._outputs])
            places = np.empty(len(self._numbers), np.int64)
            places[order] = np.arange(len(order))
            rows, chosen = np.fromiter(good, int), places[np.fromiter(good.values(), int)]
            predictions[rows] = np.concatenate([best for _, best, _ in self._outputs])[chosen]
            by_class = np.concatenate([logs for _, _, logs in self._outputs])
            confidences[rows] = np.exp(by_class[chosen, predictions[rows]])
            labelled = (labels[rows] >= 0) & (labels[rows] < by_class.shape[1])
            log_probabilities[rows[labelled]] = by_class[chosen[labelled], labels[rows[labelled]]]
        return predictions, log_probabilities, confidences


def _unusable(numbers: list[int], logits: NDArray[np.float32]) -> list[int]:
    """The numbers of the images whose logits are not all finite."""
    bad = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    return [numbers[row] for row in bad]


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The natural logarithms of the classes' probabilities, (N, classes) as the logits; computed in float64."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return (shifted - np.log(np.exp(shifted).sum(1, keepdims=True))).astype(np.float32)
