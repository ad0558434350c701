"""Blinking and gaze as warps of the texture.

The lids are pinned in the common layout. So a blink pulls the upper lid down to the lower one there, column by column, and draws
the skin of the crease after it. The surface below stays the round of the eyeball. Gaze is a thin-plate spline that moves
the iris inside pinned lids. ICT-FaceKit's own blink shapes miss the photographed lids by a pixel or two and look
jagged. A spline for the blink folds when the lids meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from .regions import scale_points
from .template import (
    BROW_LEFT_LOWER,
    BROW_RIGHT_LOWER,
    CREASE_LEFT,
    CREASE_RIGHT,
    IRIS_LEFT,
    IRIS_RIGHT,
    LID_LEFT_LOWER,
    LID_LEFT_UPPER,
    LID_RIGHT_LOWER,
    LID_RIGHT_UPPER,
)

_TRAVEL = 0.84  # share of the lid gap that a closed lid travels; its edge with the lashes fills most of the rest
_EDGE = 0.12  # height of that edge, share of the gap
_CREASE_TRAVEL = 0.45
_GAZE_X, _GAZE_Y = 0.21, 0.10  # iris travel at gaze 1, share of the eye's width


@dataclass(frozen=True)
class _Eye:
    upper: np.ndarray  # [5, 2] texels, like all below
    lower: np.ndarray  # [5, 2] with the corners
    crease: np.ndarray  # [5, 2]
    iris: np.ndarray  # [9, 2] pupil and ring
    brow: np.ndarray  # [4, 2] lower edge of the brow
    pinned: np.ndarray  # [k, 2] around the eye
    box: tuple[int, int, int, int]  # left, top, right, bottom of the texels that may change


class Eyes:
    """Warps both eyes of a texture of `W` texels a side, for the layout [189, 2] in canvas pixels."""

    def __init__(self, layout: np.ndarray, W: int):
        points = scale_points(layout, W)
        parts = (
            (0, LID_LEFT_UPPER, LID_LEFT_LOWER, CREASE_LEFT, IRIS_LEFT, BROW_LEFT_LOWER, (44, 45, 46, 50)),
            (1, LID_RIGHT_UPPER, LID_RIGHT_LOWER, CREASE_RIGHT, IRIS_RIGHT, BROW_RIGHT_LOWER, (47, 48, 49, 56)),
        )
        self._eyes = []
        for pupil, upper, lower, crease, iris, brow, around in parts:
            pinned = points[[*brow, *around]]
            held = np.concatenate([points[list(upper)], pinned])
            left, top = np.floor(held.min(0)).astype(int)
            right, bottom = np.ceil(held.max(0)).astype(int) + 1
            self._eyes.append(
                _Eye(
                    points[list(upper)],
                    points[list(lower)],
                    points[list(crease)],
                    points[[pupil, *iris]],
                    points[list(brow)],
                    pinned,
                    (left, top, right, bottom),
                )
            )

    def warp(self, image: np.ndarray, blink: float, gaze: tuple[float, float], nearest: bool = False) -> np.ndarray:
        """`image` [W, W, ...] with the eyes closed by `blink` (0..1) and turned by `gaze` (image right, up; -1..1)."""
        if blink <= 0 and gaze == (0.0, 0.0):
            return image
        out = image.copy()
        for eye in self._eyes:
            left, top, right, bottom = eye.box
            rows, columns = np.mgrid[top:bottom, left:right]
            where: np.ndarray = np.stack([columns, rows], -1).reshape(-1, 2).astype(np.float32)
            if blink > 0:
                where = _blink(eye, where, blink)
            if gaze != (0.0, 0.0):
                where = _turn(eye, where, gaze)
            # fade the warp out towards the box's border, where the spline need not be zero
            where = where.reshape(bottom - top, right - left, 2)
            still = np.stack([columns, rows], -1)
            fade = _fade(bottom - top, right - left)[..., None]
            where = (still + fade * (where - still)).astype(np.float32)
            out[top:bottom, left:right] = cv2.remap(
                image,
                where[..., 0],
                where[..., 1],
                cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        return out


def _blink(eye: _Eye, where: np.ndarray, blink: float) -> np.ndarray:
    """Where the colour at each of `where` [m, 2] comes from: piecewise linear in each column."""
    x, y = where.T
    curve = lambda points: np.interp(x, points[:, 0], points[:, 1])  # noqa: E731
    upper, lower = curve(eye.upper), curve(eye.lower)
    gap = np.maximum(lower - upper, 0)
    crease = np.minimum(curve(eye.crease), upper - 0.5)
    brow = np.minimum(curve(eye.brow), crease - 1)
    edge = upper + _EDGE * gap
    knots = np.stack([brow, crease, upper, edge, lower])
    moved = knots + blink * gap * np.array([0, _CREASE_TRAVEL, _TRAVEL, _TRAVEL, 0])[:, None]
    source = y.copy()
    for k in range(4):
        share = (y - moved[k]) / np.maximum(moved[k + 1] - moved[k], 1e-3)
        inside = (share >= 0) & (share <= 1) & (gap > 0)
        source[inside] = (knots[k] + share * (knots[k + 1] - knots[k]))[inside]
    return np.stack([x, source], 1).astype(np.float32)


def _turn(eye: _Eye, where: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    width = eye.upper[-1, 0] - eye.upper[0, 0]
    step = np.array([gaze[0] * _GAZE_X, -gaze[1] * _GAZE_Y], np.float32) * width
    still = np.concatenate([eye.upper, eye.lower[1:-1], eye.crease, eye.pinned])
    return thin_plate(np.concatenate([eye.iris + step, still]), np.concatenate([eye.iris, still]), where)


def _fade(rows: int, columns: int) -> np.ndarray:
    def ramp(n):
        distance = np.minimum(np.arange(n), np.arange(n)[::-1])
        return np.clip(distance / (0.12 * n), 0, 1)

    return np.minimum(ramp(rows)[:, None], ramp(columns)[None])


def thin_plate(points: np.ndarray, values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Thin-plate spline through points [n, 2] -> values [n, 2], evaluated at `where` [m, 2] (Bookstein 1989)."""
    n = len(points)
    system = np.zeros((n + 3, n + 3))
    squared = ((points[:, None].astype(float) - points[None]) ** 2).sum(-1)
    system[:n, :n] = 0.5 * squared * np.log(squared + 1e-9) + 1e-3 * np.eye(n)
    system[:n, n], system[:n, n + 1 :] = 1, points
    system[n, :n], system[n + 1 :, :n] = 1, points.T
    right = np.zeros((n + 3, 2))
    right[:n] = values
    weights = np.linalg.solve(system, right)
    return _evaluate(points.astype(np.float32), weights.astype(np.float32), np.ascontiguousarray(where, np.float32))


@njit(cache=True, fastmath=True)
def _evaluate(points, weights, where):
    n = points.shape[0]
    out = np.empty_like(where)
    for k in range(where.shape[0]):
        x, y = where[k, 0], where[k, 1]
        u = weights[n, 0] + weights[n + 1, 0] * x + weights[n + 2, 0] * y
        v = weights[n, 1] + weights[n + 1, 1] * x + weights[n + 2, 1] * y
        for i in range(n):
            squared = (x - points[i, 0]) ** 2 + (y - points[i, 1]) ** 2
            basis = np.float32(0.5) * squared * np.log(squared + np.float32(1e-9))
            u += basis * weights[i, 0]
            v += basis * weights[i, 1]
        out[k, 0], out[k, 1] = u, v
    return out
