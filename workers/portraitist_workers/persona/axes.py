"""Axes of control: where in W each attribute lies, calibrated in the attribute's own unit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Spread of each attribute over ordinary photos: puts degrees and [0, 1] scales on one footing inside losses.
SPREAD = {"yaw": 13.0, "pitch": 6.0, "roll": 3.0, "smile": 0.4, "mouth_open": 0.2, "eyes_open": 0.3}


def spread(name: str, values: Tensor | None = None) -> float:
    """The attribute's usual spread; custom attributes take the standard deviation of the values given, [N]."""
    if name in SPREAD:
        return SPREAD[name]
    deviation = 0.0 if values is None or len(values) < 2 else float(values.std())
    return deviation if deviation > 1e-6 else 1.0


@dataclass
class Axes:
    """Affine coordinates: w = origin + sum_m (c_m - zero_m) steps_m + (what no axis describes).

    names   the M attributes
    origin  [D] the anchors' mean
    zero    [M] attribute values at the origin
    steps   [M, D] change of w for one unit (one degree, or 1 on a [0, 1] scale)
    """

    names: tuple[str, ...]
    origin: Tensor
    zero: Tensor
    steps: Tensor

    @property
    def dual(self) -> Tensor:
        """[D, M]: coordinates are (w - origin) @ dual + zero; the steps need not be orthogonal."""
        return torch.linalg.pinv(self.steps.double()).to(self.steps.dtype)

    def coordinates(self, w: Tensor) -> Tensor:
        """[..., D] -> [..., M] in attribute units."""
        return (w - self.origin) @ self.dual + self.zero

    def move(self, w: Tensor, change: Tensor) -> Tensor:
        """w [B, D] (or w_plus [B, num_ws, D]) moved by `change` [B, M] units along the axes."""
        delta = change @ self.steps
        return w + (delta if w.ndim == 2 else delta.unsqueeze(1))

    def detach(self) -> Axes:
        return Axes(self.names, self.origin.detach(), self.zero.detach(), self.steps.detach())
