"""Teeth that come into view are a blur in the generator's picture. Here they come from another photo of the person, whose mouth is open."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from ..faces.edited import Fill
from .fields import is_grey, resized
from .hold import head_motion
from .mesh import LIPS, Seen

SIDE = 512  # px that teeth are drawn at
_OPENED = 0.35  # of the area between the lips: what showed so little before has its teeth from elsewhere
_LEAST = 4e-4  # of the face's square between the lips; less shows no teeth
_TURNED, _OPEN = 12.0, 0.5  # how unlike two mouths are: degrees between the heads, logarithm between their openings
_AROUND = 24  # px of SIDE around the mouth: skin by which the other photo's light is told
_RIM = 1.5  # px of SIDE over which lips become mouth


def teeth(mouths: Mapping[str, Seen], before: np.ndarray, after: np.ndarray, shown: np.ndarray) -> Fill | None:
    """What stands between lips that opened from the points `before` to `after` [478, 3], in a face `shown` [S, S, 3] grey levels.

    `mouths` are the person's other faces by the photos' names. None where no teeth came into view, or none of them shows any."""
    opening = _area(after)
    if opening < _LEAST or _area(before) > _OPENED * opening:
        return None
    able = [name for name, mouth in mouths.items() if _area(mouth.points) > 0.5 * opening]
    if not able:
        return None
    name = min(able, key=lambda name: _unlike(mouths[name].points, after))
    mouth = mouths[name]
    here, there = (SIDE * points[list(LIPS), :2] for points in (after, mouth.points))
    matrix, *_ = np.linalg.lstsq(np.column_stack([here, np.ones(len(here))]), there, rcond=None)
    way = matrix.T.astype(np.float64)
    way[:, 2] += way[:, :2] @ (0.5, 0.5) - 0.5
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    inside = _between(there), resized(mouth.picture, SIDE).astype(np.float32)
    theirs, other = (cv2.warpAffine(m, way, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE) for m in inside)
    share = cv2.GaussianBlur(_between(here) * theirs.clip(0, 1), (0, 0), _RIM)
    mine = resized(shown.astype(np.float32), SIDE)
    around = np.ones((2 * _AROUND + 1,) * 2, np.uint8)
    ring = (cv2.dilate(_between(here), around) > 0) & (cv2.dilate(_between(here), around[::4, ::4]) == 0)
    light = (mine[ring].mean(0) + 1) / (other[ring].mean(0) + 1)
    filled = other * light
    if is_grey(shown):
        filled = np.repeat(filled.mean(2, keepdims=True), 3, 2)
    return Fill(name, filled, share)


def _area(points: np.ndarray) -> float:
    """Between the lips, in squares of the side."""
    return cv2.contourArea(np.ascontiguousarray(points[list(LIPS), :2], np.float32))


def _unlike(points: np.ndarray, after: np.ndarray) -> float:
    return head_motion(points, after)[0] / _TURNED + abs(np.log(_area(points) / _area(after))) / _OPEN


def _between(lips: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] float32: 1 inside the polygon `lips` [20, 2] px."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(mask, [np.round((lips - 0.5) * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    return mask
