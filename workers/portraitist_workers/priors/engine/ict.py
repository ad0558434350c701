"""Fits the ICT-FaceKit morphable model to template landmarks, through a perspective camera.

ICT-FaceKit: USC Institute for Creative Technologies, MIT licence. A face is V0 + sum a_i identity_i + sum b_k
expression_k, with a_i roughly N(0, 1) and b_k in [0, 1]. Head frame: x to the image's right, y up, z to the camera.

The camera looks along -z from DISTANCE above the head's origin: with X = R (head point) + t,
    u = cx + s D X.x / (D - X.z),    v = cy - s D X.y / (D - X.z),
where s is canvas pixels per unit at the head's origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from . import template
from .canvas import CANVAS

DISTANCE = 130.0
IDENTITIES = 50
ITERATIONS, STEP = 8, 1e-5
CENTRE = (CANVAS - 1) / 2
EYE_SPAN, EYE_DEPTH = 8.92, 8.6  # mean outer canthi of the model: distance and z

# Multi-PIE landmark of the model -> template points with weights, and the trust in the pair. The inner brows (20..23)
# are left out: the model's indices there sit elsewhere.
_PAIRS: list[tuple[int, dict[int, float], float]] = [
    (36, {18: 1}, 1),
    (39, {22: 1}, 1),
    (42, {23: 1}, 1),
    (45, {27: 1}, 1),
    (37, {19: 0.67, 20: 0.33}, 1),
    (38, {20: 0.33, 21: 0.67}, 1),
    (40, {29: 0.33, 30: 0.67}, 1),
    (41, {28: 0.67, 29: 0.33}, 1),
    (43, {24: 0.67, 25: 0.33}, 1),
    (44, {25: 0.33, 26: 0.67}, 1),
    (46, {32: 0.33, 33: 0.67}, 1),
    (47, {31: 0.67, 32: 0.33}, 1),
    (17, {71: 1}, 0.35),
    (18, {72: 0.5, 83: 0.5}, 0.35),
    (19, {73: 0.25, 74: 0.25, 83: 0.25, 84: 0.25}, 0.35),
    (24, {79: 0.25, 80: 0.25, 85: 0.25, 86: 0.25}, 0.35),
    (25, {81: 0.5, 86: 0.5}, 0.35),
    (26, {82: 1}, 0.35),
    (27, {51: 0.5, 57: 0.5}, 0.5),
    (28, {52: 0.5, 58: 0.5}, 0.5),
    (29, {53: 0.5, 59: 0.5}, 0.5),
    (30, {54: 0.5, 60: 0.5}, 0.8),
    (33, {55: 1}, 1),
    (31, {64: 1}, 0.6),
    (35, {69: 1}, 0.6),
    (48, {87: 1}, 1.5),
    (54, {93: 1}, 1.5),
    (51, {90: 1}, 1.5),
    (57, {106: 1}, 1.5),
    (49, {88: 1}, 0.7),
    (50, {89: 1}, 0.7),
    (52, {91: 1}, 0.7),
    (53, {92: 1}, 0.7),
    (55, {108: 1}, 0.7),
    (56, {107: 1}, 0.7),
    (58, {105: 1}, 0.7),
    (59, {104: 1}, 0.7),
    (61, {95: 1}, 0.8),
    (62, {96: 1}, 0.8),
    (63, {97: 1}, 0.8),
    (65, {102: 1}, 0.8),
    (66, {101: 1}, 0.8),
    (67, {100: 1}, 0.8),
]
_WEIGHTS = np.zeros((len(_PAIRS), 189))
for _row, (_landmark, _points, _trust) in enumerate(_PAIRS):
    for _point, _weight in _points.items():
        _WEIGHTS[_row, _point] = _weight
_TRUST = np.array([trust for _, _, trust in _PAIRS])


@dataclass
class Fit:
    """Pose, scale and coefficients of one photo. `error` is the median landmark distance in canvas pixels."""

    rotation: np.ndarray  # [3, 3] head -> camera
    translation: np.ndarray  # [3]
    scale: float  # canvas pixels per unit at the head's origin
    identity: np.ndarray  # [50]
    expression: np.ndarray  # coefficients of `FaceModel.fitted`
    error: float = np.nan

    def project(self, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canvas (x, y) [..., 2] and camera z [...] of head-frame points [..., 3]."""
        camera = head @ self.rotation.T + self.translation
        factor = self.scale * DISTANCE / (DISTANCE - camera[..., 2])
        return np.stack([CENTRE + factor * camera[..., 0], CENTRE - factor * camera[..., 1]], -1), camera[..., 2]

    def unproject(self, pixels: np.ndarray, camera_z: np.ndarray) -> np.ndarray:
        """Head-frame points [..., 3] seen at canvas `pixels` [..., 2] at depth `camera_z` [...]."""
        factor = (DISTANCE - camera_z) / (self.scale * DISTANCE)
        camera = np.stack([(pixels[..., 0] - CENTRE) * factor, (CENTRE - pixels[..., 1]) * factor, camera_z], -1)
        return (camera - self.translation) @ self.rotation

    def pixels_per_unit(self, head_z: float) -> float:
        """Canvas pixels per unit for something at head-frame depth `head_z`."""
        return self.scale * DISTANCE / (DISTANCE - head_z)


class FaceModel:
    """The model's arrays: `vertices` [V, 3], `identity` [50, V, 3], `expression` [57, V, 3], `triangles` [T, 3]."""

    def __init__(self, path: str | Path):
        with np.load(path, allow_pickle=False) as file:
            self.vertices = file["V0"].astype(np.float32)
            self.identity = file["id"][:IDENTITIES].astype(np.float32)
            self.expression = file["expr"].astype(np.float32)
            self.names = [str(name) for name in file["expr_names"]]
            self.triangles = file["tris"].astype(np.int64)
            self.part = file["part"]
            self.part_names = [str(name) for name in file["part_names"]]
            lmk68, jaw = file["lmk68"], file["jaw"]
        # Gaze and pupils move no landmark.
        self.fitted = [k for k, name in enumerate(self.names) if not name.startswith(("eyeLook", "Pupil"))]
        self.lips = lmk68[48:60]  # their outer edge
        self.landmark_vertices = lmk68[[pair[0] for pair in _PAIRS]]
        self.jaw_vertices = np.concatenate([jaw[:8], lmk68[8:9], jaw[8:]])
        self.subset = np.concatenate([self.landmark_vertices, self.jaw_vertices])

    def face(self, fit: Fit, vertices: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Head-frame vertices [V, 3] of a fit (or only some `vertices`)."""
        return (
            self.vertices[vertices]
            + np.tensordot(fit.identity.astype(np.float32), self.identity[:, vertices], 1)
            + np.tensordot(fit.expression.astype(np.float32), self.expression[self.fitted][:, vertices], 1)
        )

    def template_landmarks(self, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
        """The model's landmarks on the canvas [L, 2] and the weights [L, 189] that make the same from template points."""
        return fit.project(self.face(fit, self.landmark_vertices))[0], _WEIGHTS


def fit_neutral(model: FaceModel, landmarks: np.ndarray, expression_bound: float = 0.15) -> Fit:
    """Fits pose, identity and a little expression to canvas landmarks [189, 2]."""
    return _fit(model, landmarks, None, -expression_bound, expression_bound)


def fit_smile(model: FaceModel, landmarks: np.ndarray, neutral: Fit) -> Fit:
    """Fits pose and expression to canvas landmarks [189, 2] of the person of the fit `neutral`, whose identity stays."""
    return _fit(model, landmarks, neutral, 0.0, 1.0)


def _fit(model: FaceModel, landmarks: np.ndarray, known: Fit | None, low: float, high: float) -> Fit:
    L = len(_PAIRS)
    identities = 0 if known is not None else IDENTITIES
    base = model.vertices[model.subset].astype(float)
    if known is not None:
        base = base + np.tensordot(known.identity, model.identity[:, model.subset].astype(float), 1)
    blend = model.expression[model.fitted][:, model.subset].astype(float)
    if identities:
        blend = np.concatenate([model.identity[:, model.subset].astype(float), blend])
    targets = _WEIGHTS @ landmarks
    jaw_points, jaw_normals = _jaw_with_normals(landmarks)
    span = np.linalg.norm(landmarks[27] - landmarks[18])
    scale0 = known.scale if known else span / EYE_SPAN * (DISTANCE - EYE_DEPTH) / DISTANCE
    start = np.zeros(6 + len(blend))
    start[3:5] = _translation_guess(landmarks, scale0)
    start[6 + identities :] = np.clip(0, low, high)

    identity = None if known is None else known.identity

    def unpack(p):
        coefficients = p[6:]
        fit = Fit(
            Rotation.from_rotvec(p[:3]).as_matrix(),
            np.array([p[3], p[4], 0.0]),
            scale0 * np.exp(p[5]),
            coefficients[:identities] if identity is None else identity,
            coefficients[identities:],
        )
        return fit, fit.project(base + np.tensordot(coefficients, blend, 1))[0]

    # With a known face the camera is known too: its scale barely changes.
    scale_sigma = 0.03 if known is None else 0.01
    lower, upper = np.full(len(start), -9.0), np.full(len(start), 9.0)
    lower[6 + identities :], upper[6 + identities :] = low, high

    def residuals(p, nearest):
        pixels = unpack(p)[1]
        landmark = (pixels[:L] - targets) * (_TRUST[:, None] / 1.5)
        jaw = ((_densify(pixels[L:])[nearest] - jaw_points) * jaw_normals).sum(-1) / 2.5
        identity, expression = p[6 : 6 + identities], p[6 + identities :]
        return np.concatenate([landmark.ravel(), jaw, identity, 3 * expression, [p[5] / scale_sigma]])

    p = start
    for _ in range(ITERATIONS):
        # The nearest jaw points are held during each step.
        curve = _densify(unpack(p)[1][L:])
        nearest = np.argmin(np.linalg.norm(curve[None] - jaw_points[:, None], axis=-1), axis=1)
        # Gauss-Newton whose linear problem respects the bounds. General bounded solvers crawl here, because nearly all
        # expressions end on their lower bound.
        value = residuals(p, nearest)
        columns = [(residuals(p + STEP * unit, nearest) - value) / STEP for unit in np.eye(len(p))]
        p = p + lsq_linear(np.stack(columns, 1), -value, (lower - p, upper - p), method="bvls", max_iter=60).x
    fit, pixels = unpack(p)
    fit.error = float(np.median(np.linalg.norm(pixels[:L] - targets, axis=-1)))
    return fit


def _translation_guess(landmarks: np.ndarray, scale: float | np.floating) -> np.ndarray:
    eyes = landmarks[list(template.PUPILS)].mean(0)
    factor = (DISTANCE - EYE_DEPTH) / (scale * DISTANCE)
    return np.array([(eyes[0] - CENTRE) * factor, (CENTRE - eyes[1]) * factor - 3.6])  # eyes are at y = 3.6


def _jaw_with_normals(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = landmarks[list(template.JAW)]
    tangent = np.gradient(points, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1)
    return points, normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _densify(curve: np.ndarray, steps: int = 8) -> np.ndarray:
    t = np.arange(steps) / steps
    between = curve[:-1, None] * (1 - t)[:, None] + curve[1:, None] * t[:, None]
    return between.reshape(-1, curve.shape[1])
