"""The latent transformer: motions of single points -> a change of the latent, in one pass (Endo 2022, arXiv 2208.12408), as published.

Each token is one point: how it shall move, (x, y, zoom), and the generator's features there. An encoder lets them see each other.
The decoder's tokens are rows of w_plus, which look at each other and at the points. What comes out is added to the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """Published: dim 512, depth 6, 8 heads of 64, MLP 512, 6 rows; 26.1 million weights with w and features of 512."""

    w_dim: int
    feature_dim: int
    dim: int = 512
    depth: int = 6
    heads: int = 8
    dim_head: int = 64
    mlp_dim: int = 512
    rows: int = 6


class Attention(nn.Module):
    """Multi-head attention with one norm before, for what asks and what is asked alike; x [B, Q, dim], others [B, K, dim] or x itself."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        inner = sizes.heads * sizes.dim_head
        self.heads = sizes.heads
        self.norm = nn.LayerNorm(sizes.dim)
        self.q, self.k, self.v = (nn.Linear(sizes.dim, inner, bias=False) for _ in range(3))
        self.out = nn.Linear(inner, sizes.dim)

    def forward(self, x: Tensor, others: Tensor | None = None) -> Tensor:
        x = self.norm(x)
        others = x if others is None else self.norm(others)
        q, k, v = (
            part(seen).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part, seen in ((self.q, x), (self.k, others), (self.v, others))
        )
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(sizes.dim)
        self.inner, self.out = nn.Linear(sizes.dim, sizes.mlp_dim), nn.Linear(sizes.mlp_dim, sizes.dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.gelu(self.inner(self.norm(x))))


class EncoderLayer(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.attention, self.mlp = Attention(sizes), MLP(sizes)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mlp(x)


class DecoderLayer(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.attention, self.cross, self.mlp = Attention(sizes), Attention(sizes), MLP(sizes)

    def forward(self, x: Tensor, points: Tensor) -> Tensor:
        x = x + self.attention(x)
        x = x + self.cross(x, points)
        return x + self.mlp(x)


class LatentTransformer(nn.Module):
    """w [B, rows, w_dim], motion [B, N, 3], features [B, N, feature_dim] -> the moved rows [B, rows, w_dim]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        half = sizes.dim // 2
        self.motion, self.features = nn.Linear(3, half), nn.Linear(sizes.feature_dim, half)
        self.points, self.rows = nn.Linear(2 * half, sizes.dim), nn.Linear(sizes.w_dim, sizes.dim)
        self.position = nn.Parameter(torch.randn(1, sizes.rows, sizes.dim))
        self.encoder = nn.ModuleList(EncoderLayer(sizes) for _ in range(sizes.depth))
        self.decoder = nn.ModuleList(DecoderLayer(sizes) for _ in range(sizes.depth))
        self.change = nn.Linear(sizes.dim, sizes.w_dim)

    def forward(self, w: Tensor, motion: Tensor, features: Tensor, strength: float | Tensor = 1.0) -> Tensor:
        """`strength` (published: alpha) scales the change."""
        return w + strength * self.said(w, motion, features)

    def said(self, w: Tensor, motion: Tensor, features: Tensor) -> Tensor:
        """What the last layer says of each row: the change at a strength of 1."""
        seen = torch.cat([F.relu(self.motion(motion)), F.relu(self.features(features))], 2)
        points = F.relu(self.points(seen))
        for encode in self.encoder:
            points = encode(points)
        x = F.relu(self.rows(w)) + self.position
        for decode in self.decoder:
            x = decode(x, points)
        return self.change(x)
