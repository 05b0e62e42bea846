"""The formats that Pillow writes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from ..core.errors import Unavailable
from ..core.images import RGB


def write(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def read(data: bytes, *formats: str) -> RGB:
    """The pixels of a file of one of those formats and no other, as RGB."""
    with Image.open(BytesIO(data), formats=formats) as image:
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def pillow_version(library: str) -> str:
    version = features.version(library)
    if version is None:
        raise Unavailable(f"this Pillow was built without {library}: pip install --force-reinstall pillow")
    return f"Pillow {PIL.__version__}, {library} {version}"
