"""Portraits larger than the generator makes them, with the fine detail of the person's own photos (`detail/portrait.py`)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..detail.fields import resized
from ..detail.mesh import seen
from ..detail.motion import motion, path_between
from ..detail.portrait import detail_of, with_detail
from ..faces.image_io import at_side, to_tensor, to_uint8
from . import kept_detail
from .judge import Judge
from .model import PersonaModel

SIDE = 512  # px of a portrait with detail
FEW = 8  # pictures that get detail unasked: each takes about a second
PHOTOS = 2  # whose detail a portrait has, at most: what the first cannot show, the second may
# How far apart two faces are whose detail differs: in degrees, on [0, 1] scales, and in the logarithm of brightness and of size.
_APART = {"yaw": 8.0, "pitch": 8.0, "roll": 5.0, "smile": 0.3, "mouth_open": 0.3, "eyes_open": 0.5}
_BRIGHTNESS, _SIZE = 0.35, 0.7


def detailed(
    model: PersonaModel, judge: Judge, w: Tensor, picture: np.ndarray, drawn: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """The portrait `picture` [R, R, 3] uint8 at w [1, D] as [SIDE, SIDE, 3], and the names of the photos whose detail it has.

    drawn [R, R, 3] uint8: what the generator draws there, where `picture` has more of a photo. Detail fits what is drawn.
    Deterministic. A persona whose photos' faces are all too small gives the picture enlarged, and no names.
    """
    details, names, near = [], [], nearest(model, judge, picture)
    now, *before = seen([picture if drawn is None else drawn, *to_uint8(judge.anchor_images[near])])
    for index, was in zip(near, before, strict=True):
        anchor = model.anchors[index : index + 1]
        moved = motion(was, now, path_between(model.generator, anchor, w))
        details.append(detail_of(resized(kept_detail.shown(model.detail[index]), SIDE), moved))
        names.append(model.photos[index])
    return with_detail(picture, details, SIDE), names


@torch.no_grad()
def closest_copy(model: PersonaModel, judge: Judge, image: Tensor, names: list[str]) -> tuple[str, float]:
    """Of the photos `names` whose detail the portrait [1, 3, S, S] has: the one that it is most like, and the perceptual distance to it."""
    side = 2 * model.prior.resolution
    distances = []
    for name in names:
        photo = to_tensor(kept_detail.shown(model.detail[model.photos.index(name)])).to(image)
        distances.append(float(judge.perceptual(at_side(image, side), at_side(photo, side))[0]))
    least = min(range(len(names)), key=distances.__getitem__)
    return names[least], distances[least]


@torch.no_grad()
def nearest(model: PersonaModel, judge: Judge, picture: np.ndarray) -> list[int]:
    """Indices of the photos that show most nearly what `picture` [R, R, 3] uint8 does, and have detail."""
    names = list(judge.attributes.names)
    here = judge.attributes(to_tensor(picture))[0][0]
    units = here.new_tensor([_APART[name] for name in names])
    off = ((judge.anchor_values - here) / units).square().sum(1)
    bright, brightness = _brightness(to_tensor(picture)), _brightness(judge.anchor_images)
    off = off + ((brightness / bright).log() / _BRIGHTNESS).square()
    sides = [len(kept_detail.shown(file)) if file else 0 for file in model.detail]
    off = off + here.new_tensor([(math.log(SIDE / side) / _SIZE) ** 2 if side else math.inf for side in sides])
    return [i for i in off.argsort(stable=True)[:PHOTOS].tolist() if model.detail[i]]


def _brightness(pictures: Tensor) -> Tensor:
    """Of the middle of faces [B, 3, R, R], [B], above zero."""
    R = pictures.shape[-1]
    middle = pictures[:, :, R * 3 // 10 : R * 7 // 10, R * 3 // 10 : R * 7 // 10]
    return (middle + 1).flatten(1).mean(1) + 0.05
