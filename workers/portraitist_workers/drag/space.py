"""Which changes of a latent are cheap: all alike, or rather those that the person's photos show."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 6  # of w_plus that move: beyond 32 px lie colours and textures (paper, section 3.2)
SHARED = 0.9  # of a change is the same in all rows


@dataclass(frozen=True, eq=False)
class Space:
    """M = (shared 1 1^T + (1 - shared) I) over the rows, times `spread` [D, D] within a row."""

    spread: Tensor
    rows: int = ROWS
    shared: float = SHARED

    @classmethod
    def plain(cls, w_dim: int) -> Space:
        return cls(torch.eye(w_dim))

    def cheap(self, J: Tensor) -> Tensor:
        """M J^T, as [2P, rows, D]."""
        return (self.shared * J.sum(1, keepdim=True) + (1 - self.shared) * J) @ self.spread
