"""Trains the autoencoder on the training patches of the data set photos: some three minutes of one CPU core.

python examples/autoencoder/train.py [EPOCHS]
"""

import sys
from pathlib import Path

import numpy as np
import rabench
import torch
from autoencoder import DEVICE, Autoencoder, to_network
from safetensors.torch import save_file
from torch.nn import functional

BATCH, RATE = 64, 2e-3


def main(epochs: int = 8) -> None:
    """Trains, printing the loss, and writes autoencoder.safetensors beside this file."""
    torch.manual_seed(0)
    images = rabench.DATASETS.make("photos:split=train").load(0, 12_000).images
    patches = np.stack([image for image in images if isinstance(image, np.ndarray)])
    network, generator = Autoencoder().to(DEVICE), np.random.default_rng(0)
    steps = epochs * len(patches) // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for step in range(steps):
        x = torch.from_numpy(to_network(patches[generator.integers(0, len(patches), BATCH)])).to(DEVICE)
        latents = network.encoder(x)
        # Rounding as noise, of a step that changes from batch to batch: one network for all rates
        width = float(2 ** generator.uniform(-2, 3))
        noisy = latents + width * (torch.rand_like(latents) - 0.5)
        error = functional.mse_loss(network.decoder(noisy), x)
        bits = torch.log2(1 + latents.abs() / width).mean()
        loss = error + 2e-3 * width * bits
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(f"step {step + 1} of {steps}: squared error {error.item():.4f}, bits a latent {bits.item():.2f}")
    weights = {name: t.half().float().contiguous().cpu() for name, t in network.state_dict().items()}
    save_file(weights, Path(__file__).with_name("autoencoder.safetensors"))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
