"""How hair, ears and neck follow a face that turns: the head is a relief, and what is nearer hides what is farther.

The mesh knows how far each of its points stands before the axis of the turn. From the face's edge the relief falls to that axis at the
head's outline, and on the body: there nothing moves. Beside the face it falls to the ear's height. A turn shifts each pixel by its
height. Of several pixels that come to one place the highest is seen. What the mesh moves otherwise fades out from the face as a membrane
does. Where the face goes to, the outline is drawn in as the turn says: else the head would grow there.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.turning import face_triangles
from .fields import SIDE, resized, sampled, smooth
from .hold import Turn
from .membrane import membrane
from .scene import Scene

_CELLS = 64  # of the membrane, a side
# Springs: of a point of the mesh, of what stays, of what is not the person.
_POINT, _BODY, _OUTLINE = 0.3, 0.5, 0.4
_CHIN = 152  # of the mesh
_NECK = 0.12  # of the side below the chin: from there on the neck stays
_NEAR = 0.025  # of the side: so near to the mesh the outline is the face's own, and moves; from twice that on it stays
# Of the mesh, at the picture's left and right: temple, beside the eye, before the ear, the jaw's corner, half way to the chin.
_SIDES = (21, 127, 234, 58, 136), (251, 356, 454, 288, 365)
_BARE = 7  # cells: so near to skin the outline is an ear's or a cheek's, and not the hair's
_FIRM = 3.0  # spring of an outline that stays
_FLANK = 0.08  # of the side: so far inside an outline that stays the relief falls to it
_STEPS = 24  # of a ray through the relief
_ROUNDS = 2
_SOFT = 0.007  # of the side, over which what is hidden begins


def relief_moved(scene: Scene, points: np.ndarray, turn: Turn) -> np.ndarray:
    """From where in the photo each pixel comes, as a displacement [SIDE, SIDE, 2], when the face's mesh goes to `points` [478, 3] by
    `turn`.

    Rays are traced as in Policarpo, Oliveira, Comba: Real-time relief mapping, I3D 2005."""
    height = turn.height(scene.points)
    others = points[:, :2] - scene.points[:, :2] - height[:, None] * turn.shift
    field = _carried_on(scene, np.column_stack([others, height]), turn)
    rest, relief = np.ascontiguousarray(field[..., :2]), np.maximum(field[..., 2], 0)
    source = np.zeros_like(rest)
    for _ in range(_ROUNDS):
        moved = -sampled(rest, source)
        source = moved + _traced(relief, moved, turn.shift.astype(np.float32))
    return smooth(source, _SOFT)


def _carried_on(scene: Scene, values: np.ndarray, turn: Turn) -> np.ndarray:
    """`values` [478, C] of the photo's mesh, motions first and heights last, as a map [SIDE, SIDE, C]. It falls to zero on the body and at
    the head's outline. Beside the face it falls to the ears' height, and where the face goes to, to how far the turn draws in."""
    known = np.column_stack([scene.points[:, :2], values])[face_triangles()]  # [T, 3, 2 + C]
    known = np.concatenate([known, (known + np.roll(known, 1, 1)) / 2, known.mean(1, keepdims=True)], 1)
    known = known.reshape(-1, known.shape[2])
    index = np.floor(known[:, :2] * _CELLS).astype(int).clip(0, _CELLS - 1)
    sums = np.zeros((_CELLS, _CELLS, values.shape[1] + 1))
    np.add.at(sums, (index[:, 1], index[:, 0]), np.column_stack([known[:, 2:], np.ones(len(known))]))
    small = lambda x: resized(np.ascontiguousarray(x, np.float32), _CELLS)  # noqa: E731
    below = np.clip(((np.arange(_CELLS) + 0.5) / _CELLS - scene.points[_CHIN, 1]) / _NECK, 0, 1)[:, None]
    still = _BODY * (small(scene.clothes) + small(scene.neck) * below + small(scene.others))
    apart = cv2.distanceTransform((sums[..., -1] == 0).astype(np.uint8), cv2.DIST_L2, 5) / _CELLS
    person = small(scene.small.matte) / 255
    bare = cv2.dilate(small(scene.skin), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BARE, _BARE)))
    flank, ears = (bare * side for side in _beside(scene.points, values[:, -1], turn))
    outline = (_OUTLINE + _FIRM * flank) * np.clip((apart - _NEAR * (1 - flank)) / _NEAR, 0, 1) * (1 - person)
    inside = cv2.distanceTransform((person > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / _CELLS
    points = _POINT * (1 - flank * np.clip(2 - 2 * inside / _FLANK, 0, 1))
    springs = points * sums[..., -1] + still + outline + 1e-5
    pulls = points[..., None] * sums[..., :-1]
    pulls[..., -1] += outline * ears
    places = (np.stack(np.meshgrid(*[np.arange(_CELLS)] * 2), -1) + 0.5) / _CELLS
    pulls[..., :2] += outline[..., None] * turn.drawn_in(places)
    return cv2.resize(membrane(pulls / springs[..., None], springs), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def _beside(points: np.ndarray, height: np.ndarray, turn: Turn) -> tuple[np.ndarray, np.ndarray]:
    """Two maps [_CELLS, _CELLS] from the temples down to the jaw's corners.

    The first, in [0, 1], is the side that the turn brings into view. Behind the outline that the photo shows, the cheek goes on as far back
    as the ear. So there the outline is the ear's. Below, the jaw's edge is the outline. The second is the ears' height: where the photo's
    head is turned, one of them is nearer than the axis."""
    places = (np.arange(_CELLS) + 0.5) / _CELLS
    sides = []
    for sign, (temple, eye, ear, corner, low) in zip((-1, 1), _SIDES, strict=True):
        begin, here, corner, low = (points[i, 1] for i in (temple, eye, corner, low))
        above, under = (places - begin) / max(here - begin, 1e-3), (low - places) / max(low - corner, 1e-3)
        beside = np.clip(sign * (places - turn.middle[0]) / _FLANK, 0, 1)
        sides.append((np.clip(np.minimum(above, under), 0, 1)[:, None] * beside[None, :], max(height[ear], 0.0)))
    (left, nearer), (right, other) = sides
    return turn.share * (left if turn.shift[0] > 0 else right), nearer * left + other * right


def _traced(relief: np.ndarray, start: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE, 2]: the displacement to the highest pixel that `shift` times its height brings to each place; from `start` on."""
    heights = np.linspace(float(relief.max()) + 1e-3, 0, _STEPS + 1, dtype=np.float32)
    below = np.full((SIDE, SIDE), -1, np.float32)  # the relief less the ray at the step before
    found = np.zeros((SIDE, SIDE), np.float32)
    open_ = np.ones((SIDE, SIDE), bool)
    for high, low in zip(heights[:-1], heights[1:], strict=True):
        over = sampled(relief, start - low * shift) - low
        hit = open_ & (over >= 0)
        part = below[hit] / np.minimum(below[hit] - over[hit], -1e-6)
        found[hit] = high + part * (low - high)
        open_ &= ~hit
        below = over
    return -found[..., None] * shift
