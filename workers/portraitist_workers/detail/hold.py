"""A head turns on its neck. In the generator's pictures the face keeps its place, and neck and hair move the other way.

The FFHQ frame follows eyes and mouth. In a photo it is the face that moves. So the pictures are moved, until the middle between the ears
keeps its place: it lies about on the axis of the turn. Then neck and hair hardly move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.align import Square
from .mesh import points_of

# Points of the mesh that expressions hardly move: the corners of the eyes, the nose's bridge, the forehead, the sides.
_STIFF = (
    33,
    133,
    362,
    263,
    168,
    6,
    197,
    195,
    5,
    10,
    151,
    9,
    8,
    234,
    454,
    127,
    356,
    21,
    251,
    54,
    284,
    103,
    332,
    67,
    297,
)
_EARS = 234, 454
_TURN = 4.0  # degrees: from about here on, a motion of the points is a turn


@dataclass(frozen=True, eq=False)
class Held:
    """Pictures [R, R, 3] uint8 that were moved. `square`: where in the frame the last one lies."""

    between: list[np.ndarray]
    after: np.ndarray
    square: Square


def held(before: np.ndarray, between: Sequence[np.ndarray], after: np.ndarray) -> Held:
    """The pictures [R, R, 3] uint8 on the way from `before`, and the last, each moved and scaled so that the head turns in its place."""
    turn, scale, middle, moved = head_motion(*points_of([before, after]))
    share = 1 - np.exp(-((turn / _TURN) ** 2))
    steps = len(between) + 1
    squares = []
    for k in range(1, steps + 1):
        part = share * k / steps
        size, here = scale**-part, middle + part * (moved - middle)
        right, down = (middle + size * (0.5 - here) - 0.5).tolist()
        squares.append(Square(right, down, float(size)))
    way = [_placed(picture, square) for picture, square in zip([*between, after], squares, strict=True)]
    return Held(way[:-1], way[-1], squares[-1])


def head_motion(before: np.ndarray, after: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Of two meshes [478, 3]: by how many degrees the head turned, its scale, and where the middle between the ears [2] was and is.

    The best rotation and scale of the stiff points: Umeyama, Least-squares estimation of transformation parameters, 1991."""
    a, b = before[list(_STIFF)], after[list(_STIFF)]
    centres = a.mean(0), b.mean(0)
    a, b = a - centres[0], b - centres[1]
    left, values, right = np.linalg.svd(b.T @ a)
    signs = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    rotation, scale = left @ (signs[:, None] * right), float((values * signs).sum() / np.square(a).sum())
    turn = float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))
    middle = before[list(_EARS)].mean(0)
    return turn, scale, middle[:2], (scale * rotation @ (middle - centres[0]) + centres[1])[:2]


def _placed(picture: np.ndarray, square: Square) -> np.ndarray:
    """What the frame shows when `picture` lies in that square of it."""
    side = len(picture)
    corner = side * (np.array([square.right, square.down]) + (1 - square.size) / 2)
    matrix = np.column_stack([square.size * np.eye(2), corner - 0.5 * (1 - square.size)])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
