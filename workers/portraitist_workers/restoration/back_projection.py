"""What the photo still shows is kept; what it lost comes from the restored picture (back projection, Irani and Peleg 1991).

A picture x of the person, degraded, should give the photo y. Where it does not, the difference y - D(x) is added to it. After a blur
that keeps the photo's coarse detail and takes only the fine one from the picture. Without any damage it gives the photo itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, GaussianBlur, Greyscale, Jpeg, MotionBlur, Noise

from ..faces import image_io
from . import degrade
from .observation import Observation
from .plain import ROUNDS, grain, quiet

NEGLIGIBLE = 0.04  # of the range 2, 5 grey levels: so small a difference is left where the photo tells next to nothing, else less
REST = 1.0  # grey levels of noise that smoothing leaves
OFF = 12.0  # grey levels: where picture and photo differ by so much, the picture shows something else
AROUND = 1 / 50  # of the square's side: how far around a pixel that is looked at
_LOSSY = Downsample, GaussianBlur, MotionBlur, Noise, Jpeg


def back_project(image: Tensor, chain: Sequence[Degradation], seen: Observation) -> Tensor:
    """`image` [1, 3, R, R] with what it contradicts in the photo put right. Differentiable."""
    off = grain(chain)
    for _ in range(1 if off else ROUNDS):
        image = image + _shown(_wrong(image, chain, seen, off), image.shape[-1])
    return image


def believed(
    image: Tensor, chain: Sequence[Degradation], seen: Observation, person: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`image` back-projected where it explains the photo, elsewhere the photo; and how far it is believed, [1, 1, R, R] in [0, 1].

    `person` [1, 1, R, R] in [0, 1]: nothing else is believed. A persona knows no background."""
    restored = back_project(image, chain, seen)
    if not any(isinstance(item, _LOSSY) for item in chain):
        return restored, torch.ones_like(image[:, :1])
    share = _confidence(image, chain, seen)
    share = share if person is None else share * person
    plain = _plain(chain, seen)
    if any(isinstance(item, Greyscale) for item in chain):  # the colours are the picture's
        plain = degrade.greyscale(plain) + restored - degrade.greyscale(restored)
    return plain + share * (restored - plain), share


def _wrong(image: Tensor, chain: Sequence[Degradation], seen: Observation, off: float) -> Tensor:
    """y - D(x), [1, 3, n, n], as far as the photo is to be trusted."""
    wrong = seen.observed - seen.degrade(chain, image)
    if off:
        wrong = degrade.gaussian_blur(wrong, max(1.0, off / (2 * math.sqrt(math.pi) * REST)))
    if seen.sides:
        wrong = F.softshrink(wrong, NEGLIGIBLE * (1 - seen.observed.shape[-1] / seen.naive.shape[-1]))
    return wrong


@torch.no_grad()
def _confidence(image: Tensor, chain: Sequence[Degradation], seen: Observation) -> Tensor:
    wrong = _wrong(image, chain, seen, grain(chain)).abs().mean(1, keepdim=True)
    around = degrade.gaussian_blur(wrong, max(AROUND * wrong.shape[-1], 0.5))
    return _shown(torch.exp(-((around * 127.5 / OFF) ** 2)), image.shape[-1]).clamp(0, 1)


def _shown(small: Tensor, side: int) -> Tensor:
    if small.shape[-1] == side:
        return small
    return F.interpolate(small, size=side, mode="bicubic", align_corners=False)


def _plain(chain: Sequence[Degradation], seen: Observation) -> Tensor:
    """The photo without the person's help."""
    off = grain(chain)
    if not off:
        return back_project(seen.naive, chain, seen)
    noisy = image_io.to_uint8(seen.naive)[0]
    return image_io.to_tensor(quiet(noisy, off)[None]).to(seen.naive)
