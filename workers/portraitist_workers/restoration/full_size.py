"""A restored face at the size that the photo has it in: the person's own photos give the detail that the generator's size cannot hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation

from ..detail.parts import heads_of
from ..faces import image_io
from ..persona.detailed import SIDE, detailed
from ..persona.judge import Judge
from ..persona.model import PersonaModel
from . import degrade, holes
from .back_projection import back_project, believed
from .observation import Observation

OUTLINE = 0.04  # of the square's side: so far beyond the person the persona knows how they end
LARGER = 1.1  # times the prior's side: from such a size on a photo has detail that the generator lacks


@dataclass(frozen=True, eq=False)
class Restored:
    """The face's square, of S px.

    picture    [1, 3, S, S] the result
    share      [1, 1, S, S] in [0, 1]: how far the persona is believed
    known      [1, 1, S, S] 1 where there is no hole; None without a mask
    detail_of  names of the photos whose fine detail it has
    """

    picture: Tensor
    share: Tensor
    known: Tensor | None
    detail_of: list[str]


@torch.no_grad()
def restored(
    image: Tensor, w_plus: Tensor, chain: Sequence[Degradation], seen: Observation, model: PersonaModel, judge: Judge
) -> Restored:
    """The persona's picture `image` [1, 3, R, R] of w_plus [1, num_ws, D] and the photo, each where it knows more."""
    R = image.shape[-1]
    person = _person(back_project(image, chain, seen))
    first = _joined(image, chain, seen, person)
    side = min(SIDE, round(seen.frame.size))
    if side < LARGER * R:
        return first
    pixels = image_io.to_uint8(first.picture)[0]
    names: list[str] = []
    if any(model.detail):
        pixels, names = detailed(model, judge, w_plus.mean(1), pixels, image_io.to_uint8(image)[0])
    large = image_io.at_side(image_io.to_tensor(pixels).to(image), side)
    person = image_io.at_side(person, side)
    made = _joined(large, degrade.scaled(chain, side / R), seen.at(side, chain), person, side / R)
    return Restored(made.picture, made.share * image_io.at_side(first.share, side), made.known, names)


def untouched(seen: Observation) -> Restored:
    """The photo as it is."""
    return Restored(seen.naive, torch.zeros_like(seen.naive[:, :1]), None, [])


def _person(image: Tensor) -> Tensor:
    """Where `image` [1, 3, R, R] shows the person and their outline, softly: [1, 1, R, R] in [0, 1]."""
    R = image.shape[-1]
    seen = torch.from_numpy(heads_of([image_io.to_uint8(image)[0]]))[None].to(image)
    seen = image_io.at_side(((seen - 0.5) / 0.4).clamp(0, 1), R)
    near = round(OUTLINE * R)
    return degrade.gaussian_blur(F.max_pool2d(seen, 2 * near + 1, 1, near), OUTLINE / 2 * R)


def _joined(
    image: Tensor, chain: Sequence[Degradation], seen: Observation, person: Tensor, scale: float = 1.0
) -> Restored:
    picture, share = believed(image, chain, seen, person)
    if seen.known is not None:
        picture = holes.blend(image, picture, seen.known, scale)
        share = torch.maximum(share, 1 - seen.known)
    return Restored(picture, share, seen.known, [])
