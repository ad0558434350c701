"""Fixed regions of the common layout: soft masks that are the same for everybody.

Because every person lies on one canvas, "the inner face" or "the mouth" is a constant polygon through template points.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .canvas import CANVAS
from .template import (
    BROW_LEFT,
    BROW_RIGHT,
    CHEEK_LEFT,
    CHEEK_RIGHT,
    EYE_LEFT_HOLE,
    EYE_RIGHT_HOLE,
    FACE_POLYGON,
    JAW,
    MOUTH_HOLE,
    MOUTH_POLYGON,
    NECK,
)

# Eyes, nose, lips: whatever the colour there, it belongs to the face.
_FEATURES = [*range(87, 109), *range(18, 44), *range(44, 71)]
INNER_LIP_MIDDLE = (96, 101)  # upper, lower


@dataclass(frozen=True)
class Regions:
    """Masks [W, W] float32 in [0, 1] on the canvas shrunk to `W` texels a side.

    `points` is the layout in texels of that size. `face` ends at hairline, ears and jaw. `inner` is where textures of
    several people may be mixed, `features` is the part of it where a skin-colour mask means nothing, `brows` likewise if
    no fringe covers them. `no_detail` covers eyes and lips, `mouth` the hole between the lips. `below_chin` grows from 0 at
    the jaw to 1 on the neck, and `jaw_shadow` fades from 1 under the jaw to 0 further down.
    """

    points: np.ndarray
    face: np.ndarray
    inner: np.ndarray
    lower_face: np.ndarray  # the face below the brows
    features: np.ndarray
    brows: np.ndarray
    no_detail: np.ndarray
    mouth: np.ndarray
    below_chin: np.ndarray
    jaw_shadow: np.ndarray
    below_brows: np.ndarray  # 0 above the brows' lower edge, 1 below
    shoulders: np.ndarray  # 0 down to the chin's height, 1 below
    neck: np.ndarray  # 0 at the ear lobes, 1 from a little below them down
    neck_sides: tuple[np.ndarray, ...]  # inside the neck's left and right outline
    cheeks: tuple[np.ndarray, np.ndarray]  # rows, columns of cheek texels

    @classmethod
    def of(cls, layout: np.ndarray, W: int) -> Regions:
        """Regions for template points `layout` [189, 2] in canvas pixels."""
        face = layout[list(FACE_POLYGON)]
        inner = _polygon(face.mean(0) + 0.93 * (face - face.mean(0)), 9)
        features = _polygon(cv2.convexHull(layout[_FEATURES].astype(np.float32))[:, 0], 4, grow=3)
        brows = np.maximum(*(_polygon(layout[list(brow)], 2, grow=7) for brow in (BROW_LEFT, BROW_RIGHT)))
        mouth = _polygon(layout[list(MOUTH_HOLE)], 1.2)
        eyes = [_polygon(layout[list(hole)], 2, grow=6) for hole in (EYE_LEFT_HOLE, EYE_RIGHT_HOLE)]
        lips = _polygon(layout[list(MOUTH_POLYGON)], 3, grow=4)
        below, shadow = _under_jaw(layout)
        below_brows = _from(layout[list(BROW_LEFT), 1].max(), 20)
        cheek = np.maximum(
            *(_polygon(cv2.convexHull(layout[list(c)].astype(np.float32))[:, 0], 0) for c in (CHEEK_LEFT, CHEEK_RIGHT))
        )
        small = lambda mask: cv2.resize(mask, (W, W), interpolation=cv2.INTER_AREA)  # noqa: E731
        rows, columns = np.nonzero(small(cheek) > 0.9)
        return cls(
            points=scale_points(layout, W),
            face=small(_polygon(face, 3)),
            inner=small(inner),
            features=small(features),
            lower_face=small(_polygon(face, 5) * below_brows),
            below_brows=small(below_brows),
            brows=small(brows),
            no_detail=small(np.maximum.reduce([lips, *eyes])),
            mouth=small(mouth),
            below_chin=small(below),
            jaw_shadow=small(shadow),
            shoulders=small(_from(layout[JAW[5], 1] + 5, 15)),
            neck=small(_from(layout[JAW[0], 1] + 6, 14)),
            neck_sides=tuple(small(side) for side in _neck_sides(layout)),
            cheeks=(rows, columns),
        )


def scale_points(points: np.ndarray, W: int) -> np.ndarray:
    """Canvas pixels -> texels of a canvas of W x W; both count from the centre of their first pixel."""
    return ((points + 0.5) * (W / CANVAS) - 0.5).astype(np.float32)


def _polygon(points: np.ndarray, feather: float, grow: int = 0) -> np.ndarray:
    """Polygon [n, 2] in canvas pixels -> mask [512, 512] float32, edges blurred by `feather` px, widened by `grow` px."""
    mask: np.ndarray = np.zeros((CANVAS, CANVAS), np.float32)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    if grow:
        mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1)))
    return cv2.GaussianBlur(mask, (0, 0), feather) if feather else mask


def _under_jaw(layout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance below the jaw line as two ramps: (0 -> 1 over 24 px, 1 -> 0 over about 40 px below the jaw)."""
    jaw = layout[list(JAW)]
    x = np.arange(CANVAS)
    line = np.interp(x, jaw[:, 0], jaw[:, 1])  # beyond the ears the ear lobes' height
    depth = np.arange(CANVAS)[:, None] - line[None]
    below = np.clip(depth / 24, 0, 1).astype(np.float32)
    sides = np.clip(1.3 - np.abs(x - CANVAS / 2 + 0.5) / (0.5 * (jaw[-1, 0] - jaw[0, 0])), 0, 1)
    under = np.maximum(depth, 0)
    shadow = (
        np.clip(depth / 4, 0, 1) * (0.7 * np.exp(-under / 45) + 0.5 * np.exp(-under / 10)) * sides[None]
    )  # cast, and of contact
    return cv2.GaussianBlur(below, (0, 0), 4), cv2.GaussianBlur(shadow.astype(np.float32), (0, 0), 3)


def _neck_sides(layout: np.ndarray) -> list[np.ndarray]:
    """Upright strips 24 px wide, 8 px inside the outermost points of the neck."""
    out = []
    for point, inwards in ((layout[NECK[0]], 1), (layout[NECK[3]], -1)):
        box = np.array([(8, -14), (32, -14), (32, 22), (8, 22)]) * [inwards, 1]
        out.append(_polygon(point + box, 2))
    return out


def _from(row: float, height: float) -> np.ndarray:
    """0 above `row`, rising to 1 over `height` px. [512, 512]"""
    ramp = np.clip((np.arange(CANVAS, dtype=np.float32) - row) / height, 0, 1)
    return np.repeat(ramp[:, None], CANVAS, 1)
