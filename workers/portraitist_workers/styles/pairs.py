"""Latents, and what they shall look like in the style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..faces.image_io import at_side, to_tensor
from ..generator import Generator
from ..persona.rendering import render
from ..priors.library import Prior
from .drawn.face import Face, faces
from .learning import Pairs

BATCH = 16


class Draw(Protocol):
    def __call__(self, face: Face) -> np.ndarray:
        """[S, S, 3] in 0..1."""


@torch.no_grad()
def drawn(
    generator: Generator,
    draw: Draw,
    count: int,
    *,
    seed: int = 0,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> Pairs:
    """`count` faces that the generator makes, each drawn by hand-written rules (`drawn/`)."""
    z = torch.randn(count, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    w = generator.mapping(z.to(next(iter(generator.weights().values()))))
    pictures = []
    for number, part in enumerate(w.split(BATCH)):
        made = np.stack([draw(face) for face in faces(render(generator, part).clamp(-1, 1))])
        pictures.append(at_side(to_tensor((made * 255).round().astype(np.uint8)), generator.resolution))
        on_step(min(count, (number + 1) * BATCH), count)
    return Pairs(w, torch.cat(pictures).to(w))


@torch.no_grad()
def seen(prior: Prior, pictures: Sequence[np.ndarray]) -> Pairs:
    """Aligned pictures [R, R, 3] uint8 of faces in a style, each with the latent at which the encoder sees it."""
    images = to_tensor(np.stack(pictures)).to(prior.w_std)
    return Pairs(_latents(prior, images), images)


def _latents(prior: Prior, images: Tensor) -> Tensor:
    return torch.cat([prior.encoder(part) for part in images.split(BATCH)])
