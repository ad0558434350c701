"""What each part of a person looks like, as principal components: the router's words for identity.

Two sorts. Those of the inner face are mixed by the weights of the mixed people, those of hair and outline are the donor's. Colours of
what lies on the skin are taken relative to the cheeks, so that a nose is a nose in any tone. The tone is the skin's.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ...engine.canvas import CANVAS, CROP, Canvas
from ...engine.template import (
    BROW_LEFT,
    BROW_RIGHT,
    CREASE_LEFT,
    CREASE_RIGHT,
    EYE_LEFT_HOLE,
    EYE_RIGHT_HOLE,
    MOUTH_POLYGON,
    NOSE_LEFT,
    NOSE_RIGHT,
)

ON_FACE = {  # of `id_w`: name -> components
    "head shape": 24,
    "skin colour": 32,
    "brows shape": 12,
    "brows colour": 20,
    "eyes shape": 12,
    "eyes colour": 20,
    "nose shape": 12,
    "nose colour": 20,
    "mouth shape": 12,
    "mouth colour": 24,
}
OF_DONOR = {"outline": 32, "hair colour": 32, "ears and neck colour": 16}  # of `donor`
_FEATURES = {
    "brows": (*BROW_LEFT, *BROW_RIGHT),
    "eyes": (*EYE_LEFT_HOLE, *EYE_RIGHT_HOLE, *CREASE_LEFT, *CREASE_RIGHT),
    "nose": (*NOSE_LEFT, *NOSE_RIGHT),
    "mouth": (*MOUTH_POLYGON,),
}
_MARGIN = 10  # canvas px around a feature's points
_LONGER = 28  # samples of a feature's box along its longer side
_FACE = slice((CANVAS - CROP) // 2, (CANVAS + CROP) // 2)  # rows and columns of the aligned crop


def looks(canvas: Canvas) -> dict[str, Tensor]:
    """name -> [2P, components], unit variance: each person, then each mirrored one. Fitted on training people only."""
    rows: dict[str, list[np.ndarray]] = {}
    for flip in (False, True):
        for person in range(len(canvas.ids)):
            for name, values in _describe(canvas, person, flip).items():
                rows.setdefault(name, []).append(values.ravel())
    training = np.concatenate([canvas.training, canvas.training + len(canvas.ids)])
    return {name: _components(np.stack(rows[name]), training, count) for name, count in (ON_FACE | OF_DONOR).items()}


def _components(data: np.ndarray, training: np.ndarray, count: int) -> Tensor:
    """Zeros where there are fewer people than components."""
    mean = data[training].mean(0)
    _, sizes, axes = np.linalg.svd(data[training] - mean, full_matrices=False)
    codes = np.zeros((len(data), count), np.float32)
    kept = min(count, int((sizes > 1e-4 * sizes[0]).sum()))
    found = (data - mean) @ axes[:kept].T
    codes[:, :kept] = found / found[training].std(0)
    return torch.from_numpy(codes)


def _describe(canvas: Canvas, person: int, flip: bool) -> dict[str, np.ndarray]:
    tex, pos = canvas.tex[person], np.asarray(canvas.pos[person], np.float32)  # [2, 512, 512, 3], [2, 256, 256, 3]
    alpha, skin = canvas.alpha[person, 0], canvas.skin[person]
    if flip:
        tex, alpha, skin = tex[:, :, ::-1], alpha[:, ::-1], skin[:, ::-1]
        pos = pos[:, :, ::-1] * np.array([-1, 1, 1], np.float32)
    cheek = np.maximum(canvas.cheek[person], 8)
    cover, bare = (_shrunk(x, 64) / 255 for x in (alpha, skin))
    colour = _shrunk(tex[0], 64)
    found = {
        "head shape": pos[:, _FACE.start // 2 : _FACE.stop // 2 : 8, _FACE.start // 2 : _FACE.stop // 2 : 8],
        "skin colour": np.stack([_shrunk(layer[_FACE, _FACE], 32) for layer in tex]),
        "outline": np.stack([cover, bare]),
        "hair colour": colour * (cover * (1 - bare))[..., None],
        "ears and neck colour": colour * (cover * bare)[..., None],
    }
    layout = np.asarray(canvas.layout)
    for name, points in _FEATURES.items():
        left, top = np.floor(layout[list(points)].min(0)).astype(int) - _MARGIN
        right, bottom = np.ceil(layout[list(points)].max(0)).astype(int) + _MARGIN
        if name == "mouth":
            bottom += _MARGIN  # an open mouth
        step = max(right - left, bottom - top) / _LONGER
        size = max(1, round((right - left) / step)), max(1, round((bottom - top) / step))
        crops = [
            cv2.resize(layer[top:bottom, left:right].astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for layer in tex
        ]
        found[f"{name} colour"] = np.stack(crops) / cheek
        box = pos[:, top // 2 : bottom // 2 : 3, left // 2 : right // 2 : 3]
        found[f"{name} shape"] = box - box.mean((1, 2), keepdims=True)  # where it lies is the head's shape
    return found


def _shrunk(picture: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(picture).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
