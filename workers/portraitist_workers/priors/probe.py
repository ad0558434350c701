"""A generator's fingerprint: a few numbers of a small forward pass, to see later that the weights still do the same."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..generator import Generator

TOLERANCE = 2e-3  # of the pixels' spread; devices and versions of torch differ by less


@torch.no_grad()
def probe(generator: Generator) -> list[float]:
    """48 numbers: the picture of one fixed z through mapping and the first levels of synthesis, at 4 x 4 px in RGB."""
    z = torch.randn(1, generator.config.z_dim, generator=torch.Generator().manual_seed(1))
    image = generator.images(generator.mapping(z), until=min(64, generator.resolution))
    return [round(float(x), 6) for x in F.adaptive_avg_pool2d(image, 4).flatten()]


def same(a: list[float], b: list[float]) -> bool:
    spread = max(max(a) - min(a), 1e-3)
    return len(a) == len(b) and all(abs(x - y) <= TOLERANCE * spread for x, y in zip(a, b, strict=True))
