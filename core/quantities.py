"""Amounts and names as people write them: 20min, 200GB, 1.2M images, 0.5bpp; jpeg,webp."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from .errors import BadSetting

_TEXT = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*([A-Za-z]*)")
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
BYTES = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
COUNT = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9}
RATE = {"bpp": 1, "": 1}
LOSS = {"points": 1, "point": 1, "nats": 1, "": 1}


def amount(text: str | float, units: Mapping[str, float], option: str, example: str) -> float:
    """The number that a text names, in the unit whose factor is 1; a number is taken to be in that unit.

    Raises BadSetting for what is none, or not above 0.

    option: the argument that the text was given for, and ``example`` one that is allowed, for the error.
    """
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 < text < math.inf:
        return float(text)
    match = _TEXT.fullmatch(str(text).strip())
    by_name = {unit.lower(): unit for unit in units} | {unit: unit for unit in units}
    unit = match and by_name.get(match[2], by_name.get(match[2].lower()))
    number = float(match[1].replace(",", "")) if match else 0.0
    if unit is None or not number:
        allowed = ", ".join(unit for unit in units if unit)
        raise BadSetting(f"`{option}` is a number above 0 and its unit ({allowed}), such as {example}, got {text!r}")
    return number * units[unit]


def seconds(text: str | float) -> float:
    """The seconds of a text such as 20min, or a number of seconds."""
    return amount(text, SECONDS, "budget", "20min")


def loss(text: str | float | None) -> float | None:
    """The tolerated loss of a text such as 0.5, in points, or in nats of log-loss."""
    if text is None or isinstance(text, int | float):
        return text
    try:
        return float(text)
    except ValueError:
        return amount(text, LOSS, "lose_at_most", "0.5")


def number_range(text: str | None, option: str, example: str) -> tuple[float, float] | None:
    """The ends of a range such as 0.5..4; of one number both are that. Raises BadSetting for what is none."""
    if text is None:
        return None
    low, dots, high = text.partition("..")
    try:
        return float(low), float(high if dots else low)
    except ValueError:
        raise BadSetting(f"`{option}` is a range, such as {example}, got {text!r}") from None


def rate(
    at_most: str | float | None, bytes: str | float | None, images: str | float | None
) -> tuple[float | None, float | None]:
    """The most bits per pixel, or the most bits per image, that are asked for; one of them is None.

    at_most: such as 0.5bpp. bytes, images: such as 200GB for 1.2M images; plain numbers are bytes and images. Raises
    BadSetting where neither or both are said.
    """
    if bytes is not None and images is None and at_most is None:
        raise BadSetting("`bytes` are those of all images: say with `images` how many, such as 1.2M")
    if (at_most is None) == (bytes is None) or (bytes is None) != (images is None):
        raise BadSetting("say `lose_at_most` (0.5), or `at_most` (0.5bpp), or `bytes` (200GB) with `images` (1.2M)")
    if at_most is not None:
        return amount(at_most, RATE, "at_most", "0.5bpp"), None
    assert bytes is not None and images is not None
    return None, 8 * amount(bytes, BYTES, "bytes", "200GB") / amount(images, COUNT, "images", "1.2M")


def names(text: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of a text such as ``jpeg,webp``, or of a sequence of them; none of None."""
    return tuple(name.strip() for name in text.split(",")) if isinstance(text, str) else tuple(text or ())


def counted(number: float, noun: str) -> str:
    """A number and what it counts: 1 point, 0.5 points."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
