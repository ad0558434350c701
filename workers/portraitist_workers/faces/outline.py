"""Where the person of a face is in a whole photo: the parser's parts within the aligned frame, grown over the rest by colour (GrabCut).

Rother, Kolmogorov, Blake: GrabCut, SIGGRAPH 2004.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from .align import Frame, crop, resample
from .image_io import to_tensor
from .parser import load_parser

_SIDE = 320  # px: longer side of the picture that colours are modelled on
_PARSED = 256
_ROUNDS = 4


@torch.no_grad()
def person_area(photo: np.ndarray, frame: Frame) -> np.ndarray:
    """[H, W] float32 in 0..1: head, neck and body. Other people may be taken for background, and things in front for the person."""
    height, width = photo.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    small = cv2.resize(
        photo, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    parser = load_parser()
    shares = parser(to_tensor(crop(photo, frame, _PARSED)[None]))[0]
    there = 1 - shares[parser.names.index("background")].cpu().numpy()
    near = frame.scaled(scale)
    size = small.shape[1], small.shape[0]
    seen = resample(there.astype(np.float32), near.to_crop(_PARSED), size, border=cv2.BORDER_REPLICATE)
    known = resample(np.ones((_PARSED, _PARSED), np.float32), near.to_crop(_PARSED), size, border=cv2.BORDER_CONSTANT)
    label = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    below = _below(near, small.shape[:2])
    label[below] = cv2.GC_PR_FGD
    inside = known > 0.5
    label[inside & ~below] = np.where(seen > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD)[inside & ~below]
    reach = round(0.04 * near.size)
    label[inside & (cv2.erode((seen > 0.5).astype(np.uint8), _disc(reach)) > 0)] = cv2.GC_FGD
    away = cv2.dilate((seen > 0.3).astype(np.uint8), _disc(2 * reach)) == 0
    label[inside & away & ~below] = cv2.GC_BGD
    if (label == cv2.GC_FGD).any() and (label == cv2.GC_BGD).any():
        bgr, back, front = small[..., ::-1].copy(), np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(0)
        cv2.grabCut(
            bgr, label, (0, 0, 1, 1), back, front, _ROUNDS, cv2.GC_INIT_WITH_MASK
        )  # with a mask, the box is not looked at
    area = ((label == cv2.GC_FGD) | (label == cv2.GC_PR_FGD)).astype(np.uint8)
    area = _largest(cv2.medianBlur(area, 5))
    return cv2.resize(area.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _below(frame: Frame, shape: tuple[int, int]) -> np.ndarray:
    """[h, w] where a body may be: a cone from the neck downwards."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    half = frame.size / 2
    along = ((x - frame.centre_x) * frame.half_x + (y - frame.centre_y) * frame.half_y) / half
    down = (-(x - frame.centre_x) * frame.half_y + (y - frame.centre_y) * frame.half_x) / half
    return (down > 0.6 * half) & (np.abs(along) < 0.4 * half + 1.8 * (down - 0.6 * half))


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _largest(area: np.ndarray) -> np.ndarray:
    """Its largest connected part."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(area)
    return area if count < 3 else (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
