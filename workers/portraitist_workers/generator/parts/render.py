"""The render network: fused features and masses -> picture and segmentation. StyleGAN2's synthesis without styles."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import DEMODULATION_EPS, SQRT2
from ..upsampling import UP_GAIN, swapped, up_convolution, upsample2x
from .config import PartsConfig


class RenderConv(nn.Module):
    """3x3 convolution whose kernels have length 1 (StyleGAN2's layer at a constant style) -> noise -> bias -> leaky ReLU."""

    noise_const: Tensor

    def __init__(self, inputs: int, outputs: int, resolution: int, *, up: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.resolution, self.up = resolution, up

    def forward(
        self, x: Tensor, noise: str, generator: torch.Generator | None, *, double_backward: bool = False
    ) -> Tensor:
        weight = self.weight / math.sqrt(self.weight[0].numel())
        length = torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + DEMODULATION_EPS)
        kernel = (weight * length * (SQRT2 * (UP_GAIN if self.up else 1.0))).to(x.dtype)
        if self.up:
            x = up_convolution(x, swapped(kernel), double_backward=double_backward)
        else:
            x = F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), padding=1)
        shift = (self.bias * SQRT2)[:, None, None]
        image = self._noise(noise, x, generator)
        if image is not None:
            shift = shift + image * (self.noise_strength * SQRT2)
        return F.leaky_relu(x + shift.to(x.dtype), 0.2)

    def _noise(self, mode: str, x: Tensor, generator: torch.Generator | None) -> Tensor | None:
        if mode == "random":
            return torch.randn(len(x), 1, *x.shape[2:], generator=generator, device="cpu").to(x.device)
        return self.noise_const[None, None] if mode == "const" else None


class ToMaps(nn.Module):
    """1x1 convolution of x [B, I, H, W] to picture and segmentation together, [B, 3 + K, H, W] fp32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight / math.sqrt(x.shape[1])).to(x.dtype)
        return F.conv2d(x, weight[:, :, None, None]).float() + self.bias[:, None, None]


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, resolution: int, maps: int) -> None:
        super().__init__()
        self.conv0 = RenderConv(inputs, outputs, resolution, up=True)
        self.conv1 = RenderConv(outputs, outputs, resolution, up=False)
        self.tomaps = ToMaps(outputs, maps)


class RenderNetwork(nn.Module):
    """forward(features [B, C, c, c], masses [B, K, c, c]) -> picture [B, 3, R, R] and segmentation [B, K, R, R], both about [-1, 1].

    The features start it, shrunk to `smallest`, and join it again further up. At their own size the masses join the segmentation, as
    2 m - 1. c may be smaller than `config.coarse`.
    """

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        self.config = config
        inputs, blocks = config.feature_channels, {}
        for resolution in config.render_resolutions:
            if resolution in config.joins:
                inputs += config.feature_channels
            blocks[str(resolution)] = Block(inputs, config.width(resolution), resolution, 3 + len(config.parts))
            inputs = config.width(resolution)
        self.blocks = nn.ModuleDict(blocks)

    def forward(
        self,
        features: Tensor,
        masses: Tensor,
        *,
        noise: str = "const",
        generator: torch.Generator | None = None,
        until: int | None = None,
        double_backward: bool = False,
    ) -> tuple[Tensor, Tensor]:
        coarse = features.shape[-1]
        x = _resized(features, self.config.smallest)
        maps = None
        for resolution, module in self.blocks.items():
            block = cast(Block, module)
            if int(resolution) in self.config.joins:
                x = torch.cat([x, _resized(features, x.shape[-1])], 1)
            if x.shape[-1] == coarse and self.config.residual:
                of_masses = F.pad(2 * masses - 1, (0, 0, 0, 0, 3, 0))
                maps = of_masses if maps is None else maps + of_masses
            x = block.conv0(x, noise, generator, double_backward=double_backward)
            x = block.conv1(x, noise, generator, double_backward=double_backward)
            here = block.tomaps(x)
            maps = here if maps is None else upsample2x(maps) + here
            if int(resolution) == until:
                break
        assert maps is not None
        return maps[:, :3], maps[:, 3:]


def _resized(features: Tensor, size: int) -> Tensor:
    """By averaging, or bilinearly where they grow."""
    if features.shape[-1] >= size:
        return F.avg_pool2d(features, features.shape[-1] // size) if features.shape[-1] > size else features
    return F.interpolate(features, size=(size, size), mode="bilinear", align_corners=False)
