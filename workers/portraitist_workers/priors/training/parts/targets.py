"""What pictures should show that no render shows: a face with features left out, and a face with another's hair."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...engine.masks import BROWS, EYES, HAIR, LIPS, MOUTH, NOSE, SKIN
from .pictures import Pictures

FEATURES = ((BROWS,), (EYES,), (NOSE,), (LIPS, MOUTH))  # left out together
_AROUND = 1 / 32  # of the side: lashes and soft edges about a feature are filled, too
_SOFT = 1 / 64  # of the side: about swapped hair


def without_features(pictures: Pictures, present: Tensor) -> Pictures:
    """Features whose `present` [B, K] is 0 are painted over with the skin around them."""
    gone = (pictures.shares * (1 - present[..., None, None])).sum(1, keepdim=True)
    hole = (_grown(gone, _AROUND) * (pictures.shares[:, SKIN : SKIN + 1] + gone).clamp(max=1)).clamp(max=1)
    known = pictures.shares[:, SKIN : SKIN + 1] * (1 - hole)
    image = torch.lerp(pictures.image, _filled(pictures.image, known), hole)
    shares = pictures.shares * present[..., None, None]
    shares = torch.cat([shares[:, :SKIN], shares[:, SKIN : SKIN + 1] + gone, shares[:, SKIN + 1 :]], 1)
    return replace(pictures, image=image, shares=shares)


def with_hair_of(first: Pictures, second: Pictures) -> Pictures:
    """The second twin where either has hair, else the first one."""
    either = (first.shares[:, HAIR : HAIR + 1] + second.shares[:, HAIR : HAIR + 1]).clamp(max=1)
    either = _grown(either, _SOFT)
    image, alpha, shares = (
        torch.lerp(getattr(first, name), getattr(second, name), either) for name in ("image", "alpha", "shares")
    )
    return replace(first, image=image, alpha=alpha, shares=shares)


def drawn_presence(count: int, parts: int, rng: torch.Generator) -> Tensor:
    """[count, parts]: each of the features is left out in every second picture."""
    present = torch.ones(count, parts)
    for feature in FEATURES:
        gone = torch.rand(count, generator=rng) < 0.5
        for part in feature:
            present[:, part] = (~gone).float()
    return present


def _grown(mask: Tensor, share: float) -> Tensor:
    reach = round(share * mask.shape[-1])
    if not reach:
        return mask
    return F.max_pool2d(mask, 2 * reach + 1, 1, reach)


def _filled(image: Tensor, known: Tensor) -> Tensor:
    """The picture where it is known, and the mean of what is known around elsewhere: the finest level that knows any."""
    weight, total = known, image * known
    levels = [(total, weight)]
    while weight.shape[-1] > 4:
        weight, total = F.avg_pool2d(weight, 2), F.avg_pool2d(total, 2)
        levels.append((total, weight))
    total, weight = levels[-1]
    out = total.sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1e-6)
    out = out.expand_as(total)
    for total, weight in reversed(levels):
        if out.shape[-1] != total.shape[-1]:
            out = F.interpolate(out, scale_factor=2, mode="bilinear", align_corners=False)
        trust = (4 * weight).clamp(max=1)
        out = torch.lerp(out, total / weight.clamp(min=1e-6), trust)
    return out
