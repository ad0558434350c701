"""Which pixels of aligned faces a named region is."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..faces.parser import load_parser
from .weights import feathered

_PARTS = {
    "smile": ("lips", "mouth"),
    "eyes": ("eyes", "brows"),
    "nose": ("nose",),
    "hair": ("hair",),
    "face": ("skin", "brows", "eyes", "nose", "lips", "mouth"),
    "head": ("skin", "brows", "eyes", "nose", "lips", "mouth", "hair", "neck"),
    "background": ("background",),
}
_GROWN = {"smile": 0.28, "eyes": 0.035, "nose": 0.02}  # of the side: what moves along
_FEATHER = {"smile": 0.03, "eyes": 0.05, "nose": 0.05}  # of the side
_OUTLINE = 0.02  # ... of what has an outline of its own


@torch.no_grad()
def region(images: Tensor, name: str) -> Tensor:
    """[1, 1, R, R] in [0, 1]: where any of the aligned faces [B, 3, R, R] shows the region, and what moves along, with a soft border.

    Raises PriorUnavailable."""
    parser, side = load_parser(), images.shape[-1]
    shares = parser(images)
    seen = sum(shares[:, parser.names.index(part)] for part in _PARTS[name])
    assert isinstance(seen, Tensor)
    where = _grown(seen.amax(0) > 0.5, _GROWN.get(name, 0.0) * side)
    feather = _FEATHER.get(name, _OUTLINE) * side
    if name == "smile":  # cheeks move along, but what lies behind the jaw does not
        face = sum(shares[:, parser.names.index(part)] for part in _PARTS["face"])
        assert isinstance(face, Tensor)
        where = where & (1 - _grown(face.amin(0) < 0.5, feather))
    return feathered(torch.from_numpy(where.astype(np.float32))[None, None].to(images), feather)


def _grown(area: Tensor, pixels: float) -> np.ndarray:
    """[R, R] uint8: an area [R, R], and what lies within so many pixels of it."""
    size = 2 * round(pixels) + 1
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(area.to(torch.uint8).cpu().numpy(), near)
