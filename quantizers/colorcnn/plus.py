"""One network for any number of colors: it moves each pixel's color, and the nearest color of a clustering is taken.

The idea is that of ColorCNN+ (Hou et al., IEEE TIP 2024): one network for 2 to 64 colors that imitates clustering where
clustering is strong. The network is another one: theirs folds 256 logits to so many colors and is taught to imitate
median cut by a loss; here a clustering stands in the network, so that no move at all is clustering exactly.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ...classifiers.residual import Residual
from .clusters import clusters, nearest
from .network import Map

DETAIL = {False: 8, True: 16}
"""Channels at full size, of a network without guidance and of one with it."""
SMALLEST_ERROR = 1e-2
"""The least root mean square error of a clustering, in the normalized space: images of few colors have none."""


COLOR_NUMBERS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""The numbers of colors that have batch statistics of their own; others take those of the nearest, by ratio."""


def place_of(colors: int) -> int:
    """The place in COLOR_NUMBERS of the number that is nearest to ``colors``."""
    return min(range(len(COLOR_NUMBERS)), key=lambda place: abs(math.log(COLOR_NUMBERS[place] / colors)))


def elsewhere(places: Sequence[int]) -> dict[int, int]:
    """For each other place in COLOR_NUMBERS the nearest of some."""
    others = set(range(len(COLOR_NUMBERS))) - set(places)
    return {place: min(places, key=lambda known: (abs(known - place), known)) for place in others}


class Normalization(nn.BatchNorm2d):
    """Batch normalization whose statistics, in use, are those of one number of colors.

    A batch in training has one number of colors. Statistics averaged over all of them fit none: measured, 4 colors lost
    16 points by them (docs/log.md). Yu et al. (ICLR 2019) met the same with networks of several widths.
    """

    means: torch.Tensor
    variances: torch.Tensor

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.place = 0
        self.register_buffer("means", torch.zeros(len(COLOR_NUMBERS), features))
        self.register_buffer("variances", torch.ones(len(COLOR_NUMBERS), features))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if self.training:
            return super().forward(input)
        mean, variance = self.means[self.place], self.variances[self.place]
        return functional.batch_norm(input, mean, variance, self.weight, self.bias, False, 0.0, self.eps)


def completed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state with statistics and strengths for all of COLOR_NUMBERS: one from before has its running statistics, and 1."""
    for name in [name for name in state if name.endswith(".running_mean") and ".encoder." not in name]:
        norm = name.removesuffix("running_mean")
        state.setdefault(f"{norm}means", state[name].repeat(len(COLOR_NUMBERS), 1))
        state.setdefault(f"{norm}variances", state[f"{norm}running_var"].repeat(len(COLOR_NUMBERS), 1))
    state.setdefault("strengths", torch.ones(len(COLOR_NUMBERS)))
    return state


class Block(Residual):
    """A residual block whose shortcut takes the mean where it halves the image: (N, A, H, W) -> (N, B, H/s, W/s)."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__(before, after, stride)
        if stride > 1:
            narrow = nn.Conv2d(before, after, 1, bias=False)
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride), narrow, nn.BatchNorm2d(after))


def _convolved(before: int, after: int, side: int, stride: int, norm: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, side, stride, 1, bias=False), norm(after), nn.ReLU(inplace=True))


def _rows(x: torch.Tensor) -> torch.Tensor:
    """Pixels one after another: (N, 3, H, W) -> (N, H * W, 3); no copy where x is channels_last."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class Encoder(nn.Module):
    """What an image shows: (N, inputs, H, W) -> features at each level, the deepest last; and a guess at the class."""

    def __init__(self, channels: Sequence[int], blocks: int, inputs: int, classes: int) -> None:
        super().__init__()
        self.stem = _convolved(inputs, channels[0], 4, 2, nn.BatchNorm2d)
        self.down = nn.ModuleList([Block(channels[0], channels[0])])
        for before, after in itertools.pairwise(channels):
            self.down.append(nn.Sequential(Block(before, after, 2), *(Block(after, after) for _ in range(blocks - 1))))
        self.classes = nn.Linear(channels[-1], classes)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        levels = [self.stem(x)]
        for block in self.down:
            levels.append(block(levels[-1]))
        return levels[1:]

    def guess(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """Logits of the classes, (N, classes)."""
        return self.classes(levels[-1].mean((2, 3)))


class Guidance(nn.Module):
    """Scales and shifts the channels of a decoder's level by what the encoder takes the image for (Perez et al., AAAI 2018).

    With few classes the features at a pixel carry that to it; with hundreds the way is too narrow: measured on 200
    classes (docs/log.md).
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(classes, 2 * channels)
        nn.init.normal_(self.linear.weight, std=0.3)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """x: (N, A, H, W). classes: their probabilities, (N, classes)."""
        scale, shift = self.linear(classes)[..., None, None].chunk(2, 1)
        return x * (1 + scale) + shift


class StridedUNet(nn.Module):
    """A U-Net that works at half the size and below, and adds detail at the full size in the end.

    (N, inputs, H, W) -> (N, outputs, H, W). H and W: multiples of 2 to the power of ``levels``. ``width``
    channels at half the size, one residual block of them; twice as many at each level below, and ``blocks`` of them.
    What tells the classes takes most of the work: to draw, one convolution a level is enough.
    """

    def __init__(
        self, width: int, levels: int, blocks: int, inputs: int, outputs: int, classes: int, guided: bool = False
    ) -> None:
        super().__init__()
        detail = DETAIL[guided]
        channels = [width << level for level in range(levels)]
        deepest_first = channels[::-1]
        self.encoder = Encoder(channels, blocks, inputs, classes)
        self.detail = _convolved(inputs, detail, 3, 1, Normalization)
        self.narrow = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 1, bias=False), Normalization(after))
            for before, after in itertools.pairwise(deepest_first)
        )
        self.up = nn.ModuleList(_convolved(after, after, 3, 1, Normalization) for after in deepest_first[1:])
        self.fine = nn.Conv2d(width, 4 * detail, 1)
        self.end = nn.Sequential(
            nn.Conv2d(detail, detail, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(detail, outputs, 1)
        )
        if guided:
            deepest = deepest_first[0]
            self.begin = nn.Sequential(nn.Conv2d(deepest, deepest, 1, bias=False), Normalization(deepest))
            self.guidance = nn.ModuleList(Guidance(classes, channels) for channels in deepest_first)
        self.guided = guided

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What is drawn; and the logits of the encoder's guess, where it guides the drawing."""
        levels = self.encoder(x)
        y, guess, classes = levels[-1], None, None
        if self.guided:
            guess = self.encoder.guess(levels).float()
            classes = guess.softmax(1)
            y = functional.relu(self.guidance[0](self.begin(y), classes))
        for place, (narrow, block) in enumerate(zip(self.narrow, self.up, strict=True), 1):
            y = _doubled(narrow(y)) + levels[-1 - place]
            if classes is not None:
                y = self.guidance[place](y, classes)
            y = block(functional.relu(y))
        y = functional.relu(functional.pixel_shuffle(self.fine(y), 2) + self.detail(x))
        return self.end(y), guess


class ColorCNNPlus(nn.Module):
    """A network that moves pixels between the colors of a clustering: for any number of colors, any height and width.

    The image's pixels are clustered (clusters.py). The network sees the image, the clustered image and the number of
    colors, and gives each pixel an offset in units of the clustering's root mean square error. The pixel takes the color
    that is nearest to where the offset puts it: its logit is minus half the squared distance, in those units, but for a
    constant. A new network's offsets are 0. In use, offsets are multiplied by the strength of the number of colors: 0 is
    clustering. With guidance, what the encoder takes the image for steers each level of what draws.
    """

    strengths: torch.Tensor

    def __init__(self, classes: int, width: int = 32, levels: int = 3, blocks: int = 2, guided: bool = False) -> None:
        super().__init__()
        self.width, self.levels, self.blocks, self.guided = width, levels, blocks, guided
        self.body = StridedUNet(width, levels, blocks, 7, 3, classes, guided)
        for end in self.body.end[2].parameters():
            nn.init.zeros_(end)
        self.register_buffer("strengths", torch.ones(len(COLOR_NUMBERS)))
        self.register_load_state_dict_pre_hook(lambda _module, state, *_: completed(state) and None)

    def map(self, x: torch.Tensor, colors: int) -> Map:
        """Logits of each color at each pixel, and offsets: (N, 3, H, W), normalized -> (N, colors, H, W)."""
        height, width = x.shape[2:]
        moved, palettes, error, offsets, guess = self._moved(x, colors)
        logits = torch.baddbmm(palettes.square().sum(2)[:, None], moved, palettes.transpose(1, 2), beta=-0.5)
        logits = (logits / error.square()).transpose(1, 2).unflatten(2, (height, width))
        return Map(logits, offsets, guess)

    def indices(self, x: torch.Tensor, colors: int) -> torch.Tensor:
        """The color of each pixel, the largest logit's: (N, 3, H, W), normalized -> (N, H, W)."""
        moved, palettes, *_ = self._moved(x, colors)
        return nearest(moved, palettes).unflatten(1, x.shape[2:])

    def _moved(
        self, x: torch.Tensor, colors: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Moved pixels (N, P, 3), palettes (N, C, 3), errors (N, 1, 1), offsets (N, 3, H, W), logits of the classes."""
        pixels, palettes, error, clustered = self._clustered(x, colors)
        place = place_of(colors)
        for norm in self._norms():
            norm.place = place
        drawn, guess = self.body(self._seen(x, clustered, colors))
        offsets = drawn[..., : x.shape[2], : x.shape[3]].float()
        if not self.training:
            offsets = offsets * self.strengths[place]
        return pixels + error * _rows(offsets), palettes, error, offsets, guess

    def guess(self, x: torch.Tensor, colors: int) -> torch.Tensor:
        """What the network takes images for, without drawing them: (N, 3, H, W), normalized -> (N, classes), logits."""
        clustered = self._clustered(x, colors)[3]
        return self.body.encoder.guess(self.body.encoder(self._seen(x, clustered, colors))).float()

    def _norms(self) -> list[Normalization]:
        return [module for module in self.body.modules() if isinstance(module, Normalization)]

    def calibrate(self, batches: Sequence[torch.Tensor], numbers: Sequence[int]) -> None:
        """Measures the batch statistics of some numbers of colors; those between and beyond take the nearest ones.

        batches: images like those to come, (N, 3, H, W) each, normalized. numbers: some of COLOR_NUMBERS. Nothing else of the
        network changes, its running statistics neither.
        """
        places = [COLOR_NUMBERS.index(colors) for colors in numbers]
        for place, colors in zip(places, numbers, strict=True):
            measured = copy.deepcopy(self)
            measured.train_decoder()
            for norm in measured._norms():
                norm.reset_running_stats()
                norm.momentum = None  # the mean over all batches
            with torch.no_grad():
                for batch in batches:
                    measured.map(batch, colors)
            for norm, found in zip(self._norms(), measured._norms(), strict=True):
                assert found.running_mean is not None and found.running_var is not None
                norm.means[place], norm.variances[place] = found.running_mean, found.running_var
        for place, known in elsewhere(places).items():
            for norm in self._norms():
                norm.means[place], norm.variances[place] = norm.means[known], norm.variances[known]

    def train_decoder(self) -> None:
        """Training mode for what draws; what tells the classes stays as it is, batch statistics too."""
        self.train()
        self.body.encoder.eval().requires_grad_(False)

    def _seen(self, x: torch.Tensor, clustered: torch.Tensor, colors: int) -> torch.Tensor:
        """Image, clustered image and number of colors, padded at the right and below: (N, 7, H', W')."""
        bits = torch.full_like(x[:, :1], math.log2(colors) / 3 - 1)  # 2 to 64 colors: -2/3 to 1
        seen = torch.cat([x, clustered, bits], 1).contiguous(memory_format=torch.channels_last)
        right, below = (-side % (1 << self.levels) for side in (x.shape[3], x.shape[2]))
        return functional.pad(seen, (0, right, 0, below), mode="replicate") if right or below else seen

    @staticmethod
    def _clustered(x: torch.Tensor, colors: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels (N, P, 3), palettes (N, C, 3), root mean square errors (N, 1, 1), and the clustered images."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            pixels = _rows(x.float())
            palettes = clusters(pixels, colors)
            chosen = nearest(pixels, palettes)[..., None].expand(-1, -1, 3)
            clustered = palettes.gather(1, chosen)
            error = (clustered - pixels).square().sum(2).mean(1).sqrt().clamp_min(SMALLEST_ERROR)
            return pixels, palettes, error.view(-1, 1, 1), clustered.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
