"""Plug-ins that behave badly, and ones that are fast."""

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from rabench.classifiers.base import Classifier
from rabench.codecs.base import ByteBreakdown, Codec
from rabench.codecs.raw import Raw
from rabench.core.images import RGB, as_rgb
from rabench.core.plugins import Text, setting
from rabench.datasets.base import RAW, BadImage, Block, Dataset


@dataclass(frozen=True)
class Noise(Dataset):
    """Random images, made when asked for; the same every time."""

    name: ClassVar[str] = "noise"
    images: int = setting(2500, range(1, 1_000_001))
    side: int = setting(8, range(1, 1025))
    bad: int = setting(-1, range(-1, 1_000_000), help="position of an image that cannot be read")

    def open(self):
        return _NoiseReader(self)


class _NoiseReader:
    classes = ("a", "b", "c")

    def __init__(self, noise):
        self.noise = noise
        self.pool = np.random.default_rng(1).integers(0, 256, (250, noise.side, noise.side, 3), np.uint8)

    def __len__(self):
        return self.noise.images

    def read(self, start, stop):
        images = []
        for i in range(start, stop):
            image = self.pool[i % len(self.pool)].copy()
            image[0, 0] = (i >> 16 & 255, i >> 8 & 255, i & 255)  # no two are alike
            images.append(BadImage("scratched") if i == self.noise.bad else image)
        return Block(images, np.arange(start, stop) % 3, [RAW] * (stop - start))

    def stamp(self):
        return "noise"


@dataclass(frozen=True)
class Constant(Classifier):
    """Says the same of every image."""

    name: ClassVar[str] = "constant"

    def version(self):
        return "1"

    @property
    def classes(self):
        return ("a", "b", "c")

    @property
    def size(self):
        return 0

    def logits_of_batch(self, images):
        return np.tile(np.array([1, 0, 0], np.float32), (len(images), 1))


@dataclass(frozen=True)
class Brightness(Constant):
    """Classes by the mean pixel: depends on pixels, costs nothing."""

    name: ClassVar[str] = "brightness"

    def logits_of_batch(self, images):
        mean = images.reshape(len(images), -1).mean(1) / 10
        return np.stack([np.sin(mean), np.cos(mean), mean % 1], 1).astype(np.float32)


@dataclass(frozen=True)
class Misbehaving(Codec):
    """raw, but for one image (told by its top left pixel), which goes wrong in the way that is asked for."""

    name: ClassVar[str] = "misbehaving"
    how: str = setting("encode", ("encode", "decode", "size", "dtype", "byte_breakdown", "die", "never"))
    image: int = setting(7, range(1_000_000))

    def version(self):
        return "1"

    def concerns(self, image):
        return tuple(as_rgb(image)[0, 0]) == (self.image >> 16 & 255, self.image >> 8 & 255, self.image & 255)

    def encode(self, image):
        if self.concerns(image):
            if self.how == "encode":
                raise RuntimeError("no more ink")
            if self.how == "die":
                os.kill(os.getpid(), signal.SIGKILL)
        return Raw().encode(image)

    def decode(self, data):
        pixels = Raw().decode(data)
        if self.concerns(pixels):
            if self.how == "decode":
                raise ValueError("cannot read my own writing")
            if self.how == "size":
                return pixels[:-1]
            if self.how == "dtype":
                return pixels.astype(float)
        return pixels

    def byte_breakdown(self, data):
        parts = Raw().byte_breakdown(data)
        return (
            parts._replace(payload=1) if self.how == "byte_breakdown" and self.concerns(Raw().decode(data)) else parts
        )


@dataclass(frozen=True)
class Logged(Codec):
    """raw that leaves a line for each batch it encodes, in a file named by the environment."""

    name: ClassVar[str] = "logged"
    step: int = setting(0, range(100), quality_parameter=True)

    def version(self):
        return "1"

    def encode_batch(self, images: Sequence[RGB]) -> list[bytes]:
        content = hashlib.sha256(b"".join(as_rgb(i).tobytes() for i in images)).hexdigest()
        with open(os.environ["RABENCH_TEST_LOG"], "a") as log:
            log.write(f"{self.step} {len(images)} {content}\n")
        return super().encode_batch(images)

    def encode(self, image):
        return Raw().encode(image)

    def decode(self, data):
        return Raw().decode(data)


@dataclass(frozen=True)
class Hanging(Raw):
    """Never gives a file."""

    name: ClassVar[str] = "hanging"

    def encode(self, image):
        while True:
            time.sleep(1)


@dataclass(frozen=True)
class Coarse(Raw):
    """Steps two by two write alike files; 8 and 9 say to be like 6, and are not."""

    name: ClassVar[str] = "coarse"
    step: int = setting(0, range(10), quality_parameter=True)
    log: str = setting("", Text("a file that gets a line for each image"))

    def canonical(self):
        return replace(self, step=min(self.step // 2 * 2, 6))

    def encode(self, image):
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{self.step}\n")
        return super().encode(as_rgb(image)) + bytes(self.step // 2)

    def decode(self, data):
        return super().decode(data[: len(data) - self.step // 2])


@dataclass(frozen=True)
class Harmful(Codec):
    """Turns some images to a grey that `brightness` takes for another class; higher levels harm less and write more."""

    name: ClassVar[str] = "harmful"
    level: int = setting(9, range(10), quality_parameter=True)
    uneven: int = setting(-1, range(-1, 10), help="a level that harms every image")

    def version(self):
        return "1"

    def encode(self, image):
        pixels = as_rgb(image)
        drawn = int.from_bytes(hashlib.sha256(pixels.tobytes()).digest()[:4], "big") / 2**32
        if drawn < SHARES_HARMED[self.level] or self.level == self.uneven:
            pixels = np.full_like(pixels, 157)
        return Raw().encode(pixels) + bytes(20 * self.level)

    def decode(self, data):
        return Raw().decode(data[: len(data) - 20 * self.level])

    def byte_breakdown(self, data):
        return ByteBreakdown(len(data), 0, 0, 0)


SHARES_HARMED = (0.9, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.005, 0.0)
"""The shares of images that `harmful` turns to grey, by its level."""
