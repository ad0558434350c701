"""Where which source counts: ramps, boxes and masks, made anew for every size that a feature map has."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .interpolation import Mask, Size, Weights

Direction = Literal["left-right", "right-left", "top-bottom", "bottom-top"]


def second(mask: Mask, *, positions: range | None = None) -> Weights:
    """Of two sources, the second counts as `mask` says, at the layers of these positions; None: at all."""

    def weights(position: int, size: Size) -> Tensor | None:
        if positions is not None and position not in positions:
            return None
        b = mask(size)
        return torch.cat([1 - b, b], 1)

    return weights


def ramp(direction: Direction = "left-right", *, begin: float = 0.25, end: float = 0.75) -> Mask:
    """0 up to the share `begin` of the side, 1 from `end` on, rising evenly between them (section 3.1; there over the middle half)."""
    across, backwards = direction in ("left-right", "right-left"), direction in ("right-left", "bottom-top")

    def mask(size: Size) -> Tensor:
        side = size[1] if across else size[0]
        first, last = round(begin * side), round(end * side)
        values = torch.cat([torch.zeros(first), torch.linspace(0, 1, last - first), torch.ones(side - last)])
        values = values.flip(0) if backwards else values
        return (values.view(1, 1, 1, -1) if across else values.view(1, 1, -1, 1)).expand(1, 1, *size)

    return mask


def of_image(mask: Tensor, *, low_pass: bool = True) -> Mask:
    """A mask [1 or B, 1, H, W], 0 to 1, at every size. Where it shrinks, `low_pass` averages over what a pixel covers."""

    def resized(size: Size) -> Tensor:
        if mask.shape[2:] == size:
            return mask
        return F.interpolate(mask, size=size, mode="bilinear", align_corners=False, antialias=low_pass).clamp(0, 1)

    return resized


def feathered(mask: Tensor, radius: float) -> Tensor:
    """A mask [1, 1, H, W] of zeros and ones that falls to 0 outside its border over `radius` pixels, as a cosine does.

    Inside it stays 1. Nothing beyond `radius` is touched, unlike with a blur."""
    if radius <= 0 or not mask.any():
        return mask
    outside = (mask[0, 0].cpu().numpy() < 0.5).astype(np.uint8)
    distance = torch.from_numpy(cv2.distanceTransform(outside, cv2.DIST_L2, 5))[None, None].to(mask)
    return 0.5 + 0.5 * torch.cos(torch.pi * (distance / radius).clamp(0, 1))
