"""Any network, from any framework, as an ONNX file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BadSetting, Refused, Unavailable
from ..core.files import sha256_of
from ..core.plugins import Location, Span, Text, setting
from .base import Classifier

REMEDY = "onnx needs onnx and onnxruntime: pip install -c constraints.txt '.[onnx]'"


@dataclass(frozen=True)
class ONNX(Classifier):
    """An ONNX classifier through onnxruntime; its preprocessing is named by settings.

    pixels -> resize and crop to ``input`` -> times ``scale`` -> minus ``mean`` -> by ``std`` -> the
    network's first input; its first output holds the logits.
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
            _three(name, getattr(self, name))
        if 0 in _three("std", self.std):
            raise BadSetting(f"onnx: std divides the pixels and must not be 0, got {self.std!r}")

    def version(self) -> str:
        _runtime()
        weights = _sha256_with_weights(self._file(), sha256_of(self._file()))
        class_hash = f", classes {sha256_of(self._names())[:16]}" if self.classes_file else ""
        return f"sha256 {weights[:16]}, onnxruntime {version('onnxruntime')}, CPU, fp32{class_hash}"

    @classmethod
    def ready(cls) -> str:
        _runtime()
        return f"onnxruntime {version('onnxruntime')}; give path=FILE.onnx"

    @property
    def classes(self) -> tuple[str, ...]:
        count = _class_count(self, sha256_of(self._file()))
        if not self.classes_file:
            return tuple(map(str, range(count)))
        try:
            lines = self._names().read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"onnx: {self.classes_file} cannot be read: {error}") from None
        names = tuple(line.strip() for line in lines if line.strip())
        if len(names) != count:
            raise Refused(f"{self.classes_file} names {len(names)} classes, {self.path} gives {count} logits")
        return names

    @property
    def size(self) -> int:
        return self.input or _fixed(_session(self._file(), sha256_of(self._file())), self.layout)[1]

    @property
    def batch(self) -> int:
        """The batch that the file fixes, else 64."""
        return _fixed(_session(self._file(), sha256_of(self._file())), self.layout)[0] or 64

    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(images)

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = images[..., ::-1] if self.channels == "bgr" else images
        mean, std = _three("mean", self.mean), _three("std", self.std)
        x = ((pixels.astype(np.float32) * np.float32(self.scale) - mean) / std).astype(np.float32)
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
        if logits.ndim != 2 or len(logits) != len(images):
            raise Refused(f"{self.path}: the first output is {logits.shape}; (images, classes) is wanted")
        return logits.astype(np.float32)

    def _names(self) -> Path:
        path = Path(self.classes_file).expanduser()
        if not path.is_file():
            raise Unavailable(
                f"onnx: no file at {self.classes_file!r}; give classes_file=FILE with a class name a line"
            )
        return path

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
    missing = [name for name in beside if not (path.parent / name).is_file()]
    if missing:
        raise Unavailable(f"onnx: {path} keeps weights in {', '.join(missing)}, which is not beside it; put it there")
    hashes = [sha256, *(sha256_of(path.parent / name) for name in beside)]
    return sha256 if not beside else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _three(name: str, text: str) -> NDArray[np.float32]:
    try:
        numbers = np.array([float(n) for n in text.split(",")], np.float32)
    except ValueError:
        numbers = np.empty(0, np.float32)
    if numbers.shape != (3,):
        raise BadSetting(f'onnx: {name} must be three numbers, quoted: {name}="0.5,0.5,0.5", got {text!r}')
    return numbers


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise Unavailable(REMEDY) from None
    return onnxruntime


@lru_cache(maxsize=4)
def _session(path: Path, sha256: str) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers share the cores, not threads
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base
        raise Unavailable(f"onnx: {path} cannot be loaded: {str(error).splitlines()[0]}") from None


def _fixed(session: Any, layout: str) -> tuple[int, int]:
    """The batch and side that the file fixes; 0 where it leaves them open."""
    shape = session.get_inputs()[0].shape
    if len(shape) != 4:
        raise Refused(f"the first input is {shape}; images of four axes are wanted ({layout})")
    side = shape[2] if layout == "nchw" else shape[1]
    return _fixed_length(shape[0]), _fixed_length(side)


def _fixed_length(length: Any) -> int:
    return length if isinstance(length, int) and length > 0 else 0  # an open axis is a name or None
