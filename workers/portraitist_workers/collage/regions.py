"""Which pixels of aligned faces a named region is, or a mask of one's own."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from portraitist.errors import InvalidRequest

from ..detail.fields import SIDE
from ..faces.align import Frame, crop
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
_PAINTED = 0.04  # ... of a mask of one's own, inwards


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


def painted(mask: np.ndarray, frame: Frame) -> Tensor:
    """[1, 1, SIDE, SIDE] in [0, 1]: a photo's mask [H, W] in {0, 1}, in the face at `frame`. It is soft inwards, and 0 where the mask is.

    Raises InvalidRequest for a mask that does not touch the face's square."""
    drawn = np.repeat((255 * mask).astype(np.uint8)[..., None], 3, 2)
    inside = (crop(drawn, frame, SIDE)[..., 0] >= 128).astype(np.uint8)
    if not inside.any():
        corners = ", ".join(f"({x:.0f}, {y:.0f})" for x, y in frame.corners)
        raise InvalidRequest(
            f"the mask's white does not touch the person's face, whose square has the corners {corners}; paint white what is taken there",
            param="mask",
        )
    depth = cv2.distanceTransform(np.pad(inside, 1, constant_values=1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    soft = (depth / min(_PAINTED * SIDE, float(depth.max()))).clip(
        0, 1
    )  # a narrow stroke counts in full along its middle
    return torch.from_numpy((0.5 - 0.5 * np.cos(np.pi * soft)).astype(np.float32))[None, None]


def _grown(area: Tensor, pixels: float) -> np.ndarray:
    """[R, R] uint8: an area [R, R], and what lies within so many pixels of it."""
    size = 2 * round(pixels) + 1
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(area.to(torch.uint8).cpu().numpy(), near)
