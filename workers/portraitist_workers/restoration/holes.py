"""Holes in a photo: what a mask leaves of it, and how what is filled in meets the rest.

A hole's rim shows the fill colour: partly covered pixels, a JPEG's blocks, a brush's soft edge. A pixel is known only when no part of
it is covered and the rim is some pixels away.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from portraitist.errors import InvalidRequest
from portraitist.masks import DARK, check_mask

from ..device import device
from ..faces import image_io
from ..faces.align import Frame, crop

RIM_CROP = 1.0  # px of the crop around a hole that are not trusted, and at least ...
RIM_PHOTO = 2.0  # ... so many of the photo: what resampling, soft brushes and a JPEG reach
FADE = 3.0  # px of the crop from the rim outwards, over which the photo takes over
BAND = 8.0  # px of the crop: the rim whose tone is compared ...
TONE = 0.3  # ... up to this difference: more is no tone, it is hair where there was skin
FAINT = 0.05  # share of rim within reach below which the coarser scale says more
LEAST_KNOWN = 0.02  # of the face's square


def read_mask(data: bytes, photo: np.ndarray) -> np.ndarray:
    """[H, W] bool of the size of `photo`, True where a pixel is missing or part of it is.

    Raises InvalidImage, and InvalidRequest for what is no mask of this photo (portraitist.masks).
    """
    mask = image_io.decode(data, "mask")
    height, width = photo.shape[:2]
    check_mask(Image.fromarray(mask), (width, height))
    covered = (cv2.cvtColor(mask, cv2.COLOR_RGB2GRAY) >= DARK).astype(np.float32)
    smaller = mask.shape[1] > width
    return cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR) > 1e-3


def known_in(missing: np.ndarray, frame: Frame, side: int, *, enlarged: int = 1) -> Tensor:
    """[1, 1, side, side] in {0, 1}: 1 where the crop at `frame` shows nothing of the hole nor of its rim.

    enlarged  factor by which the photo was enlarged to the size of `missing` [H, W]

    Raises InvalidRequest when the hole lies outside the frame or leaves nothing of it.
    """
    # Through the same resampling as the photo, so that whatever a missing pixel touches is missing.
    hole = crop(np.repeat(missing[..., None] * np.uint8(255), 3, 2), frame, side)[..., 0] > 0
    if not hole.any():
        raise InvalidRequest(
            f"the mask's white does not touch the person's face: only the square around it can be filled, {_place(missing, frame)}. "
            "Mark what is missing there, or leave the mask out",
            param="degradation",
        )
    pixel = enlarged * side / frame.size  # of the given photo, in px of the crop
    rim = max(RIM_CROP, RIM_PHOTO * pixel)
    known = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > rim
    if known.mean() < LEAST_KNOWN:
        raise InvalidRequest(
            f"the mask leaves nothing of the square around the face, {_place(missing, frame)}: there is nothing to restore from. "
            "Give a mask over less, or make a new picture with synthesize()",
            param="degradation",
        )
    return torch.from_numpy(known.astype(np.float32))[None, None].to(device())


def touches(missing: np.ndarray, frame: Frame) -> bool:
    """Whether the hole [H, W] reaches into the frame."""
    return unfilled(missing, frame) < 1


def unfilled(missing: np.ndarray, frame: Frame) -> float:
    """Share of the hole [H, W] that lies outside the frame, where nothing is filled in."""
    square = np.zeros(missing.shape, np.uint8)
    cv2.fillPoly(square, [frame.corners.round().astype(np.int32)], 1)
    return float((missing & (square == 0)).sum() / max(missing.sum(), 1))


def blend(image: Tensor, photo: Tensor, known: Tensor, scale: float = 1.0) -> Tensor:
    """`photo` [1, 3, S, S] where it is known, `image` in the hole. Over the first known pixels the one becomes the other; into the hole
    the difference of tone at its rim is carried on, so that no edge shows. `scale` is S / R."""
    inside = known[0, 0].cpu().numpy()
    depth = cv2.distanceTransform((inside > 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    band = inside * (depth <= BAND * scale)
    differ = (photo - image)[0].clamp(-TONE, TONE).permute(1, 2, 0).cpu().numpy()
    tone = np.zeros_like(differ)
    for sigma in (32, 16, 8, 4):  # from everywhere to nearby: each scale where the rim is within its reach
        share = cv2.GaussianBlur(band, (0, 0), sigma * scale)[..., None]
        tone = (cv2.GaussianBlur(differ * band[..., None], (0, 0), sigma * scale) + FAINT * tone) / (share + FAINT)
    t = np.clip(depth / (FADE * scale), 0, 1)
    keep = torch.from_numpy(t * t * (3 - 2 * t)).to(image)
    image = image + torch.from_numpy(tone).permute(2, 0, 1)[None].to(image)
    return photo * keep + image * (1 - keep)


def _place(missing: np.ndarray, frame: Frame) -> str:
    height, width = missing.shape
    low, high = frame.corners.min(0).clip(0), frame.corners.max(0).clip(0, (width, height))
    left, top, right, bottom = (100 * v for v in (*(low / (width, height)), *(high / (width, height))))
    return f"which reaches from {left:.0f} to {right:.0f} % of the photo's width and {top:.0f} to {bottom:.0f} % of its height"
