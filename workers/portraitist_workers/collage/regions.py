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
_GROWN = {"smile": 0.09, "eyes": 0.035, "nose": 0.02}  # of the side: what moves along
_FEATHER = {"hair": 0.02, "face": 0.02, "head": 0.02, "background": 0.02}  # of the side; of parts within the face
_WITHIN = 0.05


@torch.no_grad()
def region(images: Tensor, name: str) -> Tensor:
    """[1, 1, R, R] in [0, 1]: where any of the aligned faces [B, 3, R, R] shows the region, and what moves along, with a soft border.

    Raises PriorUnavailable."""
    parser, side = load_parser(), images.shape[-1]
    shares = parser(images)
    seen = sum(shares[:, parser.names.index(part)] for part in _PARTS[name])
    assert isinstance(seen, Tensor)
    where = (seen.amax(0) > 0.5).to(torch.uint8).cpu().numpy()
    size = 2 * round(_GROWN.get(name, 0.0) * side) + 1
    where = cv2.dilate(where, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return feathered(
        torch.from_numpy(where.astype(np.float32))[None, None].to(images), _FEATHER.get(name, _WITHIN) * side
    )
