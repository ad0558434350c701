"""The morphable model's offsets of expressions and of identity, as maps on the canvas.

The model is fitted to the layout itself. Because the layout is no natural face, a thin-plate spline then moves each
canvas pixel to the spot of the fitted model that bears the same landmarks. Holes (mouth, sides) are filled smoothly,
so the inside of the mouth moves between its lips.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from . import template
from .canvas import CANVAS, GRID, SHAPES
from .depth import draw, grid_pixels, visible_triangles
from .ict import FaceModel, fit_neutral
from .membrane import fill_membrane

IDENTITY_BLUR = 2.0  # grid pixels: lids and lips move together, so that mouths stay shut
FADE = 24  # grid pixels from the model's edge over which offsets fade to zero


def expression_maps(model: FaceModel, layout: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Offsets float16 [K, 256, 256, 3] in head-frame units on the grid of `layout` [189, 2], and their K names."""
    maps = _maps(model, layout, model.expression[model.fitted])
    return np.stack([cv2.GaussianBlur(one, (0, 0), 0.7) for one in maps]).astype(np.float16), [
        model.names[k] for k in model.fitted
    ]


def identity_maps(model: FaceModel, layout: np.ndarray) -> np.ndarray:
    """Offsets float16 [SHAPES, 128, 128, 3] of the model's first identity modes, one standard deviation each.

    They are smooth, so half the grid's resolution is enough: each value is the mean of 2 x 2 grid points.
    """
    maps = _maps(model, layout, model.identity[:SHAPES])
    smooth = [cv2.GaussianBlur(one, (0, 0), IDENTITY_BLUR) for one in maps]
    return np.stack([cv2.resize(one, (GRID // 2, GRID // 2), interpolation=cv2.INTER_AREA) for one in smooth]).astype(
        np.float16
    )


def _maps(model: FaceModel, layout: np.ndarray, offsets: np.ndarray) -> Iterator[np.ndarray]:
    """Offsets [K, V, 3] of the model's vertices as maps float32 [256, 256, 3] on the layout's grid."""
    fit = fit_neutral(model, layout.astype(float), expression_bound=1.0)
    triangles = visible_triangles(model)
    canvas, camera_z = fit.project(model.face(fit))
    index, weights = draw((canvas - 0.5) * (GRID / CANVAS), camera_z, triangles)
    hit = index >= 0
    corners = triangles[np.maximum(index, 0)]
    lookup = _layout_to_model(model, fit, layout)
    seen = _drawn_at(hit.astype(np.float32), lookup) > 0.99
    for contour in (template.MOUTH_HOLE, template.EYE_LEFT_HOLE, template.EYE_RIGHT_HOLE):
        # One pixel wider than the hole, because the lips' rims belong to neither side.
        hole = np.zeros((GRID, GRID), np.uint8)
        cv2.fillPoly(hole, [np.round((layout[list(contour)] - 0.5) * GRID / CANVAS * 16).astype(np.int32)], 1, shift=4)
        seen &= cv2.erode(hole, np.ones((3, 3), np.uint8)) == 0 if contour == template.MOUTH_HOLE else hole == 0
    seen &= _component_of_face(seen, layout)
    outside = cv2.distanceTransform((~seen).astype(np.uint8), cv2.DIST_L2, 5)
    border = outside > FADE
    for one in offsets:
        drawn = (one[corners] * weights[..., None]).sum(-2).astype(np.float32)
        drawn = _drawn_at(fill_membrane(drawn, hit), lookup)
        drawn[~seen] = 0
        yield fill_membrane(drawn, seen | border)


def _drawn_at(image: np.ndarray, lookup: np.ndarray) -> np.ndarray:
    return cv2.remap(image, lookup, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]  # cv2's stubs know no map of pairs


def _layout_to_model(model, fit, layout):
    """Where the grid's pixels lie on the drawn model, float32 [256, 256, 2] in grid pixels."""
    model_points, weights = model.template_landmarks(fit)
    layout_points = weights @ layout
    edge = np.linspace(0, CANVAS - 1, 5)
    border = np.array([(x, y) for x in edge for y in edge if {x, y} & {edge[0], edge[-1]}])
    spline = RBFInterpolator(
        np.concatenate([layout_points, border]),
        np.concatenate([model_points - layout_points, 0 * border]),
        kernel="thin_plate_spline",
        smoothing=2.0,
    )
    pixels = grid_pixels()
    moved = pixels + spline(pixels.reshape(-1, 2)).reshape(pixels.shape)
    return ((moved - 0.5) * (GRID / CANVAS)).astype(np.float32)


def _component_of_face(seen: np.ndarray, layout: np.ndarray) -> np.ndarray:
    labels = cv2.connectedComponents(seen.astype(np.uint8))[1]
    x, y = (layout[54] * GRID / CANVAS).astype(int)
    return labels == labels[y, x]
