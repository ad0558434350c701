"""Variations of one picture: patches of its features moved elsewhere and blended in (section 3.3 of the paper).

    f(p) <- f(p) + a(p - d) (f(p - d) - f(p))

after each of the chosen layers: d is how far a patch goes, a is 1 in its box and falls to 0 around it. So it is the paper's
(1 - a) f + a shift(f). Between the cells of a map f is interpolated, so that a coarse map can be moved by less than a cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generator.synthesis import State
from .interpolation import Source, picture

LAYERS = (8, 16, 32)  # px of the maps after whose ToRGB a patch is copied elsewhere

Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the picture's side
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Patch:
    """A box, and how far its copy goes, in shares of the side, too."""

    box: Box
    right: float = 0.0
    down: float = 0.0

    def part_of_the_way(self, share: float) -> Patch:
        return replace(self, right=share * self.right, down=share * self.down)


def variation(
    source: Source, patches: Sequence[Patch], *, layers: Sequence[int] = LAYERS, feather: float = 0.04
) -> Tensor:
    """The picture [1, 3, R, R] in which copies of the patches lie elsewhere. layers: sizes of the maps in which they are moved.

    A patch that goes nowhere changes nothing, to the bit. feather: of a copy's border, as a share of the side."""

    def moved(state: State) -> State:
        for patch in patches:
            state = copied(state, patch, feather=feather)
        return state

    hooks = {(size, "torgb"): moved for size in layers}
    return picture(source.synthesis.run(source.start(), source.styles, hooks=hooks))


def copied(state: State, patch: Patch, *, of: State | None = None, feather: float) -> State:
    """The features with the patch's copy blended in: its own, or those `of` another picture at the same layer. The colours so far stay."""
    if of is None and not patch.right and not patch.down:
        return state
    x, other = state.x, (of or state).x
    height, width = x.shape[2:]
    across = (torch.arange(width) + 0.5) / width - patch.right  # of each cell: where in the picture its copy is from
    down = (torch.arange(height) + 0.5) / height - patch.down
    left, top, right, bottom = patch.box
    a = _share(down, top, bottom, feather)[:, None] * _share(across, left, right, feather)
    return replace(state, x=torch.lerp(x, _at(other, across, down), a[None, None].to(x)))


def random_patches(
    count: int, *, generator: torch.Generator, size: float = 0.2, reach: float = 0.06, within: Box = WHOLE
) -> list[Patch]:
    """So many patches of `size` of the side, each moved up to `reach` of it in either direction. Neither they nor their copies leave the
    box `within`. Each has a twin on the other side, which goes the mirrored way: so a face keeps its symmetry."""
    drawn = torch.rand(count, 4, generator=generator)
    low_x, low_y, high_x, high_y = within
    room_x, room_y = high_x - low_x - size, high_y - low_y - size
    found = []
    for x, y, dx, dy in drawn.tolist():
        left, top = low_x + x * room_x, low_y + y * room_y
        right, down = ((2 * share - 1) * reach for share in (dx, dy))
        right = min(max(right, low_x - left), low_x + room_x - left)
        down = min(max(down, low_y - top), low_y + room_y - top)
        found.append(Patch((left, top, left + size, top + size), right, down))
        found.append(Patch((1 - left - size, top, 1 - left, top + size), -right, down))
    return found


def _share(place: Tensor, low: float, high: float, feather: float) -> Tensor:
    """1 from `low` to `high`, falling to 0 over `feather` outside, as a cosine does."""
    outside = torch.maximum(low - place, place - high).clamp(min=0)
    if feather <= 0:
        return (outside == 0).to(place)
    return 0.5 + 0.5 * torch.cos(math.pi * (outside / feather).clamp(max=1))


def _at(x: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """x [1, C, H, W] at the places (across, down), as shares of its sides; between its cells interpolated."""
    y, x_ = torch.meshgrid(2 * down - 1, 2 * across - 1, indexing="ij")
    grid = torch.stack([x_, y], -1)[None].to(x).expand(len(x), -1, -1, -1)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
