"""Which part of the face each pixel of an aligned crop shows."""

from __future__ import annotations

import functools
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .image_io import at_side
from .networks import SIDE, load_network


class FaceParser(Protocol):
    """Pictures are aligned faces [B, 3, R, R] in [-1, 1]."""

    name: str  # for reports
    names: tuple[str, ...]  # the parts: background, skin, brows, eyes, nose, lips, mouth, hair, neck, clothes

    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities [B, K, R, R] of the parts, adding up to 1 over K."""


class BundledParser:
    """The network trained on the engine's class maps, shipped with the package (networks.ParserNetwork)."""

    def __init__(self) -> None:
        self.name = "portraitist-parser"
        self.network, self.measured = load_network("parser")
        self.names = tuple(self.network.names)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        logits = self.network(at_side(images, SIDE).contiguous(memory_format=torch.channels_last))
        if images.shape[-1] != SIDE:
            logits = F.interpolate(logits, images.shape[-2:], mode="bilinear", align_corners=False)
        return logits.softmax(1)


@functools.cache
def load_parser() -> FaceParser:
    """The parser at hand (one so far: the bundled network). Raises PriorUnavailable."""
    return BundledParser()
