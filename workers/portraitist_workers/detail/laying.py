"""The motion of the generator's pictures laid onto a photo: from where each pixel comes.

The generator's picture need not show the photo exactly. Its mesh is laid onto the photo's, so its motion happens where the photo's
features are. The face moves as the mesh and the flow say, and what is around it as a relief does. When the head turns, so do forehead,
nose and cheeks: the relief is smooth, and stretches what comes into view.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..faces.paste import ramp
from .fields import SIDE, sampled, smooth, through_points
from .hold import head_turn
from .motion import Motion
from .relief import relief_moved
from .scene import Scene

# Of the mesh: the eyes with their brows, and the lips.
CHANGING = [70, 105, 107, 33, 145, 133], [336, 334, 300, 362, 374, 263], [61, 37, 0, 267, 291, 17, 84, 314]
_AROUND = 0.06  # of the side, around them
_BORDER = 0.08  # of the side: over this distance from the frame's border motion begins
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Way:
    """Maps in the photo's frame after the edit; ways are displacements [SIDE, SIDE, 2] in shares of the side.

    points      [478, 3] the mesh there
    turned      in [0, 1]: how far it is a turn of the head, and not an expression
    source      to the place in the photo
    to_after    to the place in the generator's picture after the edit, ...
    to_before   ... and in that before
    inner       [SIDE, SIDE] in [0, 1]: 1 well inside the mesh
    sure        [SIDE, SIDE] in [0, 1]: 0 where the generator's pictures do not show the same
    """

    points: np.ndarray
    turned: float
    source: np.ndarray
    to_after: np.ndarray
    to_before: np.ndarray
    inner: np.ndarray
    sure: np.ndarray


def laid_on(scene: Scene, motion: Motion) -> Way:
    """`motion` in the photo. Without motion all of it is exactly zero."""
    apart = scene.points - motion.before.points
    points = motion.after.points + apart
    to_after = -through_points(points[:, :2], apart[:, :2])
    step = sampled(motion.displacement, to_after)
    to_before = to_after + step
    onto = through_points(scene.points[:, :2], apart[:, :2])
    by_mesh = step
    for _ in range(_ROUNDS):  # by_mesh = to_before + onto(by_mesh)
        by_mesh = to_before + sampled(onto, by_mesh)
    inner, sure = sampled(motion.face, to_after), sampled(motion.sure, to_after)
    turn = head_turn(scene.points, points)
    source = relief_moved(scene, points, turn)
    share = inner * (1 + turn.share * (sure * near(points, CHANGING, _AROUND) - 1))
    source = (source + share[..., None] * (by_mesh - source)) * ramp(SIDE, _BORDER)[..., None]
    return Way(points, turn.share, source, to_after, to_before, inner, sure)


def near(points: np.ndarray, parts: tuple[list[int], ...], beyond: float) -> np.ndarray:
    """[SIDE, SIDE] in [0, 1]: those `parts` of the mesh `points` [478, 3], and `beyond` of the side around."""
    found = np.zeros((SIDE, SIDE), np.float32)
    for part in parts:
        cv2.fillConvexPoly(found, cv2.convexHull(np.round(SIDE * points[part, :2]).astype(np.int32)), 1.0)
    reach = 2 * round(beyond * SIDE) + 1
    return smooth(cv2.dilate(found, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))), beyond / 2)
