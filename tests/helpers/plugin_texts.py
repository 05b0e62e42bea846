"""Plug-in files as a user writes them."""

CODEC = '''
import zlib
from dataclasses import dataclass
import numpy as np
import rabench

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
