"""The dual-branch discriminator of SemanticStyleGAN (Shi et al. 2022, section 3.3): picture and masks in towers of their own."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....generator.layers import SQRT2, EqualizedLinear

GROUP = 4  # pictures whose spread is a feature


class Conv(nn.Module):
    """Convolution with equalised learning rate; before a stride of 2 the low-pass [1, 3, 3, 1]. Leaky ReLU unless `linear`."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, down: bool = False, linear: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = None if linear else nn.Parameter(torch.zeros(outputs))
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        size = self.weight.shape[-1]
        weight = (self.weight / math.sqrt(self.weight[0].numel())).to(x.dtype)
        weight = weight.contiguous(memory_format=torch.channels_last)
        if self.down:
            x = F.conv2d(_smoothed(x, 2 if size == 3 else 1), weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=size // 2)
        if self.bias is None:
            return x
        return F.leaky_relu(x + self.bias[:, None, None].to(x.dtype), 0.2) * SQRT2


def _smoothed(x: Tensor, padding: int) -> Tensor:
    """[1, 3, 3, 1] / 8 in both directions, as three means of neighbours: a convolution of single channels is slower on a CPU."""
    x = F.pad(x, (padding,) * 4)
    for _ in range(3):
        x = F.avg_pool2d(x, 2, 1)
    return x


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Conv(inputs, inputs, 3), Conv(inputs, outputs, 3, down=True)
        self.skip = Conv(inputs, outputs, 1, down=True, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / SQRT2


class Tower(nn.Sequential):
    """[B, inputs, R, R] -> [B, C, 4, 4]"""

    def __init__(self, inputs: int, widths: dict[int, int]) -> None:
        sizes = sorted(widths, reverse=True)
        blocks = (ResidualBlock(widths[a], widths[b]) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        super().__init__(Conv(inputs, widths[sizes[0]], 1), *blocks)


class DualDiscriminator(nn.Module):
    """forward(picture [B, 3, R, R], masks [B, K, R, R] or None) -> logits [B, 1].

    Both are about [-1, 1]; real masks are one-hot, as -1 and 1. The towers meet by addition at 4 px: a picture alone can be judged, too.
    `light`: the tower of the masks sees them at half the size. It costs most, and needs least.
    """

    def __init__(
        self, resolution: int, parts: int, widths: dict[int, int] | None = None, *, light: bool = False
    ) -> None:
        super().__init__()
        sizes = [2**i for i in range(2, resolution.bit_length())]
        widths = widths or {size: max(1, min(512, 32768 // size)) for size in sizes}
        self.light = light
        self.of_picture = Tower(3, widths)
        self.of_masks = Tower(parts, {size: w for size, w in widths.items() if not light or size < resolution})
        self.last = Conv(widths[4] + 1, widths[4], 3)
        self.linear1, self.linear2 = EqualizedLinear(16 * widths[4], widths[4]), EqualizedLinear(widths[4], 1)

    def forward(self, picture: Tensor, masks: Tensor | None) -> Tensor:
        x = self.of_picture(picture)
        if masks is not None:
            x = x + self.of_masks(F.avg_pool2d(masks, 2) if self.light else masks)
        x = torch.cat([x, _spread(x)], 1)
        x = self.last(x).contiguous(memory_format=torch.contiguous_format).flatten(1)
        return self.linear2(F.leaky_relu(self.linear1(x), 0.2) * SQRT2).float()


def _spread(x: Tensor) -> Tensor:
    """Mean standard deviation within groups of pictures [B, 1, h, w]: tells a batch that is too much alike."""
    B, _, H, W = x.shape
    group = math.gcd(B, GROUP) if B % GROUP else GROUP
    grouped = x.reshape(group, B // group, -1).float()
    spread = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean(1)
    return spread.repeat(group)[:, None, None, None].expand(B, 1, H, W).to(x.dtype)
