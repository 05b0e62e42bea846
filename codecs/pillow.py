"""Files of the formats that Pillow reads and writes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from ..core.errors import Unavailable
from ..core.images import RGB


def write(image: Image.Image, format: str, **options: Any) -> bytes:
    """The bytes of a file. format: Pillow's name for it. options: those of Pillow's encoder."""
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def read(data: bytes, *formats: str) -> RGB:
    """The pixels of a file as RGB, (H, W, 3). formats: Pillow's names; a file of any other is refused."""
    with Image.open(BytesIO(data), formats=formats) as image:
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def pillow_version(library: str) -> str:
    """Pillow's version and that of a library in it. Raises Unavailable where Pillow was built without it."""
    version = features.version(library)
    if version is None:
        raise Unavailable(f"this Pillow was built without {library}: pip install --force-reinstall pillow")
    return f"Pillow {PIL.__version__}, {library} {version}"
