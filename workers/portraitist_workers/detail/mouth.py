"""Teeth that come into view are a blur in the generator's picture. Here they come from another photo of the person, whose mouth is open.
Where there is none, they are made up (`made_up.py`)."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from ..faces.edited import Fill
from . import made_up
from .fields import is_grey, resized
from .hold import head_turn
from .mesh import LIPS, Seen, parted

SIDE = 512  # px that teeth are drawn at
_OPENED = 0.35  # of the area between the lips: what showed so little before has its teeth from elsewhere
# How unlike two mouths are: degrees between the heads, logarithms between their openings and between how bright they are inside.
_TURNED, _OPEN, _BRIGHT = 12.0, 0.5, 0.15
_SHAPE = 0.1  # the same between outlines of lips, in shares of their size
_AROUND = 24  # px of SIDE around the mouth: skin by which the other photo's light is told
_RIM = 1.5  # px of SIDE over which lips become mouth


def teeth(mouths: Mapping[str, Seen], before: np.ndarray, after: np.ndarray, shown: np.ndarray) -> Fill | None:
    """What stands between lips that opened from the points `before` to `after` [478, 3], in a face `shown` [S, S, 3] grey levels.

    `mouths` are the person's other faces by the photos' names. Where none of them shows teeth, they are made up. None where no teeth came
    into view."""
    if not came_into_view(before, after):
        return None
    opening, wanted = _area(after), Seen(shown, after)
    able = [name for name, mouth in mouths.items() if _area(mouth.points) > 0.5 * opening]
    name = min(able, key=lambda name: _unlike(mouths[name], wanted)) if able else None
    mouth = mouths[name] if name else made_up.mouth(_nearest(made_up.outlines(), after))
    return inside(name, mouth, after, shown)


def inside(name: str | None, mouth: Seen, after: np.ndarray, shown: np.ndarray) -> Fill:
    """What stands between the lips of `mouth`, in the photo of that name, between the lips of `after`, in the light of `shown`. None: it
    is no photo, but drawn."""
    here, there = (SIDE * points[list(LIPS), :2] for points in (after, mouth.points))
    matrix, *_ = np.linalg.lstsq(np.column_stack([here, np.ones(len(here))]), there, rcond=None)
    way = matrix.T.astype(np.float64)
    way[:, 2] += way[:, :2] @ (0.5, 0.5) - 0.5
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    maps = _between(there), resized(mouth.picture, SIDE).astype(np.float32)
    theirs, other = (cv2.warpAffine(m, way, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE) for m in maps)
    between = _between(here) * theirs.clip(0, 1) if name else _between(here)  # drawn mouths have no lips
    share = cv2.GaussianBlur(between, (0, 0), _RIM)
    ring = _ring(here)
    skin = resized(shown.astype(np.float32), SIDE)[ring].mean(0)
    light = (skin + 1) / (other[ring].mean(0) + 1) if name else made_up.light(shown, after, skin)
    filled = other * light
    if is_grey(shown):
        filled = np.repeat(filled.mean(2, keepdims=True), 3, 2)
    return Fill(name, filled, share)


def came_into_view(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether the lips opened from the points `before` to `after` [478, 3]."""
    return parted(after) and _area(before) <= _OPENED * _area(after)


def _nearest(outlines: np.ndarray, points: np.ndarray) -> int:
    """Which of the meshes [M, 478, 3] has lips of the most similar outline, whatever its place and size, in a head turned as this one."""

    def shape(mesh: np.ndarray) -> np.ndarray:
        lips = mesh[list(LIPS), :2] - mesh[list(LIPS), :2].mean(0)
        return lips / np.linalg.norm(lips)

    def unlike(mesh: np.ndarray) -> float:
        return head_turn(mesh, points).degrees / _TURNED + float(np.linalg.norm(shape(mesh) - shape(points))) / _SHAPE

    return min(range(len(outlines)), key=lambda index: unlike(outlines[index]))


def _area(points: np.ndarray) -> float:
    """Between the lips, in squares of the side."""
    return cv2.contourArea(np.ascontiguousarray(points[list(LIPS), :2], np.float32))


def _unlike(mouth: Seen, wanted: Seen) -> float:
    """A mouth that says "oh" has no teeth for a smile."""
    turn = head_turn(mouth.points, wanted.points).degrees
    opened = np.log(_area(mouth.points) / _area(wanted.points))
    bright = np.log(_brightness(mouth) / _brightness(wanted))
    return turn / _TURNED + abs(opened) / _OPEN + abs(bright) / _BRIGHT


def _brightness(mouth: Seen) -> float:
    """Between the lips, as a share of the skin's around them."""
    picture, lips = resized(mouth.picture, SIDE).astype(np.float32).mean(2), SIDE * mouth.points[list(LIPS), :2]
    return float((picture[_between(lips) > 0.5].mean() + 1) / (picture[_ring(lips)].mean() + 1))


def _ring(lips: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] bool: skin around the polygon `lips` [20, 2] px."""
    around, mask = np.ones((2 * _AROUND + 1,) * 2, np.uint8), _between(lips)
    return (cv2.dilate(mask, around) > 0) & (cv2.dilate(mask, around[::4, ::4]) == 0)


def _between(lips: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] float32: 1 inside the polygon `lips` [20, 2] px."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(mask, [np.round((lips - 0.5) * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    return mask
