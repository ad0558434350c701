"""People's maps made ready for mixing: smaller, and with a mask of what others may borrow."""

from __future__ import annotations

import cv2
import numpy as np

from .regions import Regions


def shrink(array: np.ndarray, W: int) -> np.ndarray:
    """Last image axes 512 -> W by area average, uint8; a memory map stays one at full size."""
    if W == 512:
        return array
    colour = array.shape[-1] == 3
    flat = array.reshape(-1, 512, 512, *((3,) if colour else ()))
    small = np.stack([cv2.resize(np.asarray(one), (W, W), interpolation=cv2.INTER_AREA) for one in flat])
    return small.reshape(*array.shape[: array.ndim - (3 if colour else 2)], W, W, *((3,) if colour else ()))


def usable(skin: np.ndarray, regions: Regions) -> np.ndarray:
    """Where a person's texture may enter others' faces, uint8 [W, W]: bare skin, eyes, nose, lips, brows without fringe."""
    W = len(skin)
    inside = lambda margin, blur: cv2.GaussianBlur(  # noqa: E731  (margin and blur in pixels of the 512 px canvas)
        cv2.erode(skin, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (margin * W // 1024) + 1,) * 2)).astype(np.float32),
        (0, 0), blur * W / 512) / 255
    # a fringe throws shadows and has loose strands, so the forehead keeps a wide margin to it
    top = int(np.argmax(regions.brows.max(1) > 0.5))
    forehead = np.clip((top + 0.04 * W - np.arange(W)) / (0.04 * W), 0, 1)[:, None].astype(np.float32)
    face, open_forehead = np.clip((inside(5, 2) - 0.35) / 0.5, 0, 1), np.clip((inside(22, 7) - 0.15) / 0.7, 0, 1)
    bare = face + forehead * (open_forehead - face)
    # a brow is free where there is skin above it: carry the lowest skin of the band above down over the brow
    band = bare[max(top - W // 40, 0): top + 1].min(0)
    free = cv2.GaussianBlur(np.repeat(band[None], 5, 0), (0, 0), W / 100)[2]
    out = np.maximum.reduce([bare, regions.features, regions.brows * free[None]])
    return np.rint(out * 255).astype(np.uint8)
