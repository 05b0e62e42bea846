"""Any network, from any framework, as an ONNX file."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BadSetting, Refused, Unavailable
from ..core.files import sha256_of
from ..core.plugins import Location, Span, Text, setting
from .class_files import class_file_hash, class_names
from .preprocessing import Preprocessed, Preprocessing, three

CUDA = "CUDAExecutionProvider"
MOST_PIXELS = 1 << 26
"""Pixels of a batch whose size a file fixes."""
REMEDY = "onnx needs onnx and onnxruntime: pip install -c constraints.txt '.[onnx]'"


@dataclass(frozen=True)
class ONNX(Preprocessed):
    """An ONNX classifier through onnxruntime, on a GPU where it has one; its preprocessing is named by settings.

    pixels -> resize and crop -> times ``scale`` -> minus ``mean`` -> by ``std`` -> the network's first input; its first
    output holds the logits. Without ``resize`` and ``crop`` the shorter side is resized to ``input`` (bicubic), and the
    middle is taken.
    """

    name: ClassVar[str] = "onnx"
    path: str = setting("", Location("an .onnx file", required=True))
    input: int = setting(
        0, range(4097), help="side of the square input; 0 takes what the file says, or images as they come"
    )
    layout: str = setting("nchw", ("nchw", "nhwc"), help="order of the input's axes: channels first, or last")
    channels: str = setting("rgb", ("rgb", "bgr"), help="order of the channels")
    scale: float = setting(1 / 255, Span(1e-6, 1.0), help="what an 8-bit value is multiplied by, first")
    mean: str = setting(
        "0.485,0.456,0.406",
        Text('three numbers, quoted: mean="0.5,0.5,0.5"', required=True),
        help="subtracted from each channel after scaling",
    )
    std: str = setting(
        "0.229,0.224,0.225",
        Text('three numbers, quoted: std="0.5,0.5,0.5"', required=True),
        help="divides each channel after that",
    )
    classes_file: str = setting("", Location("a text file with a class name a line; empty for none"))

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("mean", "std"):
            three(self.name, name, getattr(self, name))
        if 0 in three(self.name, "std", self.std):
            raise BadSetting(f"onnx: std divides the pixels and must not be 0, got {self.std!r}")

    @property
    def on_gpu(self) -> bool:
        return True

    def version(self) -> str:
        _runtime()
        weights = _sha256_with_weights(self._file(), sha256_of(self._file()))
        class_hash = class_file_hash(self.name, self.classes_file)
        _ = self.preprocessing  # settings that do not go together are told before anything runs
        used = _session(self._file(), sha256_of(self._file())).get_providers()[0]
        place = "CUDA" if used == CUDA else "CPU"
        return f"sha256 {weights[:16]}, {_package()}, {place}, fp32{class_hash}"

    @classmethod
    def ready(cls) -> str:
        _runtime()
        return f"{_package()}; give path=FILE.onnx"

    @property
    def classes(self) -> tuple[str, ...]:
        count = _class_count(self, sha256_of(self._file()))
        return class_names(self.name, self.classes_file, count, self.path)

    @property
    def size(self) -> int:
        return self.input or _fixed(_session(self._file(), sha256_of(self._file())), self.layout)[1]

    @property
    def batch(self) -> int:
        """The batch that the file fixes, else 64."""
        return _fixed(_session(self._file(), sha256_of(self._file())), self.layout)[0] or 64

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What the settings ask for; None for the older rule, by ``input`` alone."""
        if not (
            self.resize
            or self.crop
            or self.interpolation != "weights"
            or self.antialias == "no"
            or self.aspect != "keep"
        ):
            return None
        side = self.crop or self.size or self.resize
        return self.named(self._normalizing, resize=self.size, crop=side)

    @property
    def _normalizing(self) -> Preprocessing:
        mean, std = (three(self.name, name, getattr(self, name)) for name in ("mean", "std"))
        return Preprocessing(scale=self.scale, mean=mean, std=std)

    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(images)

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = images[..., ::-1] if self.channels == "bgr" else images
        if self.preprocessing is None:  # to the last bit as records of the older rule were made
            mean, std = (np.array(v, np.float32) for v in (self._normalizing.mean, self._normalizing.std))
            x = (pixels.astype(np.float32) * np.float32(self.scale) - mean) / std
        else:
            x = self._normalizing.tensor(pixels)
        if self.layout == "nchw":
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))  # (N, H, W, 3) -> (N, 3, H, W)
        session = _session(self._file(), sha256_of(self._file()))
        try:
            (logits, *_) = session.run(None, {session.get_inputs()[0].name: x})
        except Exception as error:  # onnxruntime's errors have no common base
            raise Refused(
                f"onnx: {self.path} does not take {'x'.join(map(str, x.shape))} ({self.layout}): "
                f"{str(error).splitlines()[0]}; see the settings input and layout"
            ) from None
        logits = np.asarray(logits)  # a network's output may be a list
        if logits.ndim != 2 or len(logits) != len(images) or logits.dtype.kind not in "fiu":
            raise Refused(f"{self.path}: the first output is {logits.shape}; (images, classes) is wanted")
        return logits.astype(np.float32)

    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise Unavailable(f"onnx: no file at {self.path!r}; give path=FILE.onnx")
        return path


@lru_cache(maxsize=64)
def _class_count(classifier: ONNX, sha256: str) -> int:
    side = classifier.size or 64
    return classifier._run(np.zeros((classifier.batch, side, side, 3), np.uint8)).shape[1]


@lru_cache(maxsize=64)
def _sha256_with_weights(path: Path, sha256: str) -> str:
    """The hash of the file and of the weights it keeps in files beside it, as torch's exporter does by default."""
    try:
        import onnx
    except ImportError:
        raise Unavailable(REMEDY) from None
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's errors have no common base
        raise Unavailable(f"onnx: {path} cannot be loaded: {str(error).splitlines()[0]}") from None
    beside = sorted({e.value for t in model.graph.initializer for e in t.external_data if e.key == "location"})
    home = Path(os.path.realpath(path.parent))
    if outside := [n for n in beside if "\0" in n or not Path(os.path.realpath(home / n)).is_relative_to(home)]:
        raise Refused(f"onnx: {path} names weights outside of its folder ({outside[0]:.80}); they belong beside it")
    missing = [name for name in beside if not (path.parent / name).is_file()]
    if missing:
        raise Unavailable(f"onnx: {path} keeps weights in {', '.join(missing)}, which is not beside it; put it there")
    hashes = [sha256, *(sha256_of(path.parent / name) for name in beside)]
    return sha256 if not beside else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise Unavailable(REMEDY) from None
    return onnxruntime


def _providers() -> list[str]:
    """The execution providers to try, best first."""
    return [p for p in (CUDA, "CPUExecutionProvider") if p in _runtime().get_available_providers()]


def _package() -> str:
    """The name and version of the package that brings onnxruntime: that for GPUs has another name."""
    _runtime()
    for name in ("onnxruntime-gpu", "onnxruntime"):
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    return f"onnxruntime {_runtime().__version__}"


@lru_cache(maxsize=4)
def _session(path: Path, sha256: str) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers share the cores, not threads
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(str(path), options, providers=_providers())
    except Exception as error:  # onnxruntime's errors have no common base
        raise Unavailable(f"onnx: {path} cannot be loaded: {str(error).splitlines()[0]}") from None


def _fixed(session: Any, layout: str) -> tuple[int, int]:
    """The batch and side that the file fixes; 0 where it leaves them open."""
    try:
        shape = session.get_inputs()[0].shape
    except (IndexError, ValueError):  # names of axes that are no UTF-8
        raise Refused("the first input has no shape that can be read") from None
    if len(shape) != 4:
        raise Refused(f"the first input is {shape}; images of four axes are wanted ({layout})")
    batch, side = _fixed_length(shape[0]), _fixed_length(shape[2] if layout == "nchw" else shape[1])
    if max(1, batch) * max(1, side) ** 2 > MOST_PIXELS:
        raise Refused(f"the first input is {shape}; the most is {MOST_PIXELS:,} pixels a batch")
    return batch, side


def _fixed_length(length: Any) -> int:
    return length if isinstance(length, int) and length > 0 else 0  # an open axis is a name or None
