"""The parser: which part of the face each pixel shows, learnt from the engine's class maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...device import in_channels_last
from ...faces.networks import SIDE, ParserNetwork, save_network
from ...precision import autocast
from ..engine.masks import CLASSES
from .distortions import GROUP, camera_like, random_affine
from .face_networks import run_steps
from .pool import Pool


def train_parser(pool: Pool, held_out: Pool | None, out: Path, minutes: float, save_to: Path) -> None:
    arguments: dict[str, Any] = {"names": list(CLASSES)}
    network = in_channels_last(ParserNetwork(**arguments))

    def loss(rng: np.random.Generator) -> Tensor:
        images, shares = batch(pool, 24, rng)
        with autocast():
            logits = network(camera_like(images, rng).contiguous(memory_format=torch.channels_last))
        # No weights: with eyes and lips counting three times, a quarter of what was called eye was skin.
        return F.cross_entropy(logits, shares) + 0.5 * soft_dice_loss(logits, shares)

    steps = run_steps("parser", network, loss, out=out, minutes=minutes, peak=3e-3)
    measured = measure(network, held_out or pool) | {
        "steps": steps,
        "on": "held-out people" if held_out else "training people",
    }
    print("parser:", measured, flush=True)
    save_network(save_to / "parser.safetensors", "parser", network, arguments, measured)


def batch(pool: Pool, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Pictures [B, 3, R, R] and class shares [B, K, R, R], cropped askew and half of them mirrored."""
    both = torch.cat(pool.class_batch(size, SIDE, rng), 1)
    both = torch.cat([random_affine(x, rng, shift=0.06, scale=0.1, angle=0.12) for x in both.split(GROUP)])
    mirror = torch.from_numpy(rng.random(size) < 0.5)
    both = torch.where(mirror[:, None, None, None], both.flip(3), both)
    return both[:, :3], both[:, 3:]


def soft_dice_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """1 - the mean over classes of the overlap of shares (Milletari et al.: V-Net, 2016, eq. 1), a stand-in for IoU."""
    found = logits.softmax(1)
    overlap = (found * shares).sum((0, 2, 3))
    return 1 - (2 * overlap / (found.sum((0, 2, 3)) + shares.sum((0, 2, 3)) + 1)).mean()


@torch.no_grad()
def measure(network: ParserNetwork, pool: Pool, count: int = 600) -> dict[str, dict[str, float]]:
    """Intersection over union per class and their mean, on clean and on camera-like pictures."""
    rng = np.random.default_rng(1)
    images, shares = pool.class_batch(count, SIDE, rng)
    truth = shares.argmax(1)
    figures = {}
    for name, pictures in {"iou": images, "iou_camera_like": camera_like(images, rng)}.items():
        found = torch.cat([network(x).argmax(1) for x in pictures.split(50)])
        each = {
            label: round(float(((found == k) & (truth == k)).sum() / ((found == k) | (truth == k)).sum()), 4)
            for k, label in enumerate(CLASSES)
        }
        figures[name] = each | {"mean": round(float(np.mean(list(each.values()))), 4)}
    return figures
