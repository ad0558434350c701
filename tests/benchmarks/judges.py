"""The networks that judge, kept apart from those that optimise.

Where torch hub's cache holds LPIPS's backbone, published LPIPS (squeeze) judges, and only judges: the environment is then
pointed at an empty cache, so that the operations under test optimise the bundled distance. Without it the bundled
distance has to judge itself, and the tables say so.
"""

from __future__ import annotations

import functools
import os
import tempfile

import torch
from torch import Tensor

from portraitist_workers.faces.perceptual import (
    BundledPerceptual,
    PerceptualDistance,
    PublishedLPIPS,
    backbone_installed,
)


@functools.cache
def distance() -> PerceptualDistance:
    """The judging distance. Call it before anything else loads a network."""
    judge = PublishedLPIPS("squeeze") if backbone_installed("squeeze") else BundledPerceptual()
    hide_backbones()
    return judge


def hide_backbones() -> None:
    """Everything loaded from here on finds the bundled networks only."""
    empty = os.path.join(tempfile.gettempdir(), "portraitist-bench-no-weights")
    os.makedirs(empty, exist_ok=True)
    os.environ["TORCH_HOME"] = empty


@torch.no_grad()
def lpips(image: Tensor, truth: Tensor) -> Tensor:
    """Distance [B] by the judge."""
    judge = distance()
    return torch.cat([judge(a.clamp(-1, 1), b) for a, b in zip(image.split(16), truth.split(16), strict=True)])


def describe() -> str:
    name = distance().name
    if name.startswith("lpips"):
        return f"LPIPS in these tables is {name} (published, v0.1); it took no part in any optimisation, which used the bundled distance."
    return (
        f"LPIPS's backbone is not installed here: the column LPIPS is {name}, the distance that was also optimised, in about "
        "LPIPS's units. Judge with care."
    )
