"""Where the handles are now: the place around which the features are most like those that were around the handle at first.

DragGAN takes the pixel whose one feature vector is nearest (paper, eq. 4). Here a disc of features is laid on the map and shifted by
fractions of a pixel until it fits (Lucas and Kanade 1981, on features). So a handle's place is a smooth function of the latent, and
its derivative is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .features import Maps

RADIUS = 4  # px of the disc
ITERATIONS = 12
CLOSE = 0.02  # px: shifts below end the search
STEP = 1.5  # px: longest shift at once
REACH = 4.0  # px: farthest from where the search began; a window shows so much
DAMPING = 1e-3
HALF = 0.5  # px: of the central differences
LOST = 1.0  # misfit, as a share of the disc's own contrast, from which on a handle is lost


@dataclass(frozen=True, eq=False)
class Found:
    """points [P, 2]; misfit [P]: what differs from the handle's features, as a share of their own contrast (0: nothing)."""

    points: Tensor
    misfit: Tensor


class Tracker:
    """Of P handles at `points` [P, 2] of the maps `first`, in px."""

    def __init__(self, first: Maps, points: Tensor, *, radius: float = RADIUS) -> None:
        self.disc, self.weight = _disc(radius)
        self.scale = first.x.flatten(2).std(2).mean(0)[:, None].clamp(min=1e-6)  # channels count alike
        self.first = self.seen(first, points)
        self.template = self.first
        self._contrast = self._energy(self.first - self.first.mean(2, keepdim=True)).clamp(min=1e-6)

    def seen(self, maps: Maps, points: Tensor, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
        """The disc's features [P, C, Q], each channel in units of its spread."""
        at = points[:, None] + self.disc + self.disc.new_tensor(shift)
        return maps.read(at) / self.scale

    def find(self, maps: Maps, start: Tensor) -> Found:
        """From `start` [P, 2] on, the nearest place that fits."""
        points, difference = start, self.seen(maps, start) - self.template
        for _ in range(ITERATIONS):
            slope, inverse = self._slope(maps, points)
            shift = -torch.einsum("pab,pbcq,pcq->pa", inverse, slope * self.weight, difference)
            length = shift.norm(dim=1, keepdim=True)
            moved = points + shift * (STEP / length.clamp(min=STEP))
            points = start + (moved - start).clamp(-REACH, REACH)
            difference = self.seen(maps, points) - self.template
            if bool((length < CLOSE).all()):
                break
        return Found(points, (self._energy(difference) / self._contrast).sqrt())

    def position(self, maps: Maps, points: Tensor) -> Tensor:
        """[P, 2], zero at `points`: how far the handles are from there. Differentiable in the maps; its derivative is how they move."""
        flat = maps.detach()
        slope, inverse = self._slope(flat, points)
        return -torch.einsum("pab,pbcq,pcq->pa", inverse, slope * self.weight, self.seen(maps, points))

    def texture(self, maps: Maps, points: Tensor) -> Tensor:
        """[P]: how well the handle's place is determined in the worse direction, in contrast per px."""
        slope, _ = self._slope(maps, points)
        gram = torch.einsum("pacq,pbcq->pab", slope * self.weight, slope)
        return (torch.linalg.eigvalsh(gram)[:, 0] / self._contrast).clamp(min=0).sqrt()

    def blend(self, maps: Maps, points: Tensor, share: float) -> None:
        """The template becomes a little of what is seen now, so that it follows a face that turns; the rest stays the first one's."""
        self.template = torch.lerp(self.first, self.seen(maps, points), share)

    def _slope(self, maps: Maps, points: Tensor) -> tuple[Tensor, Tensor]:
        """Change of the features per px to the right and down [P, 2, C, Q], and the inverse [P, 2, 2] of its weighted square."""
        h = HALF
        slope = torch.stack(
            [
                self.seen(maps, points, (h, 0)) - self.seen(maps, points, (-h, 0)),
                self.seen(maps, points, (0, h)) - self.seen(maps, points, (0, -h)),
            ],
            1,
        ) / (2 * h)
        gram = torch.einsum("pacq,pbcq->pab", slope * self.weight, slope)
        trace = gram.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
        return slope, torch.linalg.inv(gram + (DAMPING * trace + 1e-9) * torch.eye(2).to(gram))

    def _energy(self, x: Tensor) -> Tensor:
        return (x.square() * self.weight).sum((1, 2))


def _disc(radius: float) -> tuple[Tensor, Tensor]:
    """Offsets [Q, 2] in px, and their weights [Q] (Gaussian)."""
    reach = int(radius)
    line = torch.arange(-reach, reach + 1.0)
    offsets = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
    offsets = offsets[offsets.norm(dim=1) <= radius + 0.5]
    return offsets, torch.exp(-offsets.square().sum(1) / (2 * (radius / 1.5) ** 2))
