"""What takes hold of the picture for one pull: a point, maybe with those around it, which shall grow; or the points of a region.

A region is held by a few points that are spread over it. All go equally far, so it moves as a whole. Its report tells of their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RING, RADIUS = 6, 0.07  # points around one whose surroundings grow; how far from it, in shares of the square's side
RIM = 0.02  # of the square's side: nearer to its border nothing can be pulled
CLOSE = 0.03  # of the side: nearer to each other the points of a box tell the tracker the same twice


@dataclass(frozen=True, eq=False)
class Grip:
    """places [N, 2] in shares of the square's side. The first `told` of them are what somebody asked for, the others help."""

    places: Tensor
    told: int

    @classmethod
    def of_point(cls, place: Tensor, grow: float) -> Grip:
        """place [2]."""
        return cls(torch.cat([place[None], _ring(place)]) if grow else place[None], 1)

    @classmethod
    def of_region(cls, places: Tensor) -> Grip:
        return cls(places, len(places))

    @property
    def middle(self) -> Tensor:
        return self.places[: self.told].mean(0)

    def ends(self, target: Tensor, grow: float) -> Tensor:
        """[N, 2]: where the places go when the middle goes to `target` [2], and what lies around it grows by that share."""
        return target + (1 + grow) * (self.places - self.middle)


def within(box: tuple[float, float, float, float], px: float) -> list[tuple[float, float]]:
    """At most six places of a box, px: the middles of 3 by 2 cells, along its longer side; of fewer where it is small. `px`: of the
    picture, for one side of the square."""
    left, top, right, bottom = box
    wide = right - left >= bottom - top
    columns, rows = (
        max(1, min(most, int(length / (CLOSE * px))))
        for most, length in ((3 if wide else 2, right - left), (2 if wide else 3, bottom - top))
    )
    return [
        (left + (right - left) * (column + 0.5) / columns, top + (bottom - top) * (row + 0.5) / rows)
        for row in range(rows)
        for column in range(columns)
    ]


def _ring(place: Tensor) -> Tensor:
    """[N, 2], of them those that lie in the square."""
    angles = torch.arange(RING) * (2 * torch.pi / RING)
    around = place + RADIUS * torch.stack([angles.cos(), angles.sin()], 1).to(place)
    return around[((around - 0.5).abs() < 0.5 - RIM).all(1)]
