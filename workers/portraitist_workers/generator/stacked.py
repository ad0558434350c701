"""Several generators of one shape in one pass: row b of the latents goes through generator b's weights.

Modulation makes per-sample weights natural: the factored form of `layers` keeps its shape, with convolutions in groups, one
per person, and products in batches. On a GPU, where a pass at small resolutions is mostly the starting of kernels, that is one
pass instead of many. On a CPU it gains nothing (docs/benchmarks/serving.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import EqualizedLinear, ModulatedConv, ToRGB
from .protocol import Generator
from .stylegan2 import StyleGAN2
from .synthesis import Block, Synthesis
from .upsampling import swapped, up_convolution


def stack(members: Sequence[Generator]) -> Synthesis:
    """Stacked copies of the members' synthesis networks, one per row. Their noise images must be the same (the prior's).

    It takes as many rows as there are members, and has the steps of any `Synthesis`. Raises TypeError for other kinds.
    """
    networks = [member.synthesis for member in members if isinstance(member, StyleGAN2)]
    if len(networks) < len(members):
        raise TypeError("only generators of the kind stylegan2 can be stacked")
    first = networks[0]
    with torch.device("meta"):  # only the shape of it; all weights are put in below
        stacked = Synthesis(first.config)
    for name, module in stacked.blocks.items():
        block, blocks = cast(Block, module), [cast(Block, network.blocks[name]) for network in networks]
        if block.conv0 is None:
            block.const = _stack([b.const for b in blocks])
        else:
            block.conv0 = _Conv([b.conv0 for b in blocks if b.conv0 is not None])
        block.conv1 = _Conv([b.conv1 for b in blocks])
        block.torgb = _ToRGB([b.torgb for b in blocks])
    return stacked.eval().requires_grad_(False)


def _stack(tensors: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([t.detach() for t in tensors]), requires_grad=False)


class _Linear(EqualizedLinear):
    """weight [P, O, I], bias [P, O]: row p of x [P, I] through layer p."""

    def __init__(self, layers: Sequence[EqualizedLinear]) -> None:
        nn.Module.__init__(self)
        self.weight, self.bias = _stack([x.weight for x in layers]), _stack([x.bias for x in layers])
        self.weight_gain, self.bias_gain = layers[0].weight_gain, layers[0].bias_gain

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight * self.weight_gain, self.bias * self.bias_gain
        return torch.baddbmm(bias.unsqueeze(2), weight, x.unsqueeze(2)).squeeze(2)


class _Conv(ModulatedConv):
    """weight [P, O, I, 3, 3], bias [P, O]."""

    def __init__(self, layers: Sequence[ModulatedConv]) -> None:
        nn.Module.__init__(self)
        one = layers[0]
        self.affine = _Linear([x.affine for x in layers])
        self.weight, self.bias = _stack([x.weight for x in layers]), _stack([x.bias for x in layers])
        self.noise_strength = nn.Parameter(torch.stack([x.noise_strength.detach() for x in layers]).view(-1, 1, 1, 1))
        self.register_buffer("noise_const", one.noise_const)
        self.resolution, self.up, self.clamp, self._cache = one.resolution, one.up, one.clamp, {}
        self._silent = all(x.silent for x in layers)

    @property
    def silent(self) -> bool:
        return self._silent

    def _power_of_samples(self, style: Tensor, energy: Tensor) -> Tensor:
        return torch.bmm(style.square().unsqueeze(1), energy).squeeze(1)

    def _convolve(self, x: Tensor, kernel: Tensor, double_backward: bool) -> Tensor:
        P = len(x)
        x = x.reshape(1, -1, *x.shape[2:])  # [1, P I, H, W]
        if self.up:
            return up_convolution(x, kernel, groups=P, double_backward=double_backward).unflatten(1, (P, -1))[0]
        return F.conv2d(x, kernel, padding=1, groups=P).unflatten(1, (P, -1))[0]

    def _in_tiles(self, x: Tensor) -> bool:
        return False

    def _kernel(self, weight: Tensor, dtype: torch.dtype, in_tiles: bool) -> Tensor:
        kernel = weight.to(dtype).flatten(0, 1)  # [P O, I, 3, 3]
        return swapped(kernel, groups=len(weight)) if self.up else kernel


class _ToRGB(ToRGB):
    """weight [P, 3, I, 1, 1], bias [P, 3]: what `ToRGB` does with them is what is wanted."""

    def __init__(self, layers: Sequence[ToRGB]) -> None:
        nn.Module.__init__(self)
        self.affine = _Linear([x.affine for x in layers])
        self.weight, self.bias = _stack([x.weight for x in layers]), _stack([x.bias for x in layers])
        self.gain, self.clamp = layers[0].gain, layers[0].clamp
