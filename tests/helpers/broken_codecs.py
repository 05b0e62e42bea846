"""Codecs each of which breaks one promise; in a module of their own, so that spawned workers have them too."""

import hashlib
import itertools
import os
import time
import zlib
from dataclasses import dataclass

import numpy as np
import rabench


@dataclass(frozen=True)
class Honest(rabench.Codec):
    """Fewer bits a sample, deflated."""

    name = "honest"
    bits: int = rabench.setting(5, range(1, 9), quality_parameter=True)

    def version(self):
        return "1"

    def encode(self, image):
        pixels = rabench.as_rgb(image)
        size = pixels.shape[0].to_bytes(2, "big") + pixels.shape[1].to_bytes(2, "big")
        return b"HO" + size + zlib.compress((pixels >> (8 - self.bits)).tobytes())

    def decode(self, data):
        if data[:2] != b"HO":
            raise ValueError("no such file")
        shape = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big"), 3
        coarse = np.frombuffer(zlib.decompress(data[6:]), np.uint8).reshape(shape)
        return (coarse << (8 - self.bits)) + (1 << (8 - self.bits) >> 1)


class NoVersion(Honest):
    name = "no-version"

    def version(self):
        raise FileNotFoundError("encoder")


class Blind(Honest):
    name = "blind"

    def encode(self, image):
        return super().encode(np.zeros_like(rabench.as_rgb(image)))


class Even(Honest):
    """Gives back whole pairs of pixels alone."""

    name = "even"

    def decode(self, data):
        pixels = super().decode(data)
        return pixels[: max(1, len(pixels) // 2 * 2)]


class NoIndices(Honest):
    name = "no-indices"

    def encode(self, image):
        return super().encode(np.asarray(image, np.uint8))


class Liar(Honest):
    name = "liar"
    lossless = True


_COUNT = itertools.count()


class Dated(Honest):
    """A counter in every file, as a time stamp would be."""

    name = "dated"

    def encode(self, image):
        return super().encode(image) + next(_COUNT).to_bytes(4, "big")


class Neighbourly(Honest):
    """A batch's first image is coded by one bit less."""

    name = "neighbourly"

    def encode_batch(self, images):
        return [Honest(4).encode(images[0]), *(self.encode(i) for i in images[1:])]


class Miscounted(Honest):
    name = "miscounted"

    def byte_breakdown(self, data):
        return rabench.ByteBreakdown(container=6, payload=len(data))


class Backwards(Honest):
    """A quality parameter that changes nothing."""

    name = "backwards"

    def encode(self, image):
        return Honest(5).encode(image)

    def decode(self, data):
        return Honest(5).decode(data)


class Gullible(Honest):
    """Makes an image of whatever it is given."""

    name = "gullible"

    def decode(self, data):
        try:
            return super().decode(data)
        except (ValueError, zlib.error):
            return np.zeros((8, 8, 3), np.uint8)


class Crashing(Honest):
    name = "crashing"

    def decode(self, data):
        if data[:2] != b"HO":
            os._exit(11)
        return super().decode(data)


class Hanging(Honest):
    name = "hanging"

    def decode(self, data):
        while data[:2] != b"HO":
            time.sleep(1)
        return super().decode(data)


class Homebound(Honest):
    """Writes other bytes in another process."""

    name = "homebound"

    def encode(self, image):
        return super().encode(image) + os.getpid().to_bytes(4, "big")


class Unframed(Honest):
    """Its class is no dataclass, so that the setting is lost."""

    name = "unframed"
    step: int = rabench.setting(1, range(1, 5))


class Referring(Honest):
    """In a batch of one size an image that comes again is a reference to its first file."""

    name = "referring"

    def encode_batch(self, images):
        files = [self.encode(image) for image in images]
        if len({rabench.as_rgb(image).shape for image in images}) > 1:
            return files
        return [b"HO same" if file in files[:place] else file for place, file in enumerate(files)]


class Payloadless(Honest):
    name = "payloadless"

    def byte_breakdown(self, data):
        return rabench.ByteBreakdown(container=len(data))


class Dented(Honest):
    """At three bits decodes to black."""

    name = "dented"

    def decode(self, data):
        return super().decode(data) * (self.bits != 3)


@dataclass(frozen=True)
class Leveled(Honest):
    """A second setting whose highest value does not work."""

    name = "leveled"
    level: int = rabench.setting(6, range(1, 11))

    def encode(self, image):
        file = super().encode(image)
        return file[:6] + zlib.compress(zlib.decompress(file[6:]), self.level)


class Overclaiming(Honest):
    """Says that all settings up to 4 bits write the same files."""

    name = "overclaiming"

    def canonical(self):
        return type(self)(max(self.bits, 4))


_PIXELS = {}


@dataclass(frozen=True)
class Hoarding(rabench.Codec):
    """Keeps the pixels in this process's memory, and writes their hash."""

    name = "hoarding"

    def version(self):
        return "1"

    def encode(self, image):
        pixels = rabench.as_rgb(image)
        file = hashlib.sha256(pixels.tobytes() + bytes(pixels.shape[0])).digest()[:8]
        _PIXELS[file] = pixels.copy()
        return file

    def decode(self, data):
        return _PIXELS[data].copy()


class Remembering(Honest):
    """Gives the pixels themselves where this process has encoded them, and what the file holds elsewhere."""

    name = "remembering"

    def encode(self, image):
        file = super().encode(image)
        _PIXELS[file] = rabench.as_rgb(image).copy()
        return file

    def decode(self, data):
        return _PIXELS[data].copy() if data in _PIXELS else super().decode(data)


BROKEN = [
    (NoVersion(), "tells its version", "version() raises FileNotFoundError"),
    (Blind(), "sees the image", "6 different images give 1 different files"),
    (Even(), "keeps every size", "7x5, odd: decoded to uint8 4x7x3 instead of uint8 5x7x3"),
    (NoIndices(), "takes images of few colors", "encode raises"),
    (Liar(), "loses nothing where it says so", "6 of 6 photographs change"),
    (Dated(), "is deterministic", "encoding twice gives two files"),
    (Neighbourly(), "codes a batch as each alone", "the first other one at 0"),
    (Miscounted(), "says what its bytes are for", "payload="),
    (Backwards(), "has a quality parameter that trades bytes for error", "bits changes no file"),
    (Gullible(), "answers corrupt files", "nothing: decode gives an image instead of raising"),
    (Crashing(), "answers corrupt files", "the process dies"),
    (Hanging(), "answers corrupt files", "no answer in 5 s"),
    (Unframed(), "is a value", "step is no setting: its class is no dataclass"),
    (Referring(), "codes a batch as each alone", "3 files for 3 images, the first other one at 2"),
    (Payloadless(), "says what its bytes are for", "no byte is for the pixels"),
    (Dented(), "has a quality parameter that trades bytes for error", "more bytes, more error over bits"),
    (Leveled(), "works at both ends of every setting", "level=10, 1x1: encode raises"),
    (Overclaiming(), "writes equal files where it says so", "overclaiming:bits=1 writes other files than"),
    (Hoarding(), "decodes what another process wrote", "1x1: KeyError: b"),
    (Remembering(), "decodes what another process wrote", "1x1: other pixels than in the process that encoded"),
    (Homebound(), "works in spawned workers", "a spawned process writes other bytes"),
]
