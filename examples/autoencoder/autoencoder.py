"""A learned codec as a plug-in: a small convolutional autoencoder whose rounded latents are deflated.

    rabench check autoencoder:weights=examples/autoencoder/autoencoder.safetensors --plugin examples/autoencoder/autoencoder.py

Whole batches of equally large images go through the network at once, on a GPU where there is one.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import rabench
import torch
from safetensors.torch import load_file
from torch import nn

MAGIC = b"RAE1"
STRIDE, LATENTS, CALL = 4, 12, 64
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Autoencoder(nn.Module):
    """An encoder and a decoder: (N, 3, H, W) in -1..1 -> latents, (N, 12, H / 4, W / 4) -> (N, 3, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 48, 5, 2, 2), nn.GELU(), nn.Conv2d(48, 64, 5, 2, 2), nn.GELU(), nn.Conv2d(64, LATENTS, 3, 1, 1)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(LATENTS, 64, 3, 1, 1), nn.GELU(), nn.ConvTranspose2d(64, 48, 6, 2, 2), nn.GELU(),
            nn.ConvTranspose2d(48, 32, 6, 2, 2), nn.GELU(), nn.Conv2d(32, 3, 3, 1, 1),
        )  # fmt: skip


@lru_cache(maxsize=2)
def load_network(path: str, _digest: str) -> Autoencoder:
    """The network with the weights of a file, read once a process as long as their hash stays the same."""
    network = Autoencoder()
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False).to(DEVICE)


@dataclass(frozen=True)
class LearnedCodec(rabench.Codec):
    """A small learned autoencoder; latents rounded to multiples of ``step`` / 16, deflated."""

    name = "autoencoder"
    step: int = rabench.setting(
        16,
        (4, 8, 16, 32, 64, 128),
        quality_parameter=True,
        help="quantization step: 4 large and good, 128 small and poor",
    )
    weights: str = rabench.setting("", rabench.Location("a .safetensors file that train.py wrote"))

    def version(self) -> str:
        if not Path(self.weights).is_file():
            raise rabench.Unavailable(f"autoencoder: no weights are at {self.weights!r}; train some with train.py")
        return f"weights {self._digest()[:16]}, torch {torch.__version__} on {DEVICE.type}"

    def _digest(self) -> str:
        return sha256(Path(self.weights).read_bytes()).hexdigest()

    def _network(self) -> Autoencoder:
        self.version()
        return load_network(self.weights, self._digest())

    def encode(self, image: rabench.AnyImage) -> bytes:
        return self.encode_batch([image])[0]

    def decode(self, data: bytes) -> rabench.RGB:
        return self.decode_batch([data])[0]

    def encode_batch(self, images):
        network, files = self._network(), [b""] * len(images)
        for positions, pixels in by_shape([rabench.as_rgb(i) for i in images]):
            high, wide = pixels[0].shape[:2]
            padding = ((0, -high % STRIDE), (0, -wide % STRIDE), (0, 0))
            x = np.stack([np.pad(p, padding, mode="edge") for p in pixels])
            for position, latent in zip(positions, run_in_calls(network.encoder, to_network(x)), strict=True):
                symbols = np.clip(np.rint(latent * 16 / self.step), -127, 127).astype(np.int8)
                body = zlib.compress(symbols.tobytes(), 9, wbits=-15)
                files[position] = MAGIC + struct.pack(">HHB", high, wide, self.step) + body
        return files

    def decode_batch(self, files):
        network = self._network()
        images, latents, sizes = [np.empty(0, np.uint8)] * len(files), [], []
        for data in files:
            high, wide, step, body = parse(data)
            rows, columns = -(-high // STRIDE), -(-wide // STRIDE)
            symbols = np.frombuffer(zlib.decompress(body, -15, LATENTS * rows * columns + 1), np.int8)
            if len(symbols) != LATENTS * rows * columns:
                raise ValueError(f"autoencoder: {len(symbols)} symbols instead of {LATENTS * rows * columns}")
            latents.append(symbols.reshape(LATENTS, rows, columns).astype(np.float32) * step / 16)
            sizes.append((high, wide))
        for positions, stack in by_shape(latents):
            for position, pixels in zip(positions, run_in_calls(network.decoder, np.stack(stack)), strict=True):
                high, wide = sizes[position]
                image = np.clip(np.rint((pixels.transpose(1, 2, 0) + 1) * 127.5), 0, 255).astype(np.uint8)
                images[position] = image[:high, :wide].copy()
        return images

    def byte_breakdown(self, data: bytes) -> rabench.ByteBreakdown:
        return rabench.ByteBreakdown(container=9, payload=len(data) - 9)


def parse(data: bytes):
    """Height, width, step and the deflated symbols. Raises ValueError for what is no such file."""
    if len(data) < 10 or data[:4] != MAGIC:
        raise ValueError("autoencoder: no such file")
    high, wide, step = struct.unpack(">HHB", data[4:9])
    if not high or not wide or not step or high * wide > 1 << 26:
        raise ValueError(f"autoencoder: an image of {wide}x{high}, step {step}")
    return high, wide, step, data[9:]


def to_network(pixels):
    """Pixels as the network takes them: (N, H, W, 3) uint8 -> (N, 3, H, W) in -1..1."""
    return pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def run_in_calls(network, batch):
    """The network's outputs for a batch, called so that no image's output depends on its neighbours.

    On a GPU every call has exactly CALL images, the last padded with black; on a CPU one.
    """
    call = CALL if DEVICE.type == "cuda" else 1
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(batch), call):
            group = batch[start : start + call]
            padded = np.concatenate([group, np.zeros((call - len(group), *group.shape[1:]), np.float32)])
            outputs.append(network(torch.from_numpy(padded).to(DEVICE)).cpu().numpy()[: len(group)])
    return np.concatenate(outputs)


def by_shape(arrays):
    """For each shape, the positions of its arrays and the arrays themselves."""
    positions_by_shape = {}
    for position, array in enumerate(arrays):
        positions_by_shape.setdefault(array.shape, []).append(position)
    return [(positions, [arrays[p] for p in positions]) for positions in positions_by_shape.values()]
