"""Plug-in files as a user writes them."""

IMPORTS = """
import zlib
from dataclasses import dataclass
import numpy as np
import rabench
"""
CODEC = (
    IMPORTS
    + '''
@dataclass(frozen=True)
class Coarse(rabench.Codec):
    """Fewer bits a sample, deflated."""
    name = "{name}"
    bits: int = rabench.setting(4, range(1, 9), quality_parameter=True)

    def version(self):
        return "1"

    def encode(self, image):
        pixels = rabench.as_rgb(image)
        coarse = pixels >> (8 - self.bits)
        return b"CO" + pixels.shape[0].to_bytes(2) + pixels.shape[1].to_bytes(2) + zlib.compress(coarse.tobytes())

    def decode(self, data):
        if data[:2] != b"CO":
            raise ValueError("no such file")
        high, wide = int.from_bytes(data[2:4]), int.from_bytes(data[4:6])
        coarse = np.frombuffer(zlib.decompress(data[6:]), np.uint8).reshape(high, wide, 3)
        return (coarse << (8 - self.bits)) + (1 << (8 - self.bits) >> 1)
'''
)
OTHER_FAMILIES = (
    IMPORTS
    + '''
@dataclass(frozen=True)
class Grid(rabench.Quantizer):
    """The nearest of levels**3 colors on a grid, all of them in the palette."""
    name = "grid"
    levels: int = rabench.setting(2, range(2, 7), quality_parameter=True)

    def quantize(self, images):
        steps = np.rint(np.linspace(0, 255, self.levels)).astype(np.uint8)
        palette = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
        quantized = []
        for image in images:
            r, g, b = np.moveaxis(np.rint(image / 255 * (self.levels - 1)).astype(np.uint8), 2, 0)
            quantized.append(rabench.IndexedImage((r * self.levels + g) * self.levels + b, palette))
        return quantized

    def version(self):
        return "1"


@dataclass(frozen=True)
class Brightness(rabench.Classifier):
    """Dark or light, by the mean."""
    name = "brightness"

    def version(self):
        return "1"

    @property
    def classes(self):
        return ("dark", "light")

    @property
    def size(self):
        return 0

    def logits_of_batch(self, images):
        light = images.mean((1, 2, 3)) / 255
        return np.stack([1 - light, light], 1).astype(np.float32)


class InMemory:
    classes = ("dark", "light")

    def __len__(self):
        return 40

    def read(self, start, stop):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 128, (40, 16, 16, 3)).astype(np.uint8)
        images[1::2] += 127
        chosen = list(images[start:stop])
        return rabench.Block(chosen, np.arange(start, stop) % 2, [rabench.Source("raw")] * len(chosen))

    def stamp(self):
        return "1"


@dataclass(frozen=True)
class Squares(rabench.Dataset):
    """Dark and light noise in turn."""
    name = "squares"

    def open(self):
        return InMemory()
'''
)

WEIGHTED = '''
import os
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
import numpy as np
import rabench

HERE = Path(__file__).parent
{before}

@dataclass(frozen=True)
class Weighted(rabench.Codec):
    """Samples divided by what weights say, deflated."""
    name = "weighted"
    weights: str = rabench.setting("", rabench.Location("a .npy file"))

    def version(self):
        return {version}

    def encode(self, image):
        pixels = rabench.as_rgb(image)
        coarse = pixels // {step}
        return b"WE" + pixels.shape[0].to_bytes(2, "big") + pixels.shape[1].to_bytes(2, "big") + zlib.compress(coarse.tobytes())

    def decode(self, data):
        if data[:2] != b"WE":
            raise ValueError("no such file")
        high, wide = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big")
        return np.frombuffer(zlib.decompress(data[6:]), np.uint8).reshape(high, wide, 3) * np.uint8({step})
'''
"""A codec that reads one number: {before} its class, as {step}; {version} is what version() gives."""


def python_file(folder, text=CODEC, name="coarse"):
    """A file of that text in ``folder``; a codec in it is called as the file is."""
    path = folder / f"{name}.py"
    path.write_text(text.replace("{name}", name))
    return path
