"""Variations of one picture: patches of its features moved elsewhere and blended in (section 3.3 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..generator.synthesis import State
from .interpolation import Source, picture
from .weights import feathered

LAYERS = ((8, "torgb"), (16, "torgb"), (32, "torgb"))  # after which patches are moved


@dataclass(frozen=True)
class Patch:
    """A box (left, top, right, bottom) as shares of the picture's side, and how far its copy goes, in shares, too."""

    box: tuple[float, float, float, float]
    right: float = 0.0
    down: float = 0.0


def variation(
    source: Source, patches: Sequence[Patch], *, layers: Sequence[tuple[int, str]] = LAYERS, feather: float = 0.04
) -> Tensor:
    """The picture [1, 3, R, R] in which copies of the patches lie elsewhere: f <- (1 - a) f + a shift(f), after each of `layers`.

    The offset is rounded to the map's grid. A patch that goes nowhere changes nothing, to the bit. feather: of a copy's border, as a
    share of the side."""

    def moved(state: State) -> State:
        for patch in patches:
            state = copied(state, patch, feather=feather)
        return state

    return picture(source.synthesis.run(source.start(), source.styles, hooks=dict.fromkeys(layers, moved)))


def copied(state: State, patch: Patch, *, of: State | None = None, feather: float) -> State:
    """The features with the patch's copy blended in: its own, or those `of` another picture at the same layer. The colours so far stay."""
    x, other = state.x, (of or state).x
    height, width = x.shape[2:]
    down, right = round(patch.down * height), round(patch.right * width)
    if of is None and not down and not right:
        return state
    left, top, end, bottom = patch.box
    where = torch.zeros(1, 1, height, width)
    where[:, :, round(top * height) : round(bottom * height), round(left * width) : round(end * width)] = 1
    a = feathered(where, feather * width).to(x).roll((down, right), (2, 3))
    return replace(state, x=torch.lerp(x, other.roll((down, right), (2, 3)), a))


def random_patches(count: int, *, generator: torch.Generator, size: float = 0.3, reach: float = 0.2) -> list[Patch]:
    """So many patches of `size` of the side, moved up to `reach` of it, that stay within the picture."""
    drawn = torch.rand(count, 4, generator=generator)
    found = []
    for x, y, dx, dy in drawn.tolist():
        left, top = x * (1 - size), y * (1 - size)
        right, down = ((2 * share - 1) * reach for share in (dx, dy))
        right, down = min(max(right, -left), 1 - size - left), min(max(down, -top), 1 - size - top)
        found.append(Patch((left, top, left + size, top + size), right, down))
    return found
