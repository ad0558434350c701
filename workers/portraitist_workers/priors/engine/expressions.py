"""The morphable model's expression offsets, as maps on the canvas.

The model is fitted to the layout itself. Because the layout is no natural face, a thin-plate spline then moves each
canvas pixel to the spot of the fitted model that bears the same landmarks. Holes (mouth, sides) are filled smoothly,
so the inside of the mouth moves between its lips.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from . import template
from .canvas import CANVAS, GRID
from .depth import draw, grid_pixels, visible_triangles
from .ict import FaceModel, fit_neutral
from .membrane import fill_membrane

FADE = 24  # grid pixels from the model's edge over which offsets fade to zero


def expression_maps(model: FaceModel, layout: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Offsets float16 [K, 256, 256, 3] in head-frame units on the grid of `layout` [189, 2], and their K names."""
    fit = fit_neutral(model, layout.astype(float), expression_bound=1.0)
    triangles = visible_triangles(model)
    canvas, camera_z = fit.project(model.face(fit))
    index, weights = draw((canvas - 0.5) * (GRID / CANVAS), camera_z, triangles)
    hit = index >= 0
    corners = triangles[np.maximum(index, 0)]
    lookup = _layout_to_model(model, fit, layout)
    seen = cv2.remap(hit.astype(np.float32), lookup, None, cv2.INTER_LINEAR) > 0.99
    for contour in (template.MOUTH_HOLE, template.EYE_LEFT_HOLE, template.EYE_RIGHT_HOLE):
        # One pixel wider than the hole, because the lips' rims belong to neither side.
        hole = np.zeros((GRID, GRID), np.uint8)
        cv2.fillPoly(hole, [np.round((layout[list(contour)] - 0.5) * GRID / CANVAS * 16).astype(np.int32)], 1, shift=4)
        seen &= cv2.erode(hole, np.ones((3, 3), np.uint8)) == 0 if contour == template.MOUTH_HOLE else hole == 0
    seen &= _component_of_face(seen, layout)
    outside = cv2.distanceTransform((~seen).astype(np.uint8), cv2.DIST_L2, 5)
    border = outside > FADE
    maps, names = [], []
    for k in model.fitted:
        offsets = (model.expression[k][corners] * weights[..., None]).sum(-2).astype(np.float32)
        offsets = cv2.remap(fill_membrane(offsets, hit), lookup, None, cv2.INTER_LINEAR)
        offsets[~seen] = 0
        filled = fill_membrane(offsets, seen | border)
        maps.append(cv2.GaussianBlur(filled, (0, 0), 0.7).astype(np.float16))
        names.append(model.names[k])
    return np.stack(maps), names


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
