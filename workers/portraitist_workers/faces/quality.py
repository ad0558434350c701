"""Sharpness, exposure and near-duplication of aligned crops, each as one figure with a unit.

All are taken on the crop at the prior's resolution: what the generator would have to learn from. Crops are uint8
[S, S, 3]; lengths are given in pixels of a 128 px crop, whatever S is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_REFERENCE = 128
_REBLUR = 1.0  # sigma in px of a 128 px crop
_EDGES = 0.12  # share of the face's pixels, by gradient, that count as edges
_FLAT = 0.3  # share that counts as flat skin
_SIGNATURE = 64  # px
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Exposure:
    """Of the face: mean luma (0-255), contrast (5th to 95th percentile of luma), share of blown and of black pixels."""

    brightness: float
    contrast: float
    clipped: float


def blur_sigma(crop: np.ndarray) -> float:
    """Estimated Gaussian blur of the face's edges, sigma in px of a 128 px crop; 3 and more are all "3".

    At an edge blurred by s, blurring again by r weakens the gradient by R = sqrt(s^2 + r^2) / s. So s = r / sqrt(R^2 - 1)
    (Zhuo & Sim: Defocus map estimation from a single image, Pattern Recognition 2011, eq. 4-6).
    Horizontal and vertical gradients are judged apart and the worse counts, since motion blurs one of them.
    """
    S = len(crop)
    unit = S / _REFERENCE
    luma = crop.astype(np.float32) @ _LUMA
    again = cv2.GaussianBlur(luma, (0, 0), _REBLUR * unit)
    face = face_mask(S)
    sigmas = []
    for axis in (0, 1):
        before, after = (np.square(np.gradient(x, axis=axis)[face]) for x in (luma, again))
        edges, flat = after >= np.quantile(after, 1 - _EDGES), after <= np.quantile(after, _FLAT)
        sharp = (
            before[edges].mean() - before[flat].mean()
        )  # grain is everywhere: what flat skin shows of it is taken off
        soft = after[edges].mean() - after[flat].mean()
        sigmas.append(_REBLUR / np.sqrt(max(sharp / max(soft, 1e-3) - 1, (_REBLUR / 3) ** 2)))
    return float(max(sigmas))


def exposure(crop: np.ndarray) -> Exposure:
    """How the face is lit. Judged on the face alone: a dark background is no fault."""
    face = crop[face_mask(len(crop))].astype(np.float32)
    luma = face @ _LUMA
    low, high = np.quantile(luma, (0.05, 0.95))
    clipped = np.mean(
        (np.median(face, axis=1) >= 250) | (face.max(1) <= 8)
    )  # two of three channels full, or none has anything
    return Exposure(float(luma.mean()), float(high - low), float(clipped))


def signature(crop: np.ndarray) -> np.ndarray:
    """[4096] float32 unit vector: what copies share whatever their brightness, size and compression."""
    small = cv2.resize(crop, (_SIGNATURE, _SIGNATURE), interpolation=cv2.INTER_AREA).astype(np.float32) @ _LUMA
    fine = small - cv2.GaussianBlur(small, (0, 0), 3)  # light and large shapes, which all portraits share, drop out
    vector = fine.ravel() - fine.mean()
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two signatures, of the photos as they are or of one mirrored: the greater one."""
    mirrored = b.reshape(_SIGNATURE, _SIGNATURE)[:, ::-1].ravel()
    return float(max(a @ b, a @ mirrored))


def face_mask(side: int) -> np.ndarray:
    """[side, side] bool: the ellipse that holds brows, eyes, nose and mouth in the FFHQ frame."""
    t = (np.arange(side) + 0.5) / side
    return ((t[None] - 0.5) / 0.26) ** 2 + ((t[:, None] - 0.57) / 0.33) ** 2 < 1
