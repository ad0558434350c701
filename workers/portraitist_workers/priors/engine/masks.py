"""Ten-class map of a rendered portrait: fixed polygons of the layout, the skin mask, the clothes and the matte."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import CANVAS, GRID
from .eyes import Eyes
from .mix import Mix
from .regions import Regions, scale_points
from .template import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT_HOLE,
    EYE_RIGHT_HOLE,
    JAW,
    MOUTH_HOLE,
    MOUTH_POLYGON,
    NOSE_LEFT,
    NOSE_RIGHT,
)

CLASSES = ("background", "skin", "brows", "eyes", "nose", "lips", "mouth", "hair", "neck", "clothes")
BACKGROUND, SKIN, BROWS, EYES, NOSE, LIPS, MOUTH, HAIR, NECK, CLOTHES = range(10)
_NOSE = (50, 51, *NOSE_LEFT, *NOSE_RIGHT[::-1][1:], 57, 56)
_LOWER_FACE = (EYE_LEFT_HOLE[0], *JAW[1:-1], EYE_RIGHT_HOLE[4])  # from eye to eye along the jaw
_THROAT = (JAW[3:-3], 40)  # under the middle of the jaw, so many canvas pixels down: no hair there
_UNDER_JAW = (
    JAW[1:-1],
    200,
)  # here hair is at least as wide as _LOCK texels; a narrower strip is the neck's shaded side
_LOCK = 11


class SemanticMap:
    """Draws the classes on the canvas grid, for the layout [189, 2] in canvas pixels."""

    def __init__(self, layout: np.ndarray):
        points = scale_points(layout, GRID)
        self._eyes = Eyes(layout, GRID)
        self._lower_face = self._polygon(points[list(_LOWER_FACE)])
        self._throat, self._under_jaw = (
            self._polygon(
                np.concatenate([points[list(jaw)], points[list(jaw)][::-1] + np.array([0, depth * GRID / CANVAS])])
            )
            for jaw, depth in (_THROAT, _UNDER_JAW)
        )
        self._fixed = np.zeros((GRID, GRID), np.uint8)
        for kind, polygon in (
            (NOSE, _NOSE),
            (BROWS, BROW_LEFT),
            (BROWS, BROW_RIGHT),
            (EYES, EYE_LEFT_HOLE),
            (EYES, EYE_RIGHT_HOLE),
            (LIPS, MOUTH_POLYGON),
            (MOUTH, MOUTH_HOLE),
        ):
            cv2.fillPoly(self._fixed, [np.round(points[list(polygon)] * 16).astype(np.int32)], kind, shift=4)

    @staticmethod
    def _polygon(points: np.ndarray) -> np.ndarray:
        """bool [256, 256]"""
        mask = np.zeros((GRID, GRID), np.uint8)
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
        return mask > 0

    def draw(self, mix: Mix, regions: Regions, blink: float) -> np.ndarray:
        """uint8 [256, 256] of class numbers."""
        small = lambda mask: cv2.resize(mask, (GRID, GRID), interpolation=cv2.INTER_AREA)  # noqa: E731
        skin, clothes, below = small(mix.skin) > 0.4, small(mix.clothes) > 0.4, small(regions.below_chin) > 0.5
        skin |= small(np.maximum(regions.features, regions.brows)) > 0.5
        # shade, stubble and beards have not the colour of skin, but hair does not grow or hang there
        skin |= self._lower_face | self._throat | _islands(~skin & (small(regions.inner) > 0.5), ~skin)
        hair = (~skin & ~clothes & (small(mix.alpha) > 0.5)).astype(np.uint8)
        skin |= self._under_jaw & (cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((1, _LOCK), np.uint8)) == 0)
        out: np.ndarray = np.where(skin, np.where(below, NECK, SKIN), HAIR).astype(np.uint8)
        out = np.where(clothes, CLOTHES, out)
        out = cv2.medianBlur(out.astype(np.uint8), 7)
        fixed = self._eyes.warp(self._fixed, blink, (0.0, 0.0), nearest=True)
        # a fringe may cover the brows, nothing covers the rest
        return np.where((fixed > 0) & ((fixed != BROWS) | (out != CLOTHES)), fixed, out).astype(np.uint8)


def _islands(inside: np.ndarray, anywhere: np.ndarray) -> np.ndarray:
    """Where `inside` [G, G] is, if its piece of `anywhere` has nothing outside: a gleam on a forehead, no fringe."""
    count, piece = cv2.connectedComponents(anywhere.astype(np.uint8))
    outside = np.bincount(piece[anywhere & ~inside], minlength=count) > 0
    return inside & ~outside[piece]


def look_up(grid_map: np.ndarray, u: np.ndarray, v: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Classes at grid coordinates u, v [H, W] (-1 outside), background where alpha < 0.5. uint8 [H, W]"""
    rows = np.clip(np.rint(v), 0, grid_map.shape[0] - 1).astype(np.intp)
    columns = np.clip(np.rint(u), 0, grid_map.shape[1] - 1).astype(np.intp)
    seen = np.where(
        u >= 0, grid_map[rows, columns], NECK
    )  # what is covered but not by the canvas is neck.py's cylinder
    return cv2.medianBlur(np.where(alpha >= 0.5, seen, BACKGROUND).astype(np.uint8), 3)
