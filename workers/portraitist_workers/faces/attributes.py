"""Attribute values read off an aligned face: pose, smile, mouth, eyes, each with its error."""

from __future__ import annotations

import functools
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.attributes import ESTIMATED

from .networks import SIDE, load_network


class AttributeEstimator(Protocol):
    """Pictures are aligned faces [B, 3, R, R] in [-1, 1]; units and signs as in portraitist.attributes."""

    name: str                 # for reports
    names: tuple[str, ...]    # the attributes, in the order of the columns below
    errors: dict[str, float]  # median |estimate - truth| per attribute, measured on people the network never saw

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(values [B, A], standard deviation the estimator expects of each [B, A]); differentiable."""

    def occlusion(self, images: Tensor) -> Tensor:
        """Probability [B] that something covers eyes, nose or mouth."""


class BundledAttributes:
    """The network trained on the engine's labels, shipped with the package (networks.AttributeNetwork)."""

    def __init__(self) -> None:
        self.name = "portraitist-attributes"
        self.network, self.measured = load_network("attributes")
        self.names = tuple(self.network.names)
        self.errors = dict(self.measured["median_error"])
        if self.names != ESTIMATED:
            raise ValueError(f"attribute network estimates {self.names}, the SDK expects {ESTIMATED}")

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        values, deviation = self.network(at_side(images, SIDE))
        return values.clamp(min=torch.tensor(self._low).to(values), max=torch.tensor(self._high).to(values)), deviation

    def occlusion(self, images: Tensor) -> Tensor:
        return self.network.all_outputs(at_side(images, SIDE))[2].sigmoid()

    # The engine's geometric labels end at 0 and 1; so do the estimates.
    _low = tuple(0.0 if name in ("smile", "mouth_open", "eyes_open") else -90.0 for name in ESTIMATED)
    _high = tuple(1.0 if name in ("smile", "mouth_open", "eyes_open") else 90.0 for name in ESTIMATED)


def as_dict(estimator: AttributeEstimator, values: Tensor) -> dict[str, float]:
    """One row of values [A] by attribute name, rounded for reports."""
    return {name: round(float(v), 3) for name, v in zip(estimator.names, values, strict=True)}


def at_side(images: Tensor, side: int) -> Tensor:
    """[B, 3, R, R] -> [B, 3, side, side], averaging when shrinking."""
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)


@functools.cache
def load_attributes() -> AttributeEstimator:
    """The estimator at hand (one so far: the bundled network). Raises PriorUnavailable."""
    return BundledAttributes()
