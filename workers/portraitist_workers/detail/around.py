"""How hair, ears and neck follow a face that moves: a membrane between the face, the body that stays, and the head's outline.

A head turns about its middle, so its outline stays about where it was. What lies between the face and the outline, or the body, is
stretched.
"""

from __future__ import annotations

import cv2
import numpy as np

from .fields import SIDE, resized
from .membrane import membrane
from .scene import Scene

_CELLS = 64  # of the membrane, a side
# Springs: of the face's own motion, of optical flow elsewhere (it sticks to the picture, or flickers), of what stays, of the outline.
_FACE, _FLOW, _BODY, _OUTLINE = 30.0, 0.1, 0.5, 0.4
_NECK = 0.12  # of the side below the chin: from there on the neck stays
# The outline holds from _NEAR beside the face on, and fully _FAR farther: the more, the farther the face moves there.
_NEAR, _FAR, _MOVED = 0.02, 0.08, 1.0


def around(scene: Scene, source: np.ndarray, face: np.ndarray, sure: np.ndarray, chin: float) -> np.ndarray:
    """`source` [SIDE, SIDE, 2], believed in the `face` [SIDE, SIDE] and carried on from there. `sure` [SIDE, SIDE] is that of the flow
    beyond; the chin's height is in shares of the side."""
    small = lambda x: resized(np.ascontiguousarray(x, np.float32), _CELLS)  # noqa: E731
    head = small(face)
    apart, reach = _beside(head > 0.5, np.linalg.norm(small(source), axis=2))
    below = np.clip(((np.arange(_CELLS) + 0.5) / _CELLS - chin) / _NECK, 0, 1)[:, None]
    matte = small(scene.small.matte) / 255
    still = _BODY * (small(scene.clothes) + small(scene.neck) * below + small(scene.others))
    still = still + _OUTLINE * (1 - matte) * np.clip((apart - _NEAR) / reach, 0, 1) + 1e-5
    moving = _FACE * face + _FLOW * (1 - face) * sure * (scene.small.matte / 255)
    force = small(source * moving[..., None])
    springs = small(moving) + still
    u = membrane(force / springs[..., None], springs.astype(np.float32))
    u = cv2.resize(u, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return u + face[..., None] * (source - u)


def _beside(face: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[S, S] how far from the `face` [S, S] bool, and over which further distance the outline begins to hold. `moves` [S, S]: how far it
    moves. All in shares of the side."""
    if not face.any():
        return np.ones_like(moves), np.ones_like(moves)
    apart, labels = cv2.distanceTransformWithLabels(
        (~face).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(labels.max() + 1, np.float32)
    nearest[labels[face]] = moves[face]
    return apart / len(face), _FAR + _MOVED * nearest[labels]
