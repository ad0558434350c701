"""z -> w of a parts generator: StyleGAN2's mapping network gives one code, which every part shares or has its own share of."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import SQRT2, EqualizedLinear
from ..mapping import ToW
from .config import PartsConfig


class PartsMapping(ToW):
    """forward(z [B, z_dim]) -> w [B, w_dim]. `w_avg` is the mean of w, the centre of truncation.

    The network's code is repeated for the base and every part, as in the paper; with `config.joint` a learnt matrix makes the codes
    of all parts from it. That fits where w was learnt first, and z has to meet it.
    """

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        self.config = config
        last = config.z_dim if config.joint else config.code_dim
        dims = [config.z_dim] + [last] * config.mapping_layers
        self.layers = nn.ModuleList(
            EqualizedLinear(a, b, lr_multiplier=config.mapping_lr_multiplier)
            for a, b in zip(dims[:-1], dims[1:], strict=True)
        )
        self.joint = nn.Parameter(torch.randn(config.w_dim, last)) if config.joint else None
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor) -> Tensor:
        x = z.float() * torch.rsqrt(z.float().square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * SQRT2
        if self.joint is None:
            return x.repeat(1, self.config.codes)
        return self.w_avg + F.linear(x, self.joint / math.sqrt(x.shape[1]))

    def truncate(self, w_plus: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """As StyleGAN2's: pull w towards w_avg; there is one row alone, which a `cutoff` of 0 leaves as it is."""
        return w_plus if psi == 1.0 or cutoff == 0 else torch.lerp(self.w_avg.expand_as(w_plus), w_plus, psi)
