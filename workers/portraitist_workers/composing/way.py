"""The way to a composition: from the face as it was, or from one face that nobody has to the next, in the chosen parts alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from portraitist.requests import PartChange

from ..generator.parts import Composition

Applied = Callable[[Tensor, Sequence[PartChange]], Tensor]  # w [1, D] -> after these changes


@dataclass(frozen=True, eq=False)
class Stop:
    """A latent w [1, D], and where its parts go. `share` of the way lies behind it."""

    w: Tensor
    composition: Composition
    share: float


def corners(start: Tensor, last: Tensor, changes: Sequence[PartChange], applied: Applied) -> list[Tensor]:
    """The latents between which the way is straight. Parts with several seeds go from one to the next, and all else goes straight from
    `start` to `last`."""
    several = [change for change in changes if len(change.draws) > 1]
    legs = len(several[0].draws) - 1 if several else 1
    found = []
    for number in range(legs):
        here = [change.model_copy(update={"draw": change.draws[number]}) for change in several]
        found.append(applied(torch.lerp(start, last, number / legs), here))
    return [*found, last]


def stops(turns: Sequence[Tensor], composition: Composition, count: int) -> list[Stop]:
    """So many stops along the corners, evenly spaced, the first of them the first corner. The last corner is not among them."""
    found = []
    for number in range(count):
        share = number / count
        leg, along = divmod(share * (len(turns) - 1), 1)
        w = torch.lerp(turns[int(leg)], turns[int(leg) + 1], along)
        found.append(Stop(w, under_way(composition, share), share))
    return found


def under_way(composition: Composition, share: float) -> Composition:
    """The composition when so much of the way lies behind: parts fade that will be left out."""
    return replace(
        composition,
        left=composition.left + (1 - composition.left) * (1 - share),
        moved={name: (share * dx, share * dy) for name, (dx, dy) in composition.moved.items()},
        scaled={name: factor**share for name, factor in composition.scaled.items()},
    )
