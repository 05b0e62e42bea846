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
