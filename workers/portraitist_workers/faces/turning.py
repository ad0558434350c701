"""A photo's face seen from another side: its own pixels, laid on the face mesh and turned with it.

Within some twenty-five degrees most of an inner face stays in view, and what a turn hides is known: what faces away, and what lies behind.
So a photo says what the person looks like from sides that no photo shows. The mesh's depth is weak-perspective (geometry.py).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import Delaunay

from .align import Frame, ffhq_frame

# Outline of the face, from the forehead clockwise; beyond it, hair and background do not turn with the mesh.
OVAL = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
    150,
    136,
    172,
    58,
    132,
    93,
    234,
    127,
    162,
    21,
    54,
    103,
    67,
    109,
)
_FIVE = ((33, 133), (362, 263), (4,), (61,), (291,))  # eyes, nose, corners of the mouth, as means of mesh points
DEPTH = 1.1  # the mesh is a little flat: on renders of eight people turned by 20 degrees 1.15 fits best, nodding by 10 degrees 0.85
_STRETCH = 0.4  # of a patch's area that its pixels must have had in the photo; fewer are not believed
_RIM = 0.03  # of the side: so far inside the outline the pixels begin to count


@dataclass(frozen=True, eq=False)
class Turned:
    """`picture` [S, S, 3] uint8 in the frame that a photo of the turned face would have; `known` [S, S] float32: where it is face."""

    picture: np.ndarray
    known: np.ndarray


def turned(
    picture: np.ndarray,
    points: np.ndarray,
    *,
    yaw: float = 0.0,
    pitch: float = 0.0,
    moved: np.ndarray | None = None,
    known: np.ndarray | None = None,
) -> Turned:
    """The face of the aligned crop `picture` [S, S, 3] uint8, turned. `points` [478, 3] are its mesh in shares of the side; degrees.

    Signs as in portraitist.attributes: yaw > 0 to the picture's right, pitch > 0 upwards. `moved` [478, 3], in shares: another expression,
    added to the points before they are turned. What it opens (a mouth) is not known. `known` [S, S] float32: 1 where the picture's own
    pixels are the face's, 0 where something covers it; None: everywhere.
    """
    S = len(picture)
    centre = points.mean(0)
    size = np.array([S, S, DEPTH * S])
    before = (points - centre) * size
    after = (before if moved is None else before + moved * size) @ _rotation(yaw, pitch).T
    unmoved = before @ _rotation(yaw, pitch).T  # a smile moves the corners of the mouth, by which a frame is placed
    frame = _frame_after(before[:, :2] + centre[:2] * S, unmoved[:, :2] + centre[:2] * S, S)
    to_crop = frame.to_crop(S)
    placed = (after[:, :2] + centre[:2] * S) @ to_crop[:, :2].T + to_crop[:, 2]

    triangles = face_triangles()
    areas = signed_areas(before, triangles), signed_areas(placed, triangles)
    believable = (areas[1] > 0) & (areas[0] > _STRETCH * areas[1])
    order = np.argsort(
        -after[triangles][:, :, 2].mean(1), kind="stable"
    )  # the farthest first: z points away from the camera
    index = np.full((S, S), -1, np.int32)
    shift = 4  # fractional bits of fillConvexPoly
    for t in order:
        cv2.fillConvexPoly(
            index, np.round((placed[triangles[t]] - 0.5) * 2**shift).astype(np.int32), int(t), cv2.LINE_8, shift
        )
    seen = index >= 0
    rows, columns = np.nonzero(seen)
    which = index[rows, columns]
    source = (points[:, :2] * S)[triangles]  # [T, 3, 2]
    affine = affine_maps(placed[triangles], source)[which]
    at = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], 1)
    found = np.einsum("nij,nj->ni", affine, at)
    lookup = np.zeros((S, S, 2), np.float32)
    lookup[rows, columns] = found - 0.5
    out = cv2.remap(picture, lookup[..., 0], lookup[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    believed: np.ndarray = np.zeros((S, S), np.float32)
    believed[rows, columns] = believable[which]
    if known is not None:
        believed *= cv2.remap(known, lookup[..., 0], lookup[..., 1], cv2.INTER_NEAREST)
    rim = max(int(round(_RIM * S)), 1)
    believed = cv2.morphologyEx(
        believed, cv2.MORPH_CLOSE, np.ones((rim + 1,) * 2, np.uint8)
    )  # slivers at nostrils and lips
    believed = cv2.erode(believed, np.ones((2 * rim + 1,) * 2, np.uint8))
    return Turned(out, cv2.GaussianBlur(believed, (0, 0), rim / 2))


def _rotation(yaw: float, pitch: float) -> np.ndarray:
    """[3, 3] in the mesh's axes: x right, y down, z away."""
    a, b = math.radians(yaw), math.radians(pitch)
    # The face looks along -z. Turned by yaw it looks towards +x, by pitch towards -y.
    turn = np.array([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]])
    nod = np.array([[1, 0, 0], [0, math.cos(b), math.sin(b)], [0, -math.sin(b), math.cos(b)]])
    return turn @ nod


def _frame_after(before: np.ndarray, after: np.ndarray, side: int) -> Frame:
    """Where the crop of the turned face lies in the present crop. What the mesh's five points are off from the detector's is the same
    before and after."""
    was, now = (ffhq_frame(np.stack([points[list(p)].mean(0) for p in _FIVE])) for points in (before, after))
    crop = Frame(side / 2, side / 2, side / 2, 0.0)
    factor = now.size / was.size * crop.size / 2
    return Frame(
        crop.centre_x + now.centre_x - was.centre_x,
        crop.centre_y + now.centre_y - was.centre_y,
        factor * math.cos(math.radians(now.roll - was.roll)),
        factor * math.sin(math.radians(now.roll - was.roll)),
    )


@functools.cache
def face_triangles() -> np.ndarray:
    """[T, 3] of the points inside the outline, laid out as the mean face shows them from the front; anticlockwise in the picture."""
    from .attributes import load_attribute_points

    face = load_attribute_points().network.face.cpu().numpy()[:468, :2].astype(np.float64)
    triangles = Delaunay(face).simplices
    outline = (face[list(OVAL)] * 1e4).astype(np.float32)
    middles = (face[triangles].mean(1) * 1e4).astype(np.float32)
    inside = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in middles]
    triangles = triangles[inside]
    clockwise = signed_areas(face, triangles) < 0
    triangles[clockwise] = triangles[clockwise][:, ::-1]
    return triangles


def signed_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """[T] areas in the picture plane; negative where a triangle faces away."""
    a, b, c = (points[triangles[:, i], :2] for i in range(3))
    u, v = b - a, c - a
    return (u[:, 1] * v[:, 0] - u[:, 0] * v[:, 1]) / 2


def affine_maps(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """[T, 2, 3] maps that take the corners `here` [T, 3, 2] to `there` [T, 3, 2]."""
    corners = np.concatenate([here, np.ones((len(here), 3, 1))], 2)
    flat = np.abs(np.linalg.det(corners)) < 1e-6
    corners[flat] = np.eye(3)
    return np.swapaxes(np.linalg.solve(corners, there), 1, 2)
