"""Where the handles are now: the place around which the features are most like those that were around the handle at first.

DragGAN takes the pixel whose one feature vector is nearest (paper, eq. 4). Here a disc of features is laid on the map and shifted by
fractions of a pixel until it fits (Lucas and Kanade 1981, on features). So a handle's place is a smooth function of the latent, and
its derivative is known.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from .features import Maps

RADIUS = 4.0  # px of the disc
ITERATIONS = 12
CLOSE = 0.02  # px: shifts below end the search
STEP = 1.5  # px: longest shift at once
REACH = 4.0  # px: farthest from where the search began; a window shows so much
DAMPING = 1e-3
HALF = 0.5  # px: of the central differences
NEAREST = 3  # px: the paper's window to each side, 12 px of 512


@dataclass(frozen=True, eq=False)
class Found:
    """points [P, 2] in px. confidence [P] in [0, 1]: 1 where the features are those of the handle, 0 where they have nothing of it."""

    points: Tensor
    confidence: Tensor


class Tracker:
    """Of P handles at `points` [P, 2] of the maps `first`, in px."""

    def __init__(self, first: Maps, points: Tensor) -> None:
        self.scale = first.x.flatten(2).std(2).mean(0)[:, None].clamp(min=1e-6)  # channels count alike
        self.first = self.template = self.seen(first, points)
        self._weight = _disc(RADIUS, points.device)[1]
        self._contrast = self._energy(self.first - self.first.mean(2, keepdim=True)).clamp(min=1e-6)

    def seen(
        self, maps: Maps, points: Tensor, shift: tuple[float, float] = (0.0, 0.0), *, radius: float = RADIUS
    ) -> Tensor:
        """The features of a disc [P, C, Q], each channel in units of its spread."""
        offsets = _disc(radius, points.device)[0]
        return maps.read(points[:, None] + offsets + offsets.new_tensor(shift)) / self.scale

    def find(self, maps: Maps, start: Tensor) -> Found:
        """From `start` [P, 2] on, the nearest place where the disc fits."""
        points, difference = start, self.seen(maps, start) - self.template
        for _ in range(ITERATIONS):
            slope, inverse = self._slope(maps, points)
            shift = -torch.einsum("pab,pbcq,pcq->pa", inverse, slope * self._weight, difference)
            length = shift.norm(dim=1, keepdim=True)
            moved = points + shift * (STEP / length.clamp(min=STEP))
            points = start + (moved - start).clamp(-REACH, REACH)
            difference = self.seen(maps, points) - self.template
            if bool((length < CLOSE).all()):
                break
        return Found(points, self._confidence(difference))

    def nearest(self, maps: Maps, start: Tensor) -> Found:
        """As the paper: of the whole pixels around `start`, the one whose feature vector is nearest to the handle's own."""
        line = torch.arange(-NEAREST, NEAREST + 1.0, device=start.device)
        around = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
        at = (start[:, None] - 0.5).round() + 0.5 + around
        own = self.template[:, :, self._weight.argmax()]  # the disc's middle
        differ = (maps.read(at) / self.scale - own[..., None]).norm(dim=1)
        points = at[torch.arange(len(at)), differ.argmin(1)]
        return Found(points, self._confidence(self.seen(maps, points) - self.template))

    def position(self, maps: Maps, points: Tensor) -> Tensor:
        """[P, 2]: where the handles lie, up to a constant. Its derivative by the maps is how the handles at `points` move."""
        slope, inverse = self._slope(maps.detach(), points)
        return -torch.einsum("pab,pbcq,pcq->pa", inverse, slope * self._weight, self.seen(maps, points))

    def texture(self, maps: Maps, points: Tensor) -> Tensor:
        """[P]: how sharply the places are defined in the direction in which they are so least, in spreads of the features per px."""
        slope, _ = self._slope(maps, points)
        gram = torch.einsum("pacq,pbcq->pab", slope * self._weight, slope)
        share = self._weight.sum() * slope.shape[2]
        return (torch.linalg.eigvalsh(gram)[:, 0] / share).clamp(min=0).sqrt()

    def blend(self, maps: Maps, points: Tensor, share: float) -> None:
        """The template follows a face that turns: a share of it is what is seen now, the rest always what was seen at first."""
        if share:
            self.template = torch.lerp(self.first, self.seen(maps, points), share)

    def _slope(self, maps: Maps, points: Tensor) -> tuple[Tensor, Tensor]:
        """Change of the features per px to the right and down [P, 2, C, Q], and the inverse [P, 2, 2] of its weighted square."""
        h = HALF
        right = self.seen(maps, points, (h, 0)) - self.seen(maps, points, (-h, 0))
        down = self.seen(maps, points, (0, h)) - self.seen(maps, points, (0, -h))
        slope = torch.stack([right, down], 1) / (2 * h)
        gram = torch.einsum("pacq,pbcq->pab", slope * self._weight, slope)
        trace = gram.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
        return slope, torch.linalg.inv(gram + (DAMPING * trace + 1e-9) * torch.eye(2).to(gram))

    def _energy(self, x: Tensor) -> Tensor:
        return (x.square() * self._weight).sum((1, 2))

    def _confidence(self, difference: Tensor) -> Tensor:
        return (1 - (self._energy(difference) / self._contrast).sqrt()).clamp(0, 1)


@functools.cache
def _disc(radius: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Offsets [Q, 2] in px, and their weights [Q] (Gaussian)."""
    reach = int(radius)
    line = torch.arange(-reach, reach + 1.0, device=device)
    offsets = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
    offsets = offsets[offsets.norm(dim=1) <= radius + 0.5]
    return offsets, torch.exp(-offsets.square().sum(1) / (2 * (radius / 1.5) ** 2))
