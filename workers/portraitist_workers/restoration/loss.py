"""What measures a restored picture: degraded, it gives the photo. It shows the person, and what was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation

from ..faces.perceptual import PerceptualDistance
from ..persona.axes import spread
from ..persona.judge import Judge, identity_scores
from ..persona.model import PersonaModel
from .observation import Observation

ATTRIBUTE_WEIGHT = 0.15  # lambda of MyStyle++ eq. 9, per spread of the attribute
LIKENESS_WEIGHT = 0.1  # per distance that the person's own photos have from each other
PERCEPTUAL_SIDE = 64  # px from which perceptual networks are within their range


class DegradedLoss:
    """Distance between a picture's degraded version and the observation.

    Perceptual networks are outside their range below 64 px, and see a hole as content. So small observations are compared
    by an L1 pyramid alone, and missing pixels are the same in both.
    """

    def __init__(self, perceptual: PerceptualDistance, chain: Sequence[Degradation], seen: Observation) -> None:
        self.perceptual, self.chain, self.seen = perceptual, chain, seen

    def side(self, resolution: int, step: int, steps: int) -> int:
        """In full: the degradations are given in its pixels."""
        return resolution

    def __call__(self, image: Tensor, observed: Tensor, step: int, weight: Tensor | None = None) -> Tensor:
        degraded = self.seen.degrade(self.chain, image)
        a, b = degraded, observed
        loss = a.new_zeros(len(a))
        level = 0
        while a.shape[-1] >= 8:
            loss = loss + (a - b).abs().flatten(1).mean(1)
            a, b, level = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2), level + 1
        loss = 2 * loss / max(level, 1)
        if observed.shape[-1] >= PERCEPTUAL_SIDE:
            loss = loss + self.perceptual(degraded, observed)
        return loss


class Likeness:
    """How much less a picture [B, 3, R, R] is like the person than the damaged photo already was, weighted: [B] >= 0.

    It counts in distances (1 - cosine) of the person's own photos from each other, as networks' cosines differ in scale. Zero once it is
    as like: nobody is made more like their photos than they look in this one.
    """

    def __init__(self, judge: Judge, naive: Tensor) -> None:
        self.identity, self.embeddings = judge.identity, judge.embeddings
        self.scale = max(1 - float(judge.scale.mean()), 1e-3)
        with torch.no_grad():
            self.before = float(
                identity_scores(self.identity(naive), self.embeddings)
            )  # of the photo as it came, enlarged

    def __call__(self, image: Tensor) -> Tensor:
        return (
            LIKENESS_WEIGHT / self.scale * F.relu(self.before - identity_scores(self.identity(image), self.embeddings))
        )


def attribute_penalty(model: PersonaModel, w_plus: Tensor, targets: dict[str, float]) -> Tensor:
    """lambda sum_m | c_m(w) - a_m | in spreads of the attribute (MyStyle++ eq. 9)."""
    penalty = w_plus.new_zeros([])
    if targets:
        coordinates = model.axes.coordinates(w_plus.mean(1))[0]
        for name, value in targets.items():
            penalty = penalty + ATTRIBUTE_WEIGHT * (coordinates[model.axes.names.index(name)] - value).abs() / spread(
                name
            )
    return penalty
