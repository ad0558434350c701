"""Losses of masks: what is seen, and what lies hidden behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ....composing.composed import around
from ....generator.parts import Made
from ...engine.masks import BROWS, CLASSES, CLOTHES, EYES, HAIR, LIPS, MOUTH, NECK, NOSE, SKIN

SHARPNESS = 4.0  # a segmentation in [-1, 1] times this is a logit
_ON_SKIN = (BROWS, EYES, NOSE, LIPS, MOUTH)
# Behind which classes a part goes on, as far as anyone knows, and behind which nobody knows. Elsewhere it is not.
_THERE = {SKIN: (SKIN, *_ON_SKIN)}
_UNKNOWN = {
    SKIN: (HAIR,),
    BROWS: (HAIR,),
    LIPS: (MOUTH,),
    MOUTH: (LIPS,),
    HAIR: (NECK, CLOTHES),
    NECK: (SKIN, *_ON_SKIN, HAIR, CLOTHES),
    CLOTHES: (HAIR, NECK, SKIN),
}


def seen(segmentation: Tensor, shares: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of the final segmentation [B, K, r, r] against the true shares; `weights` [K] of the classes."""
    return _cross_entropy(F.log_softmax(SHARPNESS * segmentation, 1), shares, weights)


def seen_coarsely(depths: Tensor, present: Tensor, shares: Tensor, weights: Tensor) -> Tensor:
    """The same of the masses, from the pseudo-depths [B, K, c, c] of the parts that are `present` [B, K]."""
    absent = (present == 0)[..., None, None]
    return _cross_entropy(F.log_softmax(depths.masked_fill(absent, -1e4), 1), shares, weights)


def _cross_entropy(logs: Tensor, shares: Tensor, weights: Tensor) -> Tensor:
    weighted = shares * weights[:, None, None]
    return -(weighted * logs).sum() / weighted.sum()


def hidden(depths: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of each part against the background alone (depth 0), where it is known whether it is there.

    A loss of what is seen says nothing about what lies behind: under a nose that is moved there would be a hole.
    """
    losses = []
    for part in range(1, len(CLASSES)):
        there = shares[:, list(_THERE.get(part, (part,)))].sum(1)
        known = 1 - shares[:, list(_UNKNOWN[part])].sum(1) if part in _UNKNOWN else torch.ones_like(there)
        loss = F.binary_cross_entropy_with_logits(depths[:, part], there.clamp(0, 1), reduction="none")
        losses.append((loss * known).mean() / known.mean().clamp(min=1e-3))
    return torch.stack(losses).mean()


@dataclass(frozen=True, eq=False)
class Change:
    """A latent `w` [1, D] in which parts are another's: near the numbered `parts` the picture may change. Their masks, too, if their
    `shape` is another's."""

    w: Tensor
    parts: Sequence[int]
    shape: bool


def elsewhere(before: Made, after: Made, changes: Sequence[Change]) -> Tensor:
    """Mean L1 of what differs away from the parts that changed, in picture and classes' probabilities.

    Both pictures learn from it. If one were only pulled towards the other, both would drift, and masks grow without bounds.
    """
    found = []
    for row, change in enumerate(changes):
        one, other = before.at(slice(row, row + 1)), after.at(slice(row, row + 1))
        with torch.no_grad():
            far = 1 - around(one, other, change.parts)
        picture = ((other.image - one.image).abs() * far).sum() / (3 * far.sum()).clamp(min=1)
        first, second = ((SHARPNESS * made.segmentation).softmax(1) for made in (one, other))
        masks = (first - second).abs().sum(1, keepdim=True)
        found += [picture, (masks * far).sum() / far.sum().clamp(min=1) if change.shape else masks.mean()]
    return torch.stack(found).sum() / len(changes)


def class_weights(frequencies: Tensor, evenness: float) -> Tensor:
    """[K], mean 1 over the pixels: at evenness 1 a class counts with the root of its pixels, at 0 with their number."""
    weights = frequencies.clamp(min=1e-4) ** (-0.5 * evenness)
    return weights / (weights * frequencies).sum()


FREQUENCIES = (
    0.443,
    0.313,
    0.011,
    0.0056,
    0.018,
    0.011,
    0.0023,
    0.163,
    0.029,
    0.0038,
)  # of the engine's pixels, by class
