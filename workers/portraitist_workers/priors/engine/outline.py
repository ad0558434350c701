"""The canvas's colours near outlines, made fit to be turned.

Along its outline a photographed head is mixed with the studio's wall. Matting leaves a grey line on ears, jaw and neck,
and skin seen at a grazing angle mirrors the grey. From the front all this is two pixels wide. When the head
turns, it stretches to a pale seam and to stripes on the cheek. So the skin there takes its colour from further inside.
Lengths are given in pixels of the 512 px canvas.
"""

from __future__ import annotations

import cv2
import numpy as np

from .regions import Regions

_LINE = 6  # width of the line along the outline whose skin is recoloured
_DARKER, _LIGHTER = 0.8, 1.03  # shading that it may keep: brightness against the skin inside
_REACH = 14  # blur that carries the colour of well-seen skin to the sides
_STRIPES = 4  # vertical blur of the sides
_PASSAGE = 9  # over which jaw and neck pass into the neck beneath
_FACING = 0.35, 0.7  # z of the normal: seen at a grazing angle, well seen


def without_rims(tex: np.ndarray, alpha: np.ndarray, skin: np.ndarray, regions: Regions, pos: np.ndarray) -> np.ndarray:
    """Textures [P, 2, W, W, 3] uint8 with clean outlines, from mattes [P, 2, W, W], skin [P, W, W] and mean `pos` [256, 256, 3]."""
    out = np.empty_like(tex)
    grazing = _grazing(pos, regions)
    for person in range(tex.shape[0]):
        is_skin = skin[person].astype(np.float32) / 255
        for expression in range(tex.shape[1]):
            matte = alpha[person, expression].astype(np.float32) / 255
            one = _dim(tex[person, expression].astype(np.float32), matte)
            one = _recolour_skin(one, matte, is_skin)
            one = _fill_loops(one, matte, is_skin, regions)
            out[person, expression] = np.clip(np.rint(_smooth_sides(one, matte, is_skin, grazing)), 0, 255)
    return out


def over_neck(alpha: np.ndarray, tex: np.ndarray, neck: np.ndarray, regions: Regions) -> np.ndarray:
    """Share [W, W] of the head that hides the neck beneath it: bare jaws and necks pass into it without a line.

    `neck` [3] is the colour of the neck's skin. Dark hair and dark collars, which differ from it, keep their edge.
    """
    size = int(_PASSAGE * len(alpha) / 512) | 1  # on half the texels
    blur = lambda mask: cv2.blur(cv2.blur(mask, (size, size)), (size, size))  # noqa: E731
    edge = np.clip((1 - blur(np.ascontiguousarray(alpha[::2, ::2]))) / 0.45, 0, 1)  # 1 at the outline, 0 inside
    bright = cv2.blur(tex[..., 1], (size // 2, size // 2))[::2, ::2] / max(neck[1], 1)
    share = edge * np.clip((bright - 0.45) / 0.2, 0, 1) * regions.neck[::2, ::2]
    return 1 - cv2.resize(share, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _dim(one: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """In the outline no colour may outshine the head beside it."""
    k = len(one) / 512
    core = _erode((matte > 0.95).astype(np.float32), 5 * k)
    near, weight = _spread(one, core, 6 * k)
    rim = cv2.GaussianBlur(1 - core, (0, 0), k) * np.clip(weight * 8, 0, 1)
    return one + rim[..., None] * (np.minimum(one, 1.05 * near + 3) - one)


def _recolour_skin(one: np.ndarray, matte: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The outline of skin takes the colour of the skin inside it, and keeps a little of its own shading."""
    k = len(one) / 512
    core = _erode((matte > 0.95).astype(np.float32), _LINE * k)
    near, weight = _spread(one, core * (skin > 0.5), _LINE * k)
    bare = weight / (cv2.GaussianBlur(core, (0, 0), _LINE * k) + 1e-3)  # share of skin inside
    line = (1 - cv2.GaussianBlur(core, (0, 0), 0.3 * _LINE * k)) * np.clip(weight * 20, 0, 1)
    wanted = near * np.clip(_grey(one) / _grey(near), _DARKER, _LIGHTER)
    return one + (line * np.clip(2 * bare - 0.6, 0, 1))[..., None] * (wanted - one)


def _fill_loops(one: np.ndarray, matte: np.ndarray, skin: np.ndarray, regions: Regions) -> np.ndarray:
    """Grey wall seen through loose hair, which the matte took for hair, becomes as dark as the strands beside it.

    Above the brows only near the outline, because further inside what is bright and grey is the hair's gloss.
    """
    k = len(one) / 512
    size = int(13 * k) | 1
    loose = np.maximum(1 - _erode((matte > 0.95).astype(np.float32), 9 * k), regions.below_brows)
    loose *= (1 - regions.face) * (1 - np.clip(2 * skin, 0, 1)) * (1 - regions.shoulders)
    grey = np.clip((32 - one.max(-1) + one.min(-1)) / 12, 0, 1) * np.clip((one.mean(-1) - 80) / 30, 0, 1)
    dark = cv2.blur(cv2.erode(one, np.ones((size, size), np.uint8)), (size, size))
    share = cv2.GaussianBlur(loose * grey, (0, 0), 0.8 * k)[..., None]
    return one + share * (np.minimum(one, 1.5 * dark + 10) - one)


def _smooth_sides(one: np.ndarray, matte: np.ndarray, skin: np.ndarray, grazing: np.ndarray) -> np.ndarray:
    """Skin at a grazing angle takes the hue of well-seen skin beside it, and loses what would become stripes."""
    k = len(one) / 512
    seen = (skin > 0.5) * (1 - grazing) * (matte > 0.95)
    near, weight = _spread(one, seen, _REACH * k)
    low = cv2.GaussianBlur(one, (0, 0), 3 * k)
    hue = (near / _grey(near)) / (np.maximum(low, 1) / _grey(low))
    side = grazing * cv2.GaussianBlur(skin, (0, 0), 2 * k) * np.clip(weight * 20, 0, 1)
    level = cv2.GaussianBlur(one, (0, 0), sigmaX=1.5 * k, sigmaY=_STRIPES * k)
    return one + side[..., None] * (level * np.clip(hue, 0.7, 1.4) - one)


def _grazing(pos: np.ndarray, regions: Regions) -> np.ndarray:
    """Where the face turns away from the camera, below the brows, in front of the ears and not beyond the jaw. [W, W]"""
    smooth = cv2.GaussianBlur(pos, (0, 0), 1.5)
    normal = np.cross(np.gradient(smooth, axis=1), -np.gradient(smooth, axis=0))
    facing = normal[..., 2] / np.linalg.norm(normal, axis=-1)
    low, high = _FACING
    away = cv2.resize(np.clip((high - facing) / (high - low), 0, 1).astype(np.float32), regions.face.shape[::-1])
    return away * regions.face * (1 - regions.features)


def _spread(one: np.ndarray, where: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour of the pixels `where` around each pixel, and how many they are."""
    where = where.astype(np.float32)
    weight = cv2.GaussianBlur(where, (0, 0), sigma) + 1e-4
    return cv2.GaussianBlur(one * where[..., None], (0, 0), sigma) / weight[..., None], weight


def _grey(colour: np.ndarray) -> np.ndarray:
    return np.maximum(colour.mean(-1, keepdims=True), 1)


def _erode(mask: np.ndarray, radius: float) -> np.ndarray:
    size = 2 * max(round(radius), 1) + 1
    return cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
