"""Losses of the paired phases: a pyramid of L1 and a shifted perceptual distance."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pyramid_l1(image: Tensor, target: Tensor, weight: Tensor, *, smallest: int = 16) -> Tensor:
    """Mean L1 over octaves, down to `smallest` pixels. `weight` [B, 1, R, R] says where to look.

    Coarse octaves give shape and tone a gradient long before the pixels line up.
    """
    loss = torch.zeros([])
    levels = 0
    while True:
        loss = loss + ((image - target).abs() * weight).mean() / weight.mean()
        levels += 1
        if image.shape[-1] <= smallest:
            return loss / levels
        image, target, weight = (F.avg_pool2d(x, 2) for x in (image, target, weight))


def random_shift(*images: Tensor, pixels: int, rng: torch.Generator) -> list[Tensor]:
    """The same random translation of every tensor (reflected at the edges).

    A network with strides sees a pixel grid of its own and prints it into what is optimised through it; a new phase
    at every step averages that away.
    """
    dx, dy = torch.randint(0, 2 * pixels + 1, (2,), generator=rng).tolist()
    R = images[0].shape[-1]
    return [F.pad(x, (pixels,) * 4, mode="reflect")[:, :, dy : dy + R, dx : dx + R] for x in images]
