"""The common layout of the canvas and the warp from it into a photo's frame.

The layout is a symmetric mean face, then made deliberately unnatural: the mouth and the eyes are pulled open, so that
the mouth's interior and the eyes own enough texels. The warp is a thin-plate spline (Bookstein 1989) from layout to
photo, regularised per point: the hair outline and ears are marked loosely and must not fold the canvas.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from . import template
from .canvas import CANVAS, N_POINTS

NODES, STEP = 171, 3  # the spline is evaluated on every third pixel, then interpolated

FACE_REGULARISATION, LOOSE_REGULARISATION = 30.0, 3000.0
LOOSE = (
    set(template.HAIR_OUTLINE)
    | set(template.EAR_LEFT_OUTER)
    | set(template.EAR_RIGHT_OUTER)
    | set(template.EAR_LEFT_INNER)
    | set(template.EAR_RIGHT_INNER)
    | set(template.HAIRLINE)
    | set(template.NECK)
)
# Mouth and eye opening (pixels downwards), before symmetrising.
LOWER_LIP_SHIFT, CHIN_SHIFT, LID_SHIFT = 9.0, {177: 5.0, 176: 5.0, 178: 5.0, 174: 5.0, 175: 3.0}, 2.5


def mean_layout(neutral: np.ndarray, open_smiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Layout [189, 2] and mirror indices [189] from landmarks [P, 189, 2] and those of open-mouthed smiles.

    Both in canvas pixels. The mirror partners come from matching the mean face with its reflection.
    """
    mean = 0.45 * neutral.mean(0) + 0.55 * open_smiles.mean(0)
    reflected = _reflect(mean)
    cost = np.linalg.norm(mean[:, None] - reflected[None], axis=-1) ** 2
    mirror = linear_sum_assignment(cost)[1]
    layout = (mean + _reflect(mean)[mirror]) / 2
    layout[list(template.LIP_LOWER_INNER[1:-1] + template.LIP_LOWER_OUTER[1:-1]), 1] += LOWER_LIP_SHIFT
    for point, shift in CHIN_SHIFT.items():
        layout[point, 1] += shift
    for upper, lower in (
        (template.LID_LEFT_UPPER, template.LID_LEFT_LOWER),
        (template.LID_RIGHT_UPPER, template.LID_RIGHT_LOWER),
    ):
        layout[list(upper[1:-1]), 1] -= LID_SHIFT
        layout[list(lower[1:-1]), 1] += LID_SHIFT
    layout = (layout + _reflect(layout)[mirror]) / 2
    return layout.astype(np.float32), mirror.astype(np.int64)


def _reflect(points: np.ndarray) -> np.ndarray:
    return points * [-1, 1] + [CANVAS - 1, 0]


class LayoutWarp:
    """Thin-plate splines from one layout to any photo: a matrix made once, then one product per photo."""

    def __init__(self, layout: np.ndarray):
        """`layout` float [189, 2] in canvas pixels."""
        irises = set(template.IRIS_LEFT + template.IRIS_RIGHT)
        self.points = [i for i in range(N_POINTS) if i not in irises]
        edge = np.linspace(0, CANVAS - 1, 5)
        self.border = np.array([(x, y) for x in edge for y in edge if {x, y} & {edge[0], edge[-1]}])
        self.layout = np.asarray(layout, float)
        controls = np.concatenate([self.layout[self.points], self.border])
        weight = [LOOSE_REGULARISATION if i in LOOSE else FACE_REGULARISATION for i in self.points]
        weight += [LOOSE_REGULARISATION] * len(self.border)
        N = len(controls)
        system = np.zeros((N + 3, N + 3))
        system[:N, :N] = _kernel(controls, controls) + np.diag(weight)
        system[:N, N:], system[N:, :N] = _affine(controls), _affine(controls).T
        solve = np.linalg.inv(system)[:, :N]
        # Node k sits at pixel STEP * k + 1, as a threefold cv2.resize puts it.
        y, x = np.mgrid[:NODES, :NODES] * STEP + 1.0
        nodes = np.stack([x.ravel(), y.ravel()], 1)
        self.matrix = (np.hstack([_kernel(nodes, controls), _affine(nodes)]) @ solve).astype(np.float32)

    def __call__(self, landmarks: np.ndarray) -> np.ndarray:
        """Photo-canvas coordinates (x, y) of every layout pixel, float32 [512, 512, 2], from landmarks [189, 2]."""
        affine = np.linalg.lstsq(_affine(self.layout[self.points]), landmarks[self.points], rcond=None)[0]
        targets = np.concatenate([landmarks[self.points], _affine(self.border) @ affine])
        nodes = (self.matrix @ targets.astype(np.float32)).reshape(NODES, NODES, 2)
        full = cv2.resize(nodes, (NODES * STEP, NODES * STEP), interpolation=cv2.INTER_CUBIC)
        return np.ascontiguousarray(full[:CANVAS, :CANVAS])


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return 0.5 * squared * np.log(np.maximum(squared, 1e-12))


def _affine(points: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(points)), points])
