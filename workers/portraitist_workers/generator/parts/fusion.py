"""Pseudo-depths -> masses -> one feature map (equations 3 and 4 of the paper)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .config import PartsConfig


class Fusion(nn.Module):
    """forward(hidden [B, K, P, h], masses [B, K, P]) -> features [B, P, C].

    The paper's sum m_k f_k, where f_k = F_k h_k + b_k, is one product of the m_k h_k side by side with the F_k. So no map of K C
    channels is ever made.
    """

    def __init__(self, config: PartsConfig) -> None:
        super().__init__()
        K, h, C = len(config.parts), config.local_channels, config.feature_channels
        self.transparent = [config.part(name) for name in config.transparent]
        self.weight = nn.Parameter(torch.randn(K, h, C))
        self.bias = nn.Parameter(torch.zeros(K, C))

    def masses(self, depths: Tensor, present: Tensor | None = None) -> Tensor:
        """Softmax over the parts, [B, K, P]. `present` [B, K] in [0, 1] takes parts out; the rest fills their place."""
        masses = depths.softmax(1)
        if present is not None:
            masses = masses * present[..., None]
            masses = masses / masses.sum(1, keepdim=True).clamp(min=1e-8)
        return masses

    def forward(self, hidden: Tensor, masses: Tensor) -> Tensor:
        B, K, P, h = hidden.shape
        shares = self._shares(masses).to(hidden.dtype)
        mixed = (hidden * shares[..., None]).transpose(1, 2).reshape(B * P, K * h)
        weight = (self.weight / math.sqrt(h)).to(hidden.dtype).view(K * h, -1)
        bias = (shares.transpose(1, 2) @ self.bias.to(hidden.dtype)).view(B * P, -1)
        return torch.addmm(bias, mixed, weight).view(B, P, -1)

    def _shares(self, masses: Tensor) -> Tensor:
        """Of each part in the features: behind transparent parts the others add up to 1, and those come on top."""
        if not self.transparent:
            return masses
        seen_through = torch.zeros(masses.shape[1], dtype=torch.bool, device=masses.device)
        seen_through[self.transparent] = True
        solid = masses * ~seen_through[:, None]
        return torch.where(seen_through[:, None], masses, solid / solid.sum(1, keepdim=True).clamp(min=1e-8))
