"""The mapping network z -> w and truncation (Karras et al. 2019, section 2 and appendix B)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import GeneratorConfig
from .layers import SQRT2, EqualizedLinear


class ToW(nn.Module):
    """forward(z [B, z_dim]) -> w [B, w_dim], of whatever kind of generator. `w_avg` [w_dim] is the mean of w."""

    w_avg: Tensor

    def truncate(self, w_plus: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Pull w_plus [B, num_ws, w_dim] towards w_avg; only rows below `cutoff` (None: all)."""
        raise NotImplementedError


class Mapping(ToW):
    """forward(z [B, z_dim]) -> w [B, w_dim]. `w_avg` is the mean of w, the centre of truncation."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        dims = [config.z_dim] + [config.w_dim] * config.mapping_layers
        self.layers = nn.ModuleList(
            EqualizedLinear(a, b, lr_multiplier=config.mapping_lr_multiplier)
            for a, b in zip(dims[:-1], dims[1:], strict=True)
        )
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor) -> Tensor:
        x = z.float() * torch.rsqrt(z.float().square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * SQRT2
        return x

    def truncate(self, w_plus: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Pull w_plus [B, num_ws, w_dim] towards w_avg: w_avg + psi (w - w_avg); only rows below `cutoff` (None: all)."""
        if psi == 1.0:
            return w_plus
        rows = w_plus.shape[1] if cutoff is None else cutoff
        head = torch.lerp(self.w_avg.expand_as(w_plus[:, :rows]), w_plus[:, :rows], psi)
        return torch.cat([head, w_plus[:, rows:]], 1)
