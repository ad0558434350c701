"""What is measured of a parts generator with labels -> codes, on renders: masks, and what changes when one part does.

    python -m portraitist_workers.priors.training.parts.figures --pool DIR --canvas DIR --state parts.pt [--count 300]

The pool should be one that no training has seen (another --seed). Changes are in grey levels of 255.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ....composing.composed import around, change_by_place
from ....generator.parts import Composition, Made, Parts, taken
from ....precision import optimisation_dtype
from ...engine.canvas import Canvas
from ...engine.labels import LABEL_FIELDS
from ...engine.masks import CLASSES
from .frames import Zooms
from .pictures import LabelledPool, Pictures
from .taught import Taught

BATCH = 20
Change = Callable[[Tensor, Tensor], Tensor]  # (labels, those of the next picture) -> changed labels


def _set(**values: float) -> Change:
    def change(labels: Tensor, _: Tensor) -> Tensor:
        labels = labels.clone()
        for name, value in values.items():
            labels[:, LABEL_FIELDS[name]] = value
        return labels

    return change


def _theirs(labels: Tensor, others: Tensor) -> Tensor:
    return others


# name -> parts whose codes change, parts near which the picture may change, labels of the change
CHANGES: dict[str, tuple[tuple[str, ...], tuple[str, ...], Change]] = {
    "hair colour": (("hair",), ("hair",), _set(hair=-15.0)),
    "hair of another": (("hair",), ("hair",), _theirs),
    "eyes shut": (("eyes",), ("eyes",), _set(eyes_open=0.0)),
    "gaze": (("eyes",), ("eyes",), _set(gaze=0.5)),
    "eyes of another": (("eyes",), ("eyes",), _theirs),
    "brows raised": (("brows",), ("brows",), _set(brow=1.0)),
    "brows of another": (("brows",), ("brows",), _theirs),
    "nose of another": (("nose",), ("nose",), _theirs),
    "mouth open": (("lips", "mouth"), ("lips", "mouth"), _set(jaw=0.4, mouth_open=0.6)),
    "mouth of another": (("lips", "mouth"), ("lips", "mouth"), _theirs),
    "clothes": (("clothes",), ("clothes",), _theirs),
    "neck of another": (("neck",), ("neck",), _theirs),
    "background": (("background",), ("background",), _theirs),
    "skin of another": (("skin",), ("skin", "brows", "eyes", "nose", "lips", "mouth", "neck"), _theirs),
}


class Figures:
    """Sums over batches; `read` gives the means."""

    def __init__(self, generator: Parts, router: torch.nn.Module, *, until: int, coarse: int) -> None:
        self.generator, self.router, self.until, self.coarse = generator, router, until, coarse
        self.meets = torch.zeros(2, len(CLASSES))  # of the final and the coarse masks
        self.joins = torch.zeros(2, len(CLASSES))
        self.sums: dict[str, list[float]] = {}

    def _made(self, w: Tensor, composition: Composition | None = None) -> Made:
        return self.generator.make(
            w, composition, noise="none", until=self.until, coarse=self.coarse, dtype=optimisation_dtype()
        )

    def _note(self, name: str, value: Tensor | float) -> None:
        self.sums.setdefault(name, []).append(float(value))

    @torch.no_grad()
    def add(self, pictures: Pictures) -> None:
        config, w = self.generator.config, self.router(pictures.labels)
        made, truth = self._made(w), pictures.shares.argmax(1)
        enlarged = F.interpolate(made.masses, size=truth.shape[1:], mode="bilinear", align_corners=False).argmax(1)
        for row, found in enumerate((made.classes, enlarged)):
            for k in range(len(CLASSES)):
                self.meets[row, k] += ((found == k) & (truth == k)).sum()
                self.joins[row, k] += ((found == k) | (truth == k)).sum()
        self._note("coarse and final differ, % of pixels", 100 * (enlarged != made.classes).float().mean())
        difference = 127.5 * (made.image.clamp(-1, 1) - pictures.image).abs().mean(1, keepdim=True)
        self._note("L1 of the picture", difference.mean())
        self._note("L1 of the person", (difference * pictures.alpha).sum() / pictures.alpha.sum())
        for name, (parts, near, change) in CHANGES.items():
            theirs = self.router(change(pictures.labels, pictures.labels.roll(1, 0)))
            self._changed(name, made, self._made(taken(config, w, theirs, parts)), near)
        others = w.roll(1, 0)
        for part in ("hair", "skin", "lips"):
            after = self._made(taken(config, w, others, [part], shape=False))
            same, either = (made.classes == config.part(part)), (after.classes == config.part(part))
            self._note(
                f"{part}: IoU of the mask when the texture changes",
                (same & either).sum() / (same | either).sum().clamp(min=1),
            )
        self._moved(w, made)

    def _changed(self, name: str, before: Made, after: Made, parts: tuple[str, ...]) -> None:
        numbers = [self.generator.config.part(part) for part in parts]
        near = around(before, after, numbers)
        inside, outside = change_by_place(before, after, numbers)
        self._note(f"{name}: near", inside)
        self._note(f"{name}: outside", outside)
        moved = (before.classes != after.classes)[:, None] * (1 - near)
        self._note(f"{name}: class changes outside, %", 100 * moved.sum() / near.numel())

    def _moved(self, w: Tensor, before: Made, *, part: str = "nose", share: float = 0.05) -> None:
        after = self._made(w, Composition(moved={part: (0.0, share)}))
        at, among = self.generator.config.part(part), self.generator.config.part("eyes")
        self._note(
            "nose moved down by 6.4 px of 128: moves", 128 * (_middles(after, at) - _middles(before, at)).nanmean()
        )
        self._note(
            "nose moved down by 6.4 px of 128: eyes move",
            128 * (_middles(after, among) - _middles(before, among)).nanmean(),
        )

    def read(self) -> dict[str, float]:
        ious = self.meets / self.joins.clamp(min=1)
        found = {"mIoU of final masks": float(ious[0].mean()), "mIoU of coarse masks": float(ious[1].mean())}
        found |= {f"IoU of {name}": float(iou) for name, iou in zip(CLASSES, ious[0], strict=True)}
        found |= {name: float(np.nanmean(values)) for name, values in self.sums.items()}
        for name in CHANGES:
            found[f"{name}: near / outside"] = found[f"{name}: near"] / max(found[f"{name}: outside"], 1e-6)
        return {name: round(value, 3) for name, value in found.items()}


def _middles(made: Made, part: int) -> Tensor:
    """Height of the middle of a part's mask, as a share of the picture, [B]; NaN where it is not there."""
    mask = (made.classes == part).float()
    rows = (torch.arange(mask.shape[1]) + 0.5) / mask.shape[1]
    return (mask.sum(2) * rows).sum(1) / torch.where(mask.sum((1, 2)) > 0, mask.sum((1, 2)), torch.nan)


def measure(taught: Taught, pool: LabelledPool, *, count: int, until: int, coarse: int) -> dict[str, float]:
    figures = Figures(taught.generator_ema, taught.router, until=until, coarse=coarse)
    rng = np.random.default_rng(0)
    for _ in range(0, count, BATCH):
        figures.add(pool.pictures(BATCH, until, rng))
    return figures.read()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pool", "canvas", "state"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300, help="renders")
    parser.add_argument("--until", type=int, default=128, help="px, of a training that has not come to the full size")
    parser.add_argument("--coarse", type=int, default=32)
    args = parser.parse_args(arguments)
    pool = LabelledPool(args.pool, Zooms(Canvas.load(args.canvas)))
    found = measure(Taught(args.state), pool, count=args.count, until=args.until, coarse=args.coarse)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
