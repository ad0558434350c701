"""The face's motion by its mesh: each triangle of the face after is where that triangle was before.

Lips that meet and eyes that open are exact here, where optical flow has nothing to follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ..faces.image_io import to_tensor
from ..faces.mesh import load_mesh
from ..faces.turning import affine_maps, face_triangles, signed_areas
from .fields import SIDE, resized

_STRETCH = 0.35  # of a triangle's area that it must have had before; what was smaller did not show what is seen now
_SKIN = 0.18  # the same of the face's triangles: skin may be stretched more
LIPS = (
    78,
    191,
    80,
    81,
    82,
    13,
    312,
    311,
    310,
    415,
    308,
    324,
    318,
    402,
    317,
    14,
    87,
    178,
    88,
    95,
)  # their inner edge, around
_LIPS_AROUND = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)  # outer
_PARTED = (
    0.01  # of the side: lips that are less apart on average meet, as far as the points can tell, and show no teeth
)
_SHUT = 0.7  # of the open mouth's area: a mouth that closed so far shows no teeth of before
_RIM = 5  # px of SIDE about what was hidden: points are not exact ...
_RIM_OPENED, _RIM_SHUT = 3, 7  # ... and teeth must not be left between lips that shut
_SOFT = 2.0  # px of SIDE over which skin that was hidden begins
_BITS = 4  # fractional bits of fillConvexPoly


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture [R, R, 3] uint8 of an aligned face, and its mesh's points [478, 3] in shares of the side."""

    picture: np.ndarray
    points: np.ndarray


@dataclass(frozen=True, eq=False)
class MeshMotion:
    """displacement [SIDE, SIDE, 2] from after back to before. inside [SIDE, SIDE]: 1 on the face's triangles. shown [SIDE, SIDE]: 1 where
    the picture before showed the same piece of face; a mouth that opened, or a cheek that turned into view, was not to be seen."""

    displacement: np.ndarray
    inside: np.ndarray
    shown: np.ndarray


@torch.no_grad()
def points_of(pictures: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """[B, 478, 3] in shares of the side, of aligned faces [R, R, 3] uint8 of any sizes. Raises PriorUnavailable."""
    return load_mesh()(to_tensor(np.stack([resized(picture, SIDE) for picture in pictures]))).points.cpu().numpy()


def seen(pictures: Sequence[np.ndarray] | np.ndarray) -> list[Seen]:
    """Pictures [R, R, 3] uint8 with their points. Raises PriorUnavailable."""
    return [Seen(picture, points) for picture, points in zip(pictures, points_of(pictures), strict=True)]


def mesh_motion(before: np.ndarray, after: np.ndarray) -> MeshMotion:
    """From the points [478, 3] of both pictures."""
    was, now = before * SIDE, after * SIDE
    triangles = face_triangles()
    areas = signed_areas(was, triangles), signed_areas(now, triangles)
    shown = (areas[1] > 0) & (areas[0] > _SKIN * areas[1])
    index = np.full((SIDE, SIDE), -1, np.int32)
    for t in np.argsort(-now[triangles][:, :, 2].mean(1), kind="stable"):  # the farthest first: z points away
        corners = np.round((now[triangles[t], :2] - 0.5) * 2**_BITS).astype(np.int32)
        cv2.fillConvexPoly(index, corners, int(t), cv2.LINE_8, _BITS)
    rows, columns = np.nonzero(index >= 0)
    which = index[rows, columns]
    here = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], 1)
    there = np.einsum("nij,nj->ni", affine_maps(now[triangles][:, :, :2], was[triangles][:, :, :2])[which], here)
    displacement, hidden = np.zeros((SIDE, SIDE, 2), np.float32), np.zeros((SIDE, SIDE), np.float32)
    displacement[rows, columns] = (there - here[:, :2]) / SIDE
    hidden[rows, columns] = ~shown[which]
    near_hidden = cv2.dilate(hidden, np.ones((_RIM, _RIM), np.uint8))
    near_hidden = np.maximum(cv2.GaussianBlur(near_hidden, (0, 0), _SOFT), _mouth_hidden(was, now))
    return MeshMotion(displacement, (index >= 0).astype(np.float32), 1 - near_hidden)


def parted(points: np.ndarray) -> bool:
    """Whether the lips of a mesh [478, 2 or 3], in shares of the side, are apart."""
    lips = np.ascontiguousarray(points[list(LIPS), :2], np.float32)
    return cv2.contourArea(lips) > _PARTED * float(np.ptp(lips[:, 0]))


def lips_of(points: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE] in [0, 1]: the lips of a mesh [478, 3], without what stands between them when they are apart."""
    mask, places = (
        np.zeros((SIDE, SIDE), np.float32),
        np.round((SIDE * points[:, :2] - 0.5) * 2**_BITS).astype(np.int32),
    )
    cv2.fillPoly(mask, [places[list(_LIPS_AROUND)]], 1.0, shift=_BITS)
    if parted(points):
        cv2.fillPoly(mask, [places[list(LIPS)]], 0.0, shift=_BITS)
    return mask


def _mouth_hidden(was: np.ndarray, now: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE]: 1 between the lips `now` [478, 3], where they opened wide or shut; points in px."""
    hidden = np.zeros((SIDE, SIDE), np.float32)
    if not (parted(was / SIDE) or parted(now / SIDE)):
        return hidden
    before, after = (np.ascontiguousarray(points[list(LIPS), :2], np.float32) for points in (was, now))
    area_before, area = cv2.contourArea(before), cv2.contourArea(after)
    if area < _SHUT * area_before or area_before < _STRETCH * area:
        rim = _RIM_SHUT if area < area_before else _RIM_OPENED
        cv2.fillPoly(hidden, [np.round((after - 0.5) * 2**_BITS).astype(np.int32)], 1.0, shift=_BITS)
        hidden = cv2.dilate(hidden, np.ones((rim, rim), np.uint8)).astype(np.float32)
    return hidden
