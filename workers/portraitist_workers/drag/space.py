"""Which changes of a latent are cheap: all alike, or rather those by which heads turn and this person's photos differ.

A step takes the cheapest change that moves the handles. Where turning the head is cheap, a nose that is pulled down nods; where all changes
cost the same, it grows longer. Where the person's own ways are cheap, a strong drag still shows that person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 6  # of w_plus that move: beyond 32 px lie colours and textures (paper, section 3.2)
SHARED = 0.5  # of a change is the same in all rows
TURNING = 1.0  # how much cheaper the head's turning is than any other change ...
TURNING_PERSON = 4.0  # ... of a person, whose other changes soon show somebody else
SPARED = 10.0  # how much dearer than on average a change is that moves what a mask fixes
OWN = 4.0  # how much cheaper the ways are in which a person's photos differ


@dataclass(frozen=True, eq=False)
class Space:
    """M = (shared 1 1^T + (1 - shared) I) over the rows, times `spread` [D, D] within a row. `shared` 1: W instead of W+.

    spared: what `sparing` made dearer.
    """

    spread: Tensor
    rows: int = ROWS
    shared: float = SHARED
    spared: tuple[Tensor, Tensor] | None = None

    @classmethod
    def plain(cls, w_dim: int, *, shared: float = SHARED) -> Space:
        """All changes alike."""
        return cls(torch.eye(w_dim), shared=shared)

    @classmethod
    def of(cls, turns: Tensor, *, anchors: Tensor | None = None, nuisance: Tensor | None = None) -> Space:
        """turns [T, D]: directions that turn the head. anchors [N, D]: the person's latents. nuisance [K, D]: orthonormal directions of
        light, camera and backdrop, which no drag asks for."""
        D = turns.shape[1]
        spread = torch.eye(D).to(turns)
        if nuisance is not None and len(nuisance):
            spread = spread - nuisance.T @ nuisance
        turns = F.normalize(turns[turns.norm(dim=1) > 0], dim=1)
        spread = spread + (TURNING if anchors is None else TURNING_PERSON) * turns.T @ turns
        if anchors is not None:
            ways = anchors - anchors.mean(0)
            spread = spread + OWN * ways.T @ ways / ways.square().sum() * min(len(anchors) - 1, 16)
        return cls(spread)

    def cheap(self, J: Tensor) -> Tensor:
        """M J^T, as [N, rows, D], of J [N, rows, D]."""
        found = self._cheap(J)
        if self.spared is None:
            return found
        S, inverse = self.spared
        share = torch.einsum("krd,nrd->nk", S, found) @ inverse
        return found - torch.einsum("nk,krd->nrd", share, self._cheap(S))

    def sparing(self, S: Tensor) -> Space:
        """The same, where changes cost more along S [K, rows, D]: the inverse of M grows by S^T S (Woodbury's identity)."""
        gram = torch.einsum("ard,brd->ab", S, self._cheap(S))
        weak = gram.diagonal().mean() / SPARED + 1e-9
        return replace(self, spared=(S, torch.linalg.inv(gram + weak * torch.eye(len(S)).to(S))))

    def _cheap(self, J: Tensor) -> Tensor:
        return (self.shared * J.sum(1, keepdim=True) + (1 - self.shared) * J) @ self.spread
