"""The inside of a mouth that opens."""

from __future__ import annotations

import cv2
import numpy as np

from .regions import Regions
from .template import MOUTH_HOLE

_CAVITY = np.array([38.0, 14.0, 14.0], np.float32)  # colour deep in an open mouth, RGB


def open_mouth(tex: np.ndarray, regions: Regions, before: float, after: float) -> np.ndarray:
    """The texture [W, W, 3] when the inner lips, `before` apart, are `after` apart (ICT units).

    When the jaw drops, teeth stay at the upper lip and a dark cavity appears below them. The mouth's hole
    is always as high in the layout, however far the lips are apart, so rows are squeezed by before / after.
    """
    if after < before + 0.08:
        return tex
    polygon = regions.points[list(MOUTH_HOLE)]
    left, top = np.floor(polygon.min(0)).astype(int)
    right, bottom = np.ceil(polygon.max(0)).astype(int) + 1
    columns = np.arange(left, right)
    half = len(polygon) // 2 + 1
    upper = np.interp(columns, polygon[:half, 0], polygon[:half, 1])
    low = polygon[[0, *range(len(polygon) - 1, half - 2, -1)]]
    lower = np.interp(columns, low[:, 0], low[:, 1])
    rows = np.arange(top, bottom)[:, None]
    share = (rows - upper) / np.maximum(lower - upper, 0.5)  # 0 at the upper lip, 1 at the lower
    teeth = max(before - 0.12, 0.0) / after  # a gap of a millimetre is a seam, not teeth
    source = upper + share * (lower - upper) / max(teeth, 0.05)
    box = cv2.remap(
        tex, np.broadcast_to(columns, source.shape).astype(np.float32), source.astype(np.float32), cv2.INTER_LINEAR
    )
    deep = np.clip((share - teeth) / 0.12 + 1, 0, 1) if teeth > 0.05 else np.ones_like(share)
    cavity = _CAVITY * (1 + 0.9 * np.clip((share - 0.55) / 0.45, 0, 1)[..., None])  # the tongue's lighter red
    box = box + deep[..., None].astype(np.float32) * (cavity - box)
    out = tex.copy()
    inside = regions.mouth[top:bottom, left:right, None] * np.float32(min(1.0, (after - before) / 0.25))
    out[top:bottom, left:right] += inside * (box - out[top:bottom, left:right])
    return out
