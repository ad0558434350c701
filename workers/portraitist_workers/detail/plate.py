"""What stands behind the person: seen where it is seen, and carried on from there behind them."""

from __future__ import annotations

import cv2
import numpy as np

from .fields import smooth
from .membrane import membrane

_GROWN = 0.02  # of the side: so far beside the person nothing is believed to be background
_COARSE = 96  # px a side that colours are carried on at
_FINE = 0.012  # width of what counts as detail
_GRAIN = 0.002  # ... and of what counts as grain
_CARRIED, _GRAIN_CARRIED = 0.03, 0.06  # of the side: so far behind the person detail and grain go on
_EDGE = 0.01  # of the side, over which the one becomes the other


def plate_of(face: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Of the crop `face` [M, M, 3] uint8: the background's RGB, and how much of it is made up, [M, M, 4] uint8.

    Colours go on as a membrane does. Detail is mirrored at the person's outline.
    """
    side = len(face)
    reach = 2 * max(round(_GROWN * side), 1) + 1
    hidden = cv2.dilate((matte > 0).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    made_up = np.maximum(smooth(hidden.astype(np.float32), _EDGE / 2) * 2 - 1, 0)
    made_up = np.maximum(made_up, (matte > 0).astype(np.float32))
    if not hidden.any() or hidden.all():
        return np.dstack([face, np.zeros(face.shape[:2], np.uint8)])
    seen = 1 - hidden.astype(np.float32)
    known = cv2.resize(seen, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    colours = cv2.resize(face * seen[..., None], (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    base = membrane(colours / np.maximum(known, 1e-6)[..., None], known**2)
    base = cv2.resize(base, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.dstack([_with_mirrored_detail(face, hidden, base), np.rint(255 * made_up).astype(np.uint8)])


def _with_mirrored_detail(face: np.ndarray, hidden: np.ndarray, base: np.ndarray) -> np.ndarray:
    side, seen = len(face), 1 - hidden.astype(np.float32)
    picture = face.astype(np.float32)
    low, middle = (
        smooth(picture * seen[..., None], width) / (smooth(seen, width)[..., None] + 1e-3) for width in (_FINE, _GRAIN)
    )
    _, labels = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.zeros((labels.max() + 1, 2), np.float32)
    rows, columns = np.nonzero(hidden == 0)
    places[labels[rows, columns]] = np.column_stack([columns, rows])
    y, x = np.mgrid[:side, :side].astype(np.float32)
    # Neighbours can be nearest to places far apart. What is mirrored must not tear there.
    way = smooth(places[labels] - np.stack([x, y], -1), _EDGE)
    there = np.stack([x, y], -1) + 2 * way

    def mirrored(detail: np.ndarray) -> np.ndarray:
        return cv2.remap(detail * seen[..., None], there[..., 0], there[..., 1], cv2.INTER_LINEAR)

    # The membrane meets the picture at the outline up to what its cells average away.
    off = cv2.remap(low - base, places[labels][..., 0], places[labels][..., 1], cv2.INTER_NEAREST)
    apart = np.hypot(way[..., 0], way[..., 1])[..., None] / side
    filled = base + np.exp(-apart / _CARRIED) * (smooth(off, 0.01) + mirrored(middle - low))
    filled += np.exp(-apart / _GRAIN_CARRIED) * mirrored(picture - middle)
    return np.where(hidden[..., None] > 0, filled, picture).round().clip(0, 255).astype(np.uint8)
