"""A picture in which some parts changed is held to what it was everywhere else.

The render network looks about. So a part that changes also changes its surroundings a little: by half a grey level for hair. Near the part
that is right, as shade and soft edges are. Farther away nothing was to change.

It also corrects the masks by what it sees. So another texture would move a part's border by a pixel, although depth, and with it every
part's share of a pixel, is read before any texture. Where those shares are the same, the segmentation is, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from ..generator.parts import Made, PartsConfig
from .composed import NEAR, around

GOES_OVER = 8 / 128  # of the side: beyond what is near, from the new picture to the old one


def concerned(config: PartsConfig, names: Iterable[str]) -> list[int]:
    """Numbers of the parts that change with the named ones: those that follow a tone, with it."""
    names = set(names)
    return sorted(config.part(name) for name in names | (set(config.toned) if config.tone in names else set()))


def held(before: Made, after: Made, numbers: list[int]) -> Made:
    """`after` near the numbered parts of either picture, `before` far from them, and no step between. Its masks are those of `before` where
    nothing but textures changed."""
    steps = max(round(GOES_OVER * after.image.shape[-1]), 1)
    rings = [around(before, after, numbers, NEAR + GOES_OVER * step / steps) for step in range(steps)]
    share = torch.stack(rings).mean(0)
    segmentation = torch.lerp(before.segmentation, after.segmentation, share)
    if torch.equal(before.masses, after.masses):
        segmentation = before.segmentation
    return replace(after, image=torch.lerp(before.image, after.image, share), segmentation=segmentation)
