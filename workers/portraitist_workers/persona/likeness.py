"""Holding the person where no photo is.

A generator tuned to frontal photos knows the person from the front; turned along the prior's direction, within twenty degrees it shows
somebody else. So some latents of every step are moved to where the photos do not reach, and two things are asked of their pictures: who
they show must be who the photos show, and they must look where the untuned prior looks there, or a turned face would be likest by
turning back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..faces.attributes import AttributeEstimator
from ..faces.identity import IdentityEncoder
from ..generator import Generator
from .axes import spread

# How far from zero the faces are turned (degrees), and between which values the mouth goes.
RANGES = {"yaw": (-26.0, 26.0), "pitch": (-13.0, 13.0), "smile": (0.0, 1.0), "mouth_open": (0.0, 0.6)}
_OFTEN = {"yaw": 0.5, "pitch": 0.25, "smile": 0.15, "mouth_open": 0.1}  # which of them a latent is moved along


@dataclass(eq=False)
class Likeness:
    """embeddings [N, E] of the photos; values [N, M] of `names`; steps [M, D]: the prior's directions per unit."""

    prior: Generator
    embeddings: Tensor
    names: tuple[str, ...]
    values: Tensor
    steps: Tensor
    identity: IdentityEncoder
    attributes: AttributeEstimator
    seed: int
    pictures: int = 2  # per update
    weight: float = 0.5
    hold: float = 0.05  # of the squared deviation of attributes, in spreads

    def __post_init__(self) -> None:
        N = len(self.embeddings)
        own = ((self.embeddings @ self.embeddings.T).sum(1) - 1) / max(N - 1, 1)
        self.enough = float(own.mean()) if N > 1 else 1.0  # what the photos score among each other: nothing is gained beyond it

    def __call__(self, generator: Generator, anchors: Tensor, step: int, dtype: torch.dtype) -> Tensor:
        """The loss of update `step` at latents near `anchors` [N, D]; what is drawn depends on the seed and the step alone."""
        w = self._elsewhere(anchors, step)
        with torch.no_grad():
            wanted = self.attributes(self.prior.synthesis(w, dtype=dtype))[0]
        images = generator.synthesis(w, dtype=dtype)
        who = (self.identity(images) @ self.embeddings.T).mean(1)
        scale = wanted.new_tensor([spread(name) for name in self.attributes.names])
        moved = ((self.attributes(images)[0] - wanted) / scale).square().mean(1)
        return (self.weight * (self.enough - who).clamp(min=0) + self.hold * moved).mean()

    def _elsewhere(self, anchors: Tensor, step: int) -> Tensor:
        """[pictures, D]: anchors moved along one attribute each, to anywhere in its range."""
        rng = torch.Generator().manual_seed(self.seed * 15_485_863 + step)
        known = [name for name in RANGES if name in self.names]
        odds = torch.tensor([_OFTEN[name] for name in known])
        rows = torch.randint(len(anchors), (self.pictures,), generator=rng)
        latents = []
        for row, pick in zip(rows.tolist(), torch.multinomial(odds, self.pictures, True, generator=rng).tolist(), strict=True):
            column = self.names.index(known[pick])
            low, high = RANGES[known[pick]]
            target = low + (high - low) * float(torch.rand((), generator=rng))
            latents.append(anchors[row] + (target - self.values[row, column]) * self.steps[column])
        return torch.stack(latents)
