"""Class activation maps: which parts of an image speak for the class that a network predicts.

Zhou et al. (CVPR 2016) where a linear layer follows a global average, Grad-CAM (Selvaraju et al., ICCV 2017) elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ..core.errors import Refused
from ..core.images import RGB
from ..core.networks import device, on_device
from .base import Classifier
from .inference import Normalized


@dataclass(frozen=True)
class Seen:
    """A network's prediction for one image, and its class activation map."""

    heat: NDArray[np.float32]
    """(H, W) of the image as the network takes it, from 0 to 1: how much each place speaks for the predicted class."""
    kind: str
    """CAM or Grad-CAM."""
    prediction: int
    probability: float


def activation_maps(classifier: Classifier, images: list[RGB]) -> list[Seen]:
    """Prediction and map of each image; images may be of many sizes.

    Raises Refused for a classifier that is no network with feature maps.
    """
    module, normalization = classifier.module(), classifier.normalization
    if normalization is None:
        raise Refused(f"{classifier.short} has no class activation maps: it does not say how it normalizes pixels")
    network = Normalized(module, *normalization).eval().requires_grad_(False)
    on_device(network, device())
    return [_seen(network, classifier.prepare(image), classifier.short) for image in images]


def _seen(network: nn.Module, pixels: RGB, name: str) -> Seen:
    x = torch.from_numpy(pixels.copy()).to(device()).permute(2, 0, 1)[None].float().requires_grad_()
    maps, logits, linear, pooled = _watched(network, x)
    if maps is None:
        raise Refused(f"{name} has no class activation maps: none of its layers keeps rows and columns")
    best = int(logits.argmax())
    if linear is not None and pooled is not None and _is_average(pooled, maps):
        kind, heat = "CAM", torch.einsum("khw,k->hw", maps[0], linear.weight[best])
    else:
        (gradient,) = torch.autograd.grad(logits[0, best], maps)
        kind, heat = "Grad-CAM", torch.einsum("khw,k->hw", maps[0], gradient[0].mean((1, 2))).clamp(min=0)
    heat = functional.interpolate(heat[None, None], pixels.shape[:2], mode="bilinear", align_corners=False)[0, 0]
    low, high = heat.min(), heat.max()
    heat = (heat - low) / (high - low) if high > low else torch.zeros_like(heat)
    return Seen(heat.detach().cpu().numpy(), kind, best, float(logits.detach()[0].softmax(0)[best]))


def _watched(
    network: nn.Module, x: torch.Tensor
) -> tuple[torch.Tensor | None, torch.Tensor, nn.Linear | None, torch.Tensor | None]:
    """The last feature maps, the logits, the last linear layer and what went into it."""
    maps: list[torch.Tensor] = []
    last: list[tuple[nn.Linear, torch.Tensor]] = []

    def look(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Linear):
            last[:] = [(module, inputs[0])]
        elif isinstance(output, torch.Tensor) and output.dim() == 4 and output.shape[2] * output.shape[3] > 1:
            maps[:] = [output]

    hooks = [m.register_forward_hook(look) for m in network.modules()]
    try:
        logits = network(x)
    finally:
        for hook in hooks:
            hook.remove()
    linear, pooled = last[0] if last else (None, None)
    return (maps[0] if maps else None), logits, linear, pooled


def _is_average(pooled: torch.Tensor, maps: torch.Tensor) -> bool:
    """Whether what went into the linear layer is each map's mean."""
    means = maps.mean((2, 3))
    return pooled.shape == means.shape and torch.allclose(pooled, means, rtol=1e-4, atol=1e-5)
