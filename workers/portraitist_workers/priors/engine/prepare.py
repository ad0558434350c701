"""People's maps made ready for mixing: smaller, and with a mask of what others may borrow."""

from __future__ import annotations

import cv2
import numpy as np

from .regions import Regions
from .template import HAIR_OUTLINE, HAIRLINE

# Photos are drawn into the canvas and the canvas into pictures; what the two leave of the finest octave is 81 % at 128 px and 57 % at
# 256. With so much of it given back, skin has as much as in photos, and hair comes near (docs/priors/history.md).
_CRISP = {256: 0.5, 512: 1.3}
_BALD, _BALD_WEIGHTS = 9.5, np.array([0.5, 1, 1], np.float32)  # difference in Lab; shading varies lightness


def shrink(array: np.ndarray, W: int) -> np.ndarray:
    """Last image axes 512 -> W by area average, uint8; a memory map stays one at full size."""
    if W == 512:
        return array
    colour = array.shape[-1] == 3
    flat = array.reshape(-1, 512, 512, *((3,) if colour else ()))
    small = np.stack([cv2.resize(np.asarray(one), (W, W), interpolation=cv2.INTER_AREA) for one in flat])
    return small.reshape(*array.shape[: array.ndim - (3 if colour else 2)], W, W, *((3,) if colour else ()))


def crisp(tex: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Textures [..., W, W, 3] uint8 with their finest detail stronger; mattes [..., W, W] keep what is behind a person out of it."""
    W = tex.shape[-2]
    out = np.empty(tex.shape, np.uint8)
    for where in np.ndindex(tex.shape[:-3]):
        one, inside = np.asarray(tex[where], np.float32), np.asarray(alpha[where], np.float32)[..., None] / 255
        share = cv2.GaussianBlur(inside, (0, 0), 1)[..., None]
        smooth = cv2.GaussianBlur(one * inside, (0, 0), 1) / np.maximum(share, 1e-3)
        out[where] = np.clip(np.rint(one + _CRISP[W] * inside * np.minimum(share, 1) * (one - smooth)), 0, 255)
    return out


def usable(skin: np.ndarray, regions: Regions) -> np.ndarray:
    """Where a person's texture may enter others' faces, uint8 [W, W]: bare skin, eyes, nose, lips, brows without fringe."""
    W = len(skin)

    def inside(margin, blur):
        ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (margin * W // 1024) + 1,) * 2)
        return cv2.GaussianBlur(cv2.erode(skin, ellipse).astype(np.float32), (0, 0), blur * W / 512) / 255

    # a fringe throws shadows and has loose strands, so the forehead keeps a wide margin to it
    top = int(np.argmax(regions.brows.max(1) > 0.5))
    forehead = np.clip((top + 0.04 * W - np.arange(W)) / (0.04 * W), 0, 1)[:, None].astype(np.float32)
    face, open_forehead = np.clip((inside(5, 2) - 0.35) / 0.5, 0, 1), np.clip((inside(22, 7) - 0.15) / 0.7, 0, 1)
    bare = face + forehead * (open_forehead - face)
    # a brow is free where there is skin above it: carry the lowest skin of the band above down over the brow
    band = bare[max(top - W // 40, 0) : top + 1].min(0)
    free = cv2.GaussianBlur(np.repeat(band[None], 5, 0), (0, 0), W / 100)[2]
    out = np.maximum.reduce([bare, regions.features, regions.brows * free[None]])
    return np.rint(out * 255).astype(np.uint8)


def whole_skin(skin: np.ndarray, regions: Regions) -> np.ndarray:
    """Skin mask uint8 [W, W] without the gaps that shade and stubble leave below the brows. It may hold a thin beard."""
    W = len(skin)
    closed = cv2.morphologyEx(
        skin, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (W // 32) + 1,) * 2)
    )
    where = np.maximum(regions.lower_face, regions.neck)
    return np.rint(skin + where * (closed.astype(np.float32) - skin)).astype(np.uint8)


def is_bald(tex: np.ndarray, cheek: np.ndarray, points: np.ndarray) -> bool:
    """Whether the skull above the hairline has about the colour of the `cheek` [3], in a texture [W, W, 3] with layout `points`."""
    between = (
        points[list(HAIRLINE[2:-2])] + points[list(HAIR_OUTLINE[2:-2])]
    ) / 2  # the hairline's outline on the crown
    smooth = cv2.blur(tex, (len(tex) // 73,) * 2)
    x, y = np.rint(between).astype(int).T
    colours = np.vstack([np.median(smooth[y, x], 0), cheek]).astype(np.float32)[None] / 255
    crown, skin = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[0]
    return float(np.linalg.norm((crown - skin) * _BALD_WEIGHTS)) < _BALD
