"""Pictures of a generator with their w and their measured attributes, kept in shards so that a cut-off run goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from portraitist.atomic import write_atomically

from ...device import device
from ...faces.attributes import AttributeEstimator
from ...faces.image_io import at_side
from ...generator import Generator

SHARD = 32  # pictures in one file
SIDE = 128  # px at which they are kept: what the encoder and the attribute network see
STATISTICS = 20_000  # draws of w, which cost next to nothing


@dataclass(frozen=True)
class Samples:
    """w [N, D], images [N, 3, SIDE, SIDE] uint8, values [N, A]: attributes in their units."""

    w: Tensor
    images: Tensor
    values: Tensor

    def pictures(self, rows: Tensor | slice) -> Tensor:
        """[B, 3, SIDE, SIDE] in [-1, 1]"""
        return self.images[rows].float() / 127.5 - 1


def default_count(resolution: int) -> int:
    """Ten minutes of one core at most (0.3 s a picture at 256 px and 0.8 s at 1024 px, official widths, bf16)."""
    return {512: 1024, 1024: 512}.get(resolution, 2048)


@torch.no_grad()
def w_statistics(generator: Generator, seed: int) -> tuple[Tensor, Tensor]:
    """(mean, standard deviation) of w [D]."""
    z = _z(generator, STATISTICS, seed)
    w = torch.cat([generator.mapping(part) for part in z.split(2048)])
    return w.mean(0), w.std(0).clamp(min=1e-5)


def draw(
    generator: Generator,
    estimator: AttributeEstimator,
    count: int,
    folder: Path,
    *,
    seed: int,
    dtype: torch.dtype,
    on_step: Callable[[int, int], None],
) -> Samples:
    """`count` samples; shard k depends on (seed, k) only, and is read back from `folder` when it is there whole."""
    folder.mkdir(exist_ok=True)
    shards = []
    for first in range(0, count, SHARD):
        path = folder / f"{first // SHARD:05d}.safetensors"
        shard = _read(path, min(SHARD, count - first))
        if shard is None:
            shard = _draw(generator, estimator, min(SHARD, count - first), seed * 1_000_003 + first // SHARD, dtype)
            write_atomically(path, save(shard), durable=False)
        shards.append(shard)
        on_step(min(first + SHARD, count), count)
    return Samples(*(torch.cat([shard[key] for shard in shards]) for key in ("w", "images", "values")))


@torch.no_grad()
def _draw(
    generator: Generator, estimator: AttributeEstimator, count: int, seed: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    w = generator.mapping(_z(generator, count, seed))
    batch = max(1, 2**19 // generator.config.resolution**2)  # memory: 32 at 128 px, one at 1024 px
    images, values = [], []
    for part in w.split(batch):
        image = generator.synthesis(part, dtype=dtype).clamp(-1, 1)
        values.append(estimator(image)[0])
        images.append(((at_side(image, SIDE).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8))
    return {"w": w.contiguous(), "images": torch.cat(images).contiguous(), "values": torch.cat(values).contiguous()}


def _z(generator: Generator, count: int, seed: int) -> Tensor:
    z = torch.randn(count, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    return z.to(generator.mapping.w_avg.device)


def _read(path: Path, count: int) -> dict[str, Tensor] | None:
    try:
        shard = {name: tensor.to(device()) for name, tensor in load(path.read_bytes()).items()}
    except (OSError, SafetensorError):
        return None
    return shard if {"w", "images", "values"} <= set(shard) and len(shard["w"]) == count else None
