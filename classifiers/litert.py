"""Networks as LiteRT files (TensorFlow Lite), in floating point or 8 bits."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BadSetting, Refused, Unavailable
from ..core.files import sha256_of
from ..core.plugins import Location, Text, setting
from .class_files import class_file_hash, class_names
from .preprocessing import Preprocessed, Preprocessing, three

REMEDY = "litert needs ai-edge-litert: pip install -c constraints.txt '.[litert]'"
TINY = 1e-6
"""The least probability of a class, since logarithms of 0 are no numbers."""


@dataclass(frozen=True)
class LiteRT(Preprocessed):
    """A LiteRT classifier (.tflite), floating point or 8 bits; one image a call.

    pixels -> resize and crop -> (times ``scale``, minus ``mean``, by ``std``) -> the network's input. An input of 8 bits
    takes the pixels as they are, unless ``mean`` and ``std`` are named: then these numbers are quantized as the file says.
    """

    name: ClassVar[str] = "litert"
    path: str = setting("", Location("a .tflite file", required=True))
    mean: str = setting(
        "", Text('three numbers for values of 0..1, quoted: mean="0.5,0.5,0.5"'), help="default: as in Keras, 0.5"
    )
    std: str = setting("", Text('three numbers, quoted: std="0.5,0.5,0.5"'), help="default: as in Keras, 0.5")
    output: str = setting(
        "file", ("file", "logits", "probabilities"), help="file: probabilities if they sum to 1, else logits"
    )
    threads: int = setting(1, range(1, 65), remark=True, help="threads of each worker")
    classes_file: str = setting("", Location("a text file with a class name a line; empty for none"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.mean) != bool(self.std):
            raise BadSetting("litert: mean and std are named together, or neither")
        if self.mean:
            three(self.name, "mean", self.mean)
        if self.std and 0 in three(self.name, "std", self.std):
            raise BadSetting(f"litert: std divides the pixels and must not be 0, got {self.std!r}")

    def version(self) -> str:
        _ = self.preprocessing  # settings that do not go together are told before anything runs
        class_hash = class_file_hash(self.name, self.classes_file)
        return f"sha256 {sha256_of(self._file())[:16]}, ai-edge-litert {version('ai-edge-litert')}, CPU{class_hash}"

    @classmethod
    def ready(cls) -> str:
        _interpreter_class()
        return f"ai-edge-litert {version('ai-edge-litert')}; give path=FILE.tflite"

    @property
    def classes(self) -> tuple[str, ...]:
        return class_names(self.name, self.classes_file, self._network.classes, self.path)

    @property
    def size(self) -> int:
        return self._network.side

    @property
    def batch(self) -> int:
        return 1

    @property
    def preprocessing(self) -> Preprocessing:
        """Resize and crop: to the file's input by default."""
        return self.named(Preprocessing(), resize=self.size, crop=self.size)

    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        network = self._network
        result = np.concatenate([network.run(self._input(image[None])) for image in images])
        if self.output == "probabilities" or (self.output == "file" and network.gives_probabilities):
            return np.log(np.maximum(result, TINY))
        return result

    def _input(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """The images, (1, H, W, 3), in the type that the network takes."""
        network = self._network
        if network.input_type is np.float32 or self.mean:
            mean, std = (three(self.name, n, getattr(self, n) or "0.5,0.5,0.5") for n in ("mean", "std"))
            if network.input_type is np.float32:
                return Preprocessing(mean=mean, std=std).tensor(images)
            # In double precision: pixels may fall between two steps, where the last bits of single precision decide
            return network.quantized((images / 255 - np.array(mean)) / np.array(std))
        return images if network.input_type is np.uint8 else (images.astype(np.int16) - 128).astype(np.int8)

    @property
    def _network(self) -> _Network:
        return _loaded(self._file(), sha256_of(self._file()), self.threads)

    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise Unavailable(f"litert: no file at {self.path!r}; give path=FILE.tflite")
        return path


class _Network:
    """A loaded network: one image in, one row of classes out."""

    def __init__(self, path: Path, threads: int) -> None:
        try:
            with _quiet():
                self._interpreter = _interpreter_class()(str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise Unavailable(f"litert: {path} cannot be loaded: {str(error).splitlines()[0]}") from None
        (self._input, *more), (self._output, *_) = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        shape, classes = ([int(n) for n in part["shape"]] for part in (self._input, self._output))
        if more or len(shape) != 4 or shape[0] != 1 or shape[1] != shape[2] or shape[3] != 3:
            raise Refused(f"litert: {path} takes {_shape(shape)}; one image of 1 x side x side x 3 is wanted")
        if len(classes) != 2 or classes[0] != 1:
            raise Refused(f"litert: {path} gives {_shape(classes)}; a classifier gives 1 x classes")
        self.side, self.classes, self.input_type = int(shape[1]), int(classes[1]), self._input["dtype"]
        if self.input_type not in (np.float32, np.uint8, np.int8):
            raise Refused(f"litert: {path} takes {self.input_type.__name__}; float32, uint8 and int8 are known")
        self.gives_probabilities = self._ends_in_softmax(shape)

    def _ends_in_softmax(self, shape: list[int]) -> bool:
        """Whether outputs are probabilities: in 8 bits by the scale that LiteRT's softmax always has, else by their sum."""
        scale, zero = self._output["quantization"]
        if scale:
            return scale == 1 / 256 and zero == np.iinfo(self._output["dtype"]).min
        result = self.run(np.full(shape, 100, self.input_type))
        return bool(result.min() >= 0 and abs(result.sum() - 1) < 1e-3)

    def quantized(self, x: NDArray[np.float64]) -> NDArray[Any]:
        """Real numbers as the file's own quantization stores them."""
        scale, zero = self._input["quantization"]
        limits = np.iinfo(self.input_type)
        return np.clip(np.round(x / scale + zero), limits.min, limits.max).astype(self.input_type)

    def run(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """(1, side, side, 3) -> (1, classes), real numbers."""
        self._interpreter.set_tensor(self._input["index"], x)
        self._interpreter.invoke()
        result = self._interpreter.get_tensor(self._output["index"])
        scale, zero = self._output["quantization"]
        return ((result.astype(np.float32) - zero) * scale if scale else result).astype(np.float32)


def _shape(lengths: list[int]) -> str:
    return "x".join(map(str, lengths))


@lru_cache(maxsize=4)
def _loaded(path: Path, sha256: str, threads: int) -> _Network:
    return _Network(path, threads)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps LiteRT from writing to standard error which delegate it made: it has no setting for that."""
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise Unavailable(REMEDY) from None
    return Interpreter
