"""Hands in front of a face: boxes of palms, by MediaPipe's palm detector (Google, Apache-2.0).

Zhang, Bazarevsky, Vakunov, Tkachenka, Sung, Chang, Grundmann: MediaPipe Hands: On-device Real-time Hand Tracking, 2020. The network
learnt from photographs of the world.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .image_io import at_side
from .networks import load_network
from .torchvision_border import nms
from .world import FOLDER

_SIDE = 192  # px of what the network sees
# The picture's side in it, with black around. The network knows scenes with people in them: in crops of faces that fill its side it takes
# chins and foreheads for palms (9 of 87 portraits with no hand; at half the side none, the surest at 0.27).
_PICTURE = 96
_MARGIN = (_SIDE - _PICTURE) // 2
_CELLS = ((24, 2), (12, 6))  # cells along the side, and candidates in each: the network's order
_MIN_SCORE = 0.65  # no palm is in 182 portraits; the surest that is found there has 0.56
_MAX_OVERLAP = 0.3  # intersection over union of two palms


@dataclass(frozen=True)
class Palm:
    """A palm with no fingers: `box` (x1, y1, x2, y2) in shares of the picture's side, `score` its probability."""

    box: tuple[float, float, float, float]
    score: float


class PalmDetector(Protocol):
    """Pictures are [B, 3, R, R] in [-1, 1]."""

    name: str  # for reports

    def __call__(self, images: Tensor) -> list[list[Palm]]:
        """The palms in each picture, the surest first."""


class WorldPalms:
    """The network that learnt from photographs, shipped with the package (world/palms.safetensors)."""

    def __init__(self) -> None:
        self.name = "mediapipe-palms"
        self.network, self.measured = load_network("palms", FOLDER)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> list[list[Palm]]:
        seen = F.pad((at_side(images, _PICTURE) + 1) / 2, [_MARGIN] * 4)
        out = self.network(seen.contiguous(memory_format=torch.channels_last))
        boxes, scores = (decode(out["boxes"]) - _MARGIN) / _PICTURE, out["scores"][..., 0].sigmoid()
        return [_palms(*candidates) for candidates in zip(boxes.cpu(), scores.cpu(), strict=True)]


def decode(raw: Tensor) -> Tensor:
    """Raw candidates [B, 2016, 18] -> boxes [B, 2016, 4] (x1, y1, x2, y2), all in px of what the network sees.

    The first four numbers are a box's centre, from the middle of its cell, and its width and height.
    """
    cells = []
    for count, each in _CELLS:
        y, x = torch.meshgrid(*[(torch.arange(count) + 0.5) * (_SIDE / count)] * 2, indexing="ij")
        cells.append(torch.stack([x, y], 2).reshape(-1, 1, 2).expand(-1, each, 2).reshape(-1, 2))
    centre, half = raw[..., :2] + torch.cat(cells).to(raw), raw[..., 2:4] / 2
    return torch.cat([centre - half, centre + half], -1)


def _palms(boxes: Tensor, scores: Tensor) -> list[Palm]:
    sure = scores >= _MIN_SCORE
    boxes, scores = boxes[sure], scores[sure]
    return [Palm(tuple(boxes[i].tolist()), float(scores[i])) for i in nms(boxes, scores, _MAX_OVERLAP)]


@functools.cache
def load_hands() -> PalmDetector:
    """The detector at hand (one so far: the bundled network). Raises PriorUnavailable."""
    return WorldPalms()
