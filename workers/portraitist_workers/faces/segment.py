"""Which pixels of a photo show a person, by MediaPipe's selfie segmentation (Google, Apache-2.0).

The network learnt from photographs of the world. It sees 256 px, so its outlines are soft; `detail/matte.py` sharpens them.
"""

from __future__ import annotations

import functools
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .networks import load_network
from .world import FOLDER

_SIDE = 256  # px of what the network sees


class PersonSegmenter(Protocol):
    """Pictures are [B, 3, H, W] in [-1, 1], of any shape."""

    name: str  # for reports

    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities [B, H, W] that a pixel shows a person."""


class WorldPeople:
    """The network that learnt from photographs, shipped with the package (world/person.safetensors)."""

    def __init__(self) -> None:
        self.name = "mediapipe-selfie-segmentation"
        self.network, self.measured = load_network("person", FOLDER)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        seen = F.interpolate((images + 1) / 2, (_SIDE, _SIDE), mode="bilinear", align_corners=False, antialias=True)
        person = self.network(seen.contiguous(memory_format=torch.channels_last))["person"]
        return F.interpolate(person, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


@functools.cache
def load_people() -> PersonSegmenter:
    """The segmenter at hand. Raises PriorUnavailable."""
    return WorldPeople()
