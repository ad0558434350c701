"""What a parts generator makes, to look at: renders, their regressions, masks, and one part changed at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ....generator.parts import Composition, Made, Parts, taken
from ...engine.labels import LABEL_FIELDS
from .pictures import LabelledPool

if TYPE_CHECKING:
    from .paired import Trainer

MOVED = {"nose": (0.06, 0.0), "eyes": (0.0, 0.05)}


@torch.no_grad()
def contact_sheet(trainer: Trainer, pool: LabelledPool, path: Path, *, columns: int = 10) -> None:
    """Rows: render, regression, masks, parts of the next picture, attributes set, parts moved, parts left out."""
    phase, _ = trainer.position()
    config = trainer.config
    generator, router = cast(Parts, trainer.average["generator"]), trainer.average["router"]
    pictures = pool.pictures(columns, phase.resolution, np.random.default_rng(1))

    def made(w: Tensor, composition: Composition | None = None) -> Made:
        return generator.make(w, composition, noise="none", until=phase.resolution, coarse=phase.coarse)

    own = router(pictures.labels)
    start = made(own)
    rows = [
        pictures.image,
        start.image,
        _coloured(pictures.shares),
        _coloured(start.segmentation),
        _coloured(start.masses),
    ]
    for names in (("hair",), ("eyes", "brows"), ("nose",), ("lips", "mouth")):
        rows.append(made(taken(config, own, own.roll(1, 0), names)).image)
    rows.append(made(taken(config, own, own.roll(1, 0), ["skin"], shape=False)).image)
    rows.append(made(taken(config, own, own.roll(1, 0), ["base"])).image)
    for label, value in (("eyes_open", 0.0), ("jaw", 0.4), ("brow", 1.0)):
        labels = pictures.labels.clone()
        labels[:, LABEL_FIELDS[label]] = value
        if label == "jaw":
            labels[:, LABEL_FIELDS["mouth_open"]] = 0.6
        rows.append(made(taken(config, router(labels), own, ["base"])).image)
    for part, offset in MOVED.items():
        rows.append(made(own, Composition(moved={part: offset})).image)
    rows.append(made(own, Composition(without=("eyes", "brows", "lips", "mouth"))).image)
    side = pictures.image.shape[-1]
    grid = torch.cat([torch.cat(list(F.interpolate(row, size=(side, side))), 2) for row in rows], 1)
    image = ((grid.clamp(-1, 1).permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
    cv2.imwrite(str(path), image[..., ::-1])


def _coloured(shares: Tensor) -> Tensor:
    """[B, K, r, r] -> [B, 3, r, r] in [-1, 1], a colour for each class."""
    classes = shares.argmax(1).numpy().astype(np.uint8)
    flat = cv2.applyColorMap((classes * 25).reshape(-1, classes.shape[-1]), cv2.COLORMAP_TURBO)[..., ::-1]
    colours = torch.from_numpy(flat.copy()).view(*classes.shape, 3).permute(0, 3, 1, 2)
    return colours.float() / 127.5 - 1
