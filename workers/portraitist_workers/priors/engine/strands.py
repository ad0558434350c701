"""Loose hairs along the outline of the hair.

The matte of smooth hair ends in a sharp line, as if cut out with scissors. A few single hairs stand off every real head;
here they are short curved strokes, thrown over the canvas once, of which only those show that lie on the outline.
"""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import CANVAS
from .regions import Regions

PATTERNS = 8  # of strokes, each also used mirrored, so that no stroke becomes a feature of everybody
_STROKES = 4500
_REACH = 13  # px of the 512 px canvas over which they thin out


def patterns(W: int) -> np.ndarray:
    """Opacity of strokes, uint8 [PATTERNS, W, W]; they run around the middle of the head, more or less."""
    rng = np.random.default_rng(0)
    out = []
    for _ in range(PATTERNS):
        picture = np.zeros((CANVAS, CANVAS), np.uint8)
        start = rng.uniform(0, CANVAS, (_STROKES, 2))
        away = start - [CANVAS / 2, CANVAS * 0.45]
        heading = (
            np.arctan2(away[:, 0], -away[:, 1]) + rng.normal(0, 0.5, _STROKES) + np.pi * rng.integers(0, 2, _STROKES)
        )
        bend, length = rng.normal(0, 0.4, _STROKES), rng.uniform(10, 40, _STROKES)
        t = np.linspace(0, 1, 8)
        angle = heading[:, None] + bend[:, None] * t
        steps = np.stack([np.cos(angle), np.sin(angle)], -1) * (length[:, None, None] / len(t))
        curves = np.round((start[:, None] + np.cumsum(steps, 1)) * 16).astype(np.int32)
        for curve, opacity in zip(curves, rng.uniform(60, 255, _STROKES), strict=True):
            cv2.polylines(picture, [curve], False, int(opacity), 1, cv2.LINE_AA, shift=4)
        out.append(cv2.resize(picture, (W, W), interpolation=cv2.INTER_AREA))
    return np.stack(out)


def looseness(alpha: np.ndarray, regions: Regions) -> float:
    """How loose somebody's hair is, 0 (cropped, none) to 1, by how soft the outline of the matte uint8 [W, W] is above the ears."""
    above = (1 - regions.neck[:: len(alpha) // 256, :: len(alpha) // 256]) > 0.5
    matte = cv2.resize(alpha, (256, 256), interpolation=cv2.INTER_AREA) / 255
    line = cv2.morphologyEx((matte > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    soft = (4 * matte * (1 - matte))[above].sum() / max(line[above].sum(), 1)  # 0.4 for bald heads, 0.6 in the middle
    return float(np.clip((soft - 0.45) / 0.25, 0, 1))


def fray(alpha: np.ndarray, skin: np.ndarray, strokes: np.ndarray, loose: float, regions: Regions) -> np.ndarray:
    """The matte [W, W] with loose hairs where hair ends. `skin` [W, W] and `strokes` [W, W] in 0..255."""
    size = int(_REACH * len(alpha) / CANVAS) | 1
    blur = lambda mask: cv2.blur(cv2.blur(mask, (size, size)), (size, size))  # noqa: E731
    around = blur(alpha)
    hair = np.clip(1 - 3 * blur(skin) / 255 / (around + 0.02), 0, 1) * (1 - regions.neck)
    band = np.clip(2.2 * around, 0, 1) * hair
    return np.maximum(alpha, band * strokes * np.float32(loose / 255))
