"""Decoding of stored image files to the RGB pixels that everything in the bench starts from.

One rule for every data set and every codec that takes files as they lie: upright by the EXIF orientation, the first
frame, grey and palettes as RGB, transparency dropped, 16 bits a channel cut to their upper 8, CMYK and other models
converted by Pillow's formulas, and ICC profiles not applied. What of this happened to an image is told beside its pixels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .images import RGB

_EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
_SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}
_ORIENTATION = 0x0112
"""EXIF's tag for the way an image is to be turned."""

ROTATED = "they are turned upright by their EXIF orientation"
TRANSPARENT = "their transparency is dropped"
ANIMATED = "the first of several frames is taken, and the native bytes count all of them"
PROFILED = "their ICC profile is not sRGB, and is not applied"
DEEP = "their 16 bits a channel are cut to 8"
OTHER_MODEL = "their {mode} pixels are converted to RGB without a profile"


class Undecodable(ValueError):
    """The error for a file that gives no pixels; its text is a reason in a few words."""

    def __init__(self, reason: str, format: str = "unknown", remarks: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.format, self.remarks = format, remarks


@dataclass(frozen=True)
class Decoded:
    """The pixels of a file."""

    pixels: RGB
    """(H, W, 3), writable."""
    format: str
    """Pillow's name of the file's format."""
    remarks: tuple[str, ...]
    """What of the stored image its pixels leave out or change, as texts about several such images."""


def decode_stored(file: bytes) -> Decoded:
    """The pixels of a stored file, by the rule above. Raises Undecodable, with the reason, for one that gives none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large photograph or odd metadata is no news here
            image = Image.open(BytesIO(file))
            format, remarks = image.format or "unknown", _remarks(image)
            if image.mode in _SIXTEEN_BIT:
                upper = (np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16) >> 8).astype(np.uint8)
                return Decoded(np.repeat(upper[..., None], 3, axis=2), format, remarks)
            if image.mode not in _EIGHT_BIT:
                raise Undecodable(f"{image.mode} pixels; 8 or 16 bits a channel are allowed", format, remarks)
            return Decoded(np.array(ImageOps.exif_transpose(image).convert("RGB")), format, remarks)
    except Undecodable:
        raise
    except UnidentifiedImageError:
        raise Undecodable("no image that Pillow can read") from None
    except Exception as error:  # Pillow's readers raise anything, struct.error and MemoryError too
        raise Undecodable(f"{type(error).__name__}: {error}".split("\n")[0]) from None


def _remarks(image: Image.Image) -> tuple[str, ...]:
    """What happens to this image on its way to pixels, beside plain decoding."""
    remarks = []
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        remarks.append(TRANSPARENT)
    if getattr(image, "is_animated", False):
        remarks.append(ANIMATED)
    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        remarks.append(ROTATED)
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        remarks.append(OTHER_MODEL.format(mode=image.mode))
    if image.mode in _SIXTEEN_BIT or _cut_by_pillow(image):
        remarks.append(DEEP)
    if (profile := image.info.get("icc_profile")) and not _is_srgb(profile):
        remarks.append(PROFILED)
    return tuple(remarks)


def _cut_by_pillow(image: Image.Image) -> bool:
    """Whether Pillow reads 16 bits a channel as 8: it has no mode for color of that depth."""
    return any(isinstance(a, str) and ";16" in a for tile in getattr(image, "tile", ()) for a in _flat(tile[3]))


def _flat(arguments: object) -> tuple[object, ...]:
    return arguments if isinstance(arguments, tuple) else (arguments,)


def _is_srgb(profile: bytes) -> bool:
    """Whether an ICC profile says that it is sRGB; one that cannot be read says nothing."""
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
        return "srgb" in (ImageCms.getProfileDescription(opened) or "").lower()
    except (OSError, ImageCms.PyCMSError):
        return False
