"""Photos on the canvas, and landmarks for the smiling photos, which have none.

The neutral photo's template gives the frame. The smiling photo is shifted to match it about the nose. Dense optical
flow (DIS: Kroeger et al. 2016) carries the points over. Points whose flow does not return to where it began are
repaired from what the other people's smiles look like (low-rank completion: Mazumder et al. 2010, soft-impute).
Inner lips cannot come from flow, because teeth appear: see `lips.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import template
from .canvas import CANVAS

RANK, SHRINK, ROUNDS = 10, 8.0, 30
PATCHES, LOST = (12, 24), 5.0  # larger patches follow a wide smile that the small ones lose; mean mouth error in pixels
TRUST = 2.0  # forward-backward error in pixels at which a point is hardly trusted


@dataclass
class Pair:
    """Both photos of a person on the canvas. `photos` uint8 [2, 512, 512, 3] RGB; landmarks float [2, 189, 2]."""

    photos: np.ndarray
    landmarks: np.ndarray
    error: np.ndarray  # forward-backward error of the smile's points, pixels [189]


def load_pair(data: str | Path, id: str) -> Pair:
    """Both photos of person `id` in the neutral photo's frame, with the flow's landmarks for the smile."""
    london = Path(data) / "london"
    points = template.read_template(london / "neutral" / f"{id}.tem")
    frame = template.frame_from_points(points)
    neutral, smiling = (_read(london / kind / f"{id}.jpg") for kind in ("neutral", "smiling"))
    shift = _match_shift(neutral, smiling, points)
    smile_frame = frame.copy()
    smile_frame[:, 2] -= frame[:, :2] @ shift
    photos = np.stack([_warp(neutral, frame), _warp(smiling, smile_frame)])
    landmarks = template.transform(frame, points)
    moved, error = _follow(photos[0], photos[1], landmarks)
    return Pair(photos, np.stack([landmarks, moved]), error)


def repair_smiles(displacements: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Displacements [P, 189, 2] with untrusted points (errors [P, 189], pixels) replaced by a low-rank estimate."""
    P, N, _ = displacements.shape
    weight = np.repeat(np.exp(-((errors / TRUST) ** 2))[..., None], 2, -1).reshape(P, -1)
    observed = displacements.reshape(P, -1)
    mean = (weight * observed).sum(0) / np.maximum(weight.sum(0), 1e-3)
    estimate = np.zeros_like(observed)
    for _ in range(ROUNDS):
        u, s, v = np.linalg.svd(weight * (observed - mean) + (1 - weight) * estimate, full_matrices=False)
        s = np.maximum(s - SHRINK, 0)
        s[RANK:] = 0
        estimate = (u * s) @ v
    return (weight * observed + (1 - weight) * (estimate + mean)).reshape(P, N, 2)


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(f"cannot read the photo {path}: is the London set complete there?")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _warp(photo: np.ndarray, frame: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.linalg.det(frame[:, :2]))
    sigma = 0.5 * np.sqrt(max(1 / scale**2 - 1, 1e-4))  # the low-pass that shrinking by `scale` needs
    blurred = cv2.GaussianBlur(photo, (0, 0), sigma)
    return cv2.warpAffine(blurred, frame, (CANVAS, CANVAS), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _match_shift(neutral: np.ndarray, smiling: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Shift (x, y) in photo pixels from the neutral to the smiling photo of the patch from brows to nose."""
    grey = [
        cv2.cvtColor(cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for image in (neutral, smiling)
    ]
    patch = points[[71, 76, 77, 82, 54, 60, 63, 68]] / 4
    (x0, y0), (x1, y1) = np.floor(patch.min(0)).astype(int), np.ceil(patch.max(0)).astype(int)
    margin = 40
    top, left = max(y0 - margin, 0), max(x0 - margin, 0)
    window = grey[1][top : y1 + margin, left : x1 + margin]
    score = cv2.matchTemplate(window, grey[0][y0:y1, x0:x1], cv2.TM_CCOEFF_NORMED)
    _, _, _, (x, y) = cv2.minMaxLoc(score)
    return 4.0 * np.array([x + left - x0, y + top - y0])


def _follow(neutral: np.ndarray, smiling: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points carried from the neutral to the smiling canvas, and their forward-backward error in pixels."""
    clahe = cv2.createCLAHE(2.0, (4, 4))
    a, b = (clahe.apply(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)) for image in (neutral, smiling))
    for patch in PATCHES:
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flow.setFinestScale(1)
        flow.setPatchSize(patch)
        flow.setPatchStride(4)
        flow.setVariationalRefinementIterations(10)
        flow.setVariationalRefinementAlpha(40.0)
        forward, backward = (
            cv2.GaussianBlur(flow.calc(*pair, None), (0, 0), 2)  # type: ignore[call-overload]  # cv2's stubs want a first guess
            for pair in ((a, b), (b, a))
        )
        moved = points + _sample(forward, points)
        error = np.linalg.norm(moved + _sample(backward, moved) - points, axis=1)
        if error[list(template.MOUTH_POLYGON)].mean() < LOST:
            break
    return moved, error


def _sample(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = points.astype(np.float32).T
    return cv2.remap(field, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0].astype(float)
