"""Latents to pictures. Whoever makes pictures is handed a `Renderer`: `render` works alone, `shared_passes` beside other jobs."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..generator import Generator


class Renderer(Protocol):
    def __call__(self, generator: Generator, w: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
        """Images [B, 3, R, R] of w [B, D] or w_plus [B, num_ws, D]."""
        ...


@torch.no_grad()
def render(generator: Generator, w: Tensor, *, batch: int = 16, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images [B, 3, R, R] of w [B, D] or w_plus, in batches. Pictures that are handed out are made in fp32."""
    return torch.cat([generator.synthesis(part, dtype=dtype) for part in w.split(batch)])
