"""A head turns on its neck. In the generator's pictures the face keeps its place, and neck and hair move the other way.

The FFHQ frame follows eyes and mouth. In a photo it is the face that moves. So the pictures are moved, until the axis of the turn keeps
its place: it lies a little behind the ears. Then neck and hair hardly move.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.align import WHOLE, Square
from .mesh import Seen

# Points of the mesh that expressions hardly move: the corners of the eyes, the nose's bridge, the forehead, the sides.
STIFF = [33, 133, 362, 263, 168, 6, 197, 195, 5, 10, 151, 9, 8, 234, 454, 127, 356, 21, 251, 54, 284, 103, 332, 67, 297]  # fmt: skip
_EARS = 234, 454
_BEHIND = 0.04  # of the side: so far behind them is the axis
_TURN = 4.0  # degrees: from about here on, a motion of the points is a turn


@dataclass(frozen=True, eq=False)
class Held:
    """A picture that was moved to the `square` of its frame."""

    after: Seen
    square: Square


@dataclass(frozen=True, eq=False)
class Turn:
    """rotation [3, 3] and scale of a head, and where the middle between the ears, on the axis, [3] was and is. z points away."""

    rotation: np.ndarray
    scale: float
    middle: np.ndarray
    moved: np.ndarray

    @property
    def degrees(self) -> float:
        return float(np.degrees(np.arccos(np.clip((np.trace(self.rotation) - 1) / 2, -1, 1))))

    @property
    def share(self) -> float:
        """In [0, 1]: how far it is a turn at all, and not an expression."""
        return float(1 - np.exp(-((self.degrees / _TURN) ** 2)))

    def height(self, points: np.ndarray) -> np.ndarray:
        """Of points [..., 3], how far they stand before the axis."""
        return self.middle[2] - points[..., 2]

    @property
    def shift(self) -> np.ndarray:
        """[2]: how far the turn moves what stands before the axis, per height."""
        return -self.share * self.rotation[:2, 2]

    def drawn_in(self, places: np.ndarray) -> np.ndarray:
        """[..., 2]: how far the turn moves places [..., 2] that stand as high as the axis, in shares of the side, where the face goes to.
        Zero on the other side: what was hidden comes into view there."""
        size = float(np.hypot(*self.shift))
        towards = self.shift / max(size, 1e-9)
        beyond = np.maximum((places - self.middle[:2]) @ towards, 0)
        return self.share * (self.rotation[2, 2] - 1) * beyond[..., None] * towards


def held(before: Seen, after: Seen) -> Held:
    """`after`, moved and scaled so that the head has turned in its place of `before`."""
    if np.array_equal(before.picture, after.picture):
        return Held(after, WHOLE)
    turn = head_turn(before.points, after.points)
    size, here = turn.scale**-turn.share, turn.middle[:2] + turn.share * (turn.moved - turn.middle)[:2]
    right, down = (turn.middle[:2] + size * (0.5 - here) - 0.5).tolist()
    points = size * (after.points - 0.5) + 0.5 + np.array([right, down, 0.0])
    square = Square(right, down, float(size))
    return Held(Seen(_placed(after.picture, square), points.astype(np.float32)), square)


def head_turn(before: np.ndarray, after: np.ndarray) -> Turn:
    """Of two meshes [478, 3]. The best rotation and scale of the stiff points: Umeyama, Least-squares estimation of transformation
    parameters, 1991."""
    a, b = before[STIFF], after[STIFF]
    centres = a.mean(0), b.mean(0)
    a, b = a - centres[0], b - centres[1]
    left, values, right = np.linalg.svd(b.T @ a)
    signs = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    rotation, scale = left @ (signs[:, None] * right), float((values * signs).sum() / np.square(a).sum())
    middle = before[list(_EARS)].mean(0) + np.array([0, 0, _BEHIND])
    return Turn(rotation, scale, middle, scale * rotation @ (middle - centres[0]) + centres[1])


def _placed(picture: np.ndarray, square: Square) -> np.ndarray:
    """What the frame shows when `picture` lies in that square of it."""
    side = len(picture)
    corner = side * (np.array([square.right, square.down]) + (1 - square.size) / 2)
    matrix = np.column_stack([square.size * np.eye(2), corner - 0.5 * (1 - square.size)])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
