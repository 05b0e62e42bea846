"""Published rate-distortion curves that a study is held against: JSON files as in CompressAI's results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import BadSetting
from ...core.json_texts import parsed

METRICS = {"psnr-rgb": "psnr", "ms-ssim-rgb": "ms-ssim", "psnr": "psnr", "ms-ssim": "ms-ssim", "ssim": "ssim"}
"""The names of metrics in such files, and here."""


@dataclass(frozen=True)
class PublishedCurve:
    """A curve that somebody published: means over images."""

    curve: str
    """The study's curve that it is held against, such as ``bpg:chroma=444``."""
    description: str
    bpp: tuple[float, ...]
    """The mean of the images' rates, in bits per pixel."""
    values: dict[str, tuple[float, ...]]
    """The mean of each metric, by its name here."""
    parameters: tuple[int, ...] = ()
    """The value of the codec's quality parameter at each point; empty where nobody said."""

    def __hash__(self) -> int:
        return hash((self.curve, self.bpp))


def read_published(path: Path, curve: str) -> PublishedCurve:
    """The curve in a file. curve: the study's curve that it is held against.

    The file is an object with ``description`` and ``results``: lists ``bpp``, ``psnr-rgb``, ``ms-ssim-rgb`` of one length,
    and perhaps ``quality`` or ``qp``. Raises BadSetting, naming the file, for any other.
    """
    try:
        content: Any = parsed(path.read_text(encoding="utf-8"))
        results = content["results"]
        bpp = tuple(float(v) for v in results["bpp"])
        values = {METRICS[name]: tuple(float(v) for v in results[name]) for name in results if name in METRICS}
        parameters = tuple(int(v) for name in ("quality", "qp") for v in results.get(name, ()))
    except OSError as error:
        raise BadSetting(f"published: {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSetting(
            f'published: {path} is no JSON file with "results" that hold "bpp" and "psnr-rgb" or "ms-ssim-rgb" ({error!r})'
        ) from None
    lengths = {len(bpp), *map(len, values.values()), *([len(parameters)] if parameters else [])}
    if len(lengths) != 1 or not values:
        raise BadSetting(f"published: {path} holds lists of different lengths, or no metric: {sorted(lengths)}")
    return PublishedCurve(curve, str(content.get("description", path.stem)), bpp, values, parameters)
