"""Head-frame position of every pixel of a photo: the fitted model where it is seen, smooth guesses elsewhere.

The model's face, skull and eyeballs are drawn into a z-buffer. Pixels that see the surface at a fair angle keep its
depth. Hair, the inside of the mouth and the sides of the head are a membrane between those and the background, which
is held at the plane of the ears.
"""

from __future__ import annotations

import cv2
import numba
import numpy as np

from . import template
from .canvas import CANVAS, GRID
from .ict import FaceModel, Fit
from .membrane import fill_membrane

VISIBLE_PARTS = ("face", "head_neck", "eye_l", "eye_r")
MIN_FACING = 0.33  # z of the unit normal: grazing surface is unreliable
EAR_PLANE = -1.0
BACKGROUND_MARGIN = 7  # grid pixels between the model and the background that is held at the ear plane
SMOOTH_FACE, SMOOTH_REST = 0.8, 3.5  # grid pixels


def grid_pixels() -> np.ndarray:
    """Canvas (x, y) of every grid point, float64 [256, 256, 2]."""
    axis = np.arange(GRID) * (CANVAS / GRID) + 0.5
    return np.stack(np.meshgrid(axis, axis), -1)


def position_map(model: FaceModel, fit: Fit, landmarks: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Head-frame positions float32 [256, 256, 3] at the photo's grid points, from its matte uint8 [512, 512]."""
    matte = cv2.resize(alpha, (GRID, GRID), interpolation=cv2.INTER_AREA) / 255.0
    z, facing = rasterise_depth(model, fit)
    seen = np.isfinite(z)
    known = seen & (facing > MIN_FACING) & (matte > 0.5)
    known &= ~_polygon(landmarks, template.MOUTH_HOLE)  # else the open mouth shows the back of the head
    filled = np.where(known, z, np.median(z[known])).astype(np.float32)
    known &= np.abs(filled - cv2.medianBlur(filled, 5)) < 1
    pixels = grid_pixels()
    far = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 5) > BACKGROUND_MARGIN
    background = (matte < 0.05) & far
    values = np.where(known, z, np.where(background, _plane_depth(fit, pixels), 0)).astype(np.float32)
    depth = fill_membrane(values, known | background)
    face = cv2.GaussianBlur(cv2.erode(known.astype(np.float32), np.ones((3, 3))), (0, 0), 1.5)
    depth = face * cv2.GaussianBlur(depth, (0, 0), SMOOTH_FACE) + (1 - face) * cv2.GaussianBlur(
        depth, (0, 0), SMOOTH_REST
    )
    return fit.unproject(pixels, depth).astype(np.float32)


def rasterise_depth(model: FaceModel, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Camera z [256, 256] of the front-most surface (-inf where there is none) and the z of its unit normal."""
    triangles = visible_triangles(model)
    vertices = model.face(fit)
    canvas, camera_z = fit.project(vertices)
    camera = vertices @ fit.rotation.T + fit.translation
    a, b, c = (camera[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    facing = normal[:, 2] / np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
    grid = (canvas - 0.5) * (GRID / CANVAS)
    index, weights = draw(grid, camera_z, triangles)
    hit = index >= 0
    corners = camera_z[triangles[np.maximum(index, 0)]]
    z = np.where(hit, (corners * weights).sum(-1), -np.inf)
    return z, np.where(hit, facing[np.maximum(index, 0)], 0)


def visible_triangles(model: FaceModel) -> np.ndarray:
    """The model's triangles [T, 3] of the parts that a camera in front may see."""
    parts = [model.part_names.index(name) for name in VISIBLE_PARTS]
    return model.triangles[np.isin(model.part, parts)[model.triangles].all(1)]


def draw(pixels: np.ndarray, z: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Z-buffer of triangles that turn counter-clockwise to the viewer, y down: index [256, 256], or -1, and weights."""
    return _draw(pixels.astype(np.float64), z.astype(np.float64), triangles, GRID)


@numba.njit(cache=True)
def _draw(pixels, z, triangles, size):
    index = np.full((size, size), -1, np.int64)
    weights = np.zeros((size, size, 3))
    buffer = np.full((size, size), -np.inf)
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        ax, ay, bx, by, cx, cy = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1], pixels[c, 0], pixels[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= -1e-9:
            continue
        for i in range(max(int(np.ceil(min(ay, by, cy))), 0), min(int(np.floor(max(ay, by, cy))), size - 1) + 1):
            for j in range(max(int(np.ceil(min(ax, bx, cx))), 0), min(int(np.floor(max(ax, bx, cx))), size - 1) + 1):
                wa = ((bx - j) * (cy - i) - (by - i) * (cx - j)) / area
                wb = ((cx - j) * (ay - i) - (cy - i) * (ax - j)) / area
                wc = 1 - wa - wb
                if wa < -1e-6 or wb < -1e-6 or wc < -1e-6:
                    continue
                depth = wa * z[a] + wb * z[b] + wc * z[c]
                if depth > buffer[i, j]:
                    buffer[i, j] = depth
                    index[i, j] = t
                    weights[i, j, 0], weights[i, j, 1], weights[i, j, 2] = wa, wb, wc
    return index, weights


def _plane_depth(fit: Fit, pixels: np.ndarray) -> np.ndarray:
    """Camera z at which the ray of each pixel meets the head-frame plane z = EAR_PLANE."""
    near, far = fit.unproject(pixels, np.zeros(pixels.shape[:2])), fit.unproject(pixels, np.ones(pixels.shape[:2]))
    slope = far[..., 2] - near[..., 2]  # a point along a ray is linear in camera z
    return (EAR_PLANE - near[..., 2]) / slope


def _polygon(landmarks: np.ndarray, contour: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros((GRID, GRID), np.uint8)
    points = (landmarks[list(contour)] - 0.5) * (GRID / CANVAS)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
    return mask > 0
