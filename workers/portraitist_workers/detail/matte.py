"""How much of each pixel is the person, at the photo's own resolution."""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.align import Frame, inside, resample
from ..faces.image_io import to_tensor
from ..faces.segment import load_people
from .fields import resized

MOST = 768  # px a side: larger faces have a soft outline anyway
_SEEN = 384  # px of what the segmenter is given
_AROUND = 3.0, 1.5  # of the frame's side: a look from afar and one from nearer
_RADIUS, _EPSILON = 0.02, 3e-5  # of the guided filter: share of the side, squared intensities in [0, 1]
_SURE = 0.04, 0.96  # less is nothing, more is everything


def matte_of(photo: np.ndarray, frame: Frame, face: np.ndarray) -> np.ndarray:
    """[M, M] float32 in [0, 1] of the photo's crop `face` [M, M, 3] uint8 at `frame`; what lies beyond the photo's edge is as its edge.

    A segmenter looks twice, from afar and from nearer. A guided filter lays its soft outline onto the picture's edges:
    He, Sun, Tang: Guided Image Filtering, TPAMI 2013.
    """
    side = len(face)
    looks = [_seen(photo, rows, columns, frame, side) for rows, columns in _windows(photo, frame)]
    soft = np.mean(looks, axis=0)
    fine = guided(face.astype(np.float32) / 255, soft, max(round(_RADIUS * side), 2), _EPSILON)
    fine = np.where(inside(photo.shape[:2], frame, side) > 0, fine, soft)
    return np.clip((fine - _SURE[0]) / (_SURE[1] - _SURE[0]), 0, 1).astype(np.float32)


def _windows(photo: np.ndarray, frame: Frame) -> list[tuple[slice, slice]]:
    found = []
    for around in _AROUND:
        reach, centres = around * frame.size / 2, (frame.centre_y, frame.centre_x)
        spans = [(int(max(c - reach, 0)), int(min(c + reach, n))) for c, n in zip(centres, photo.shape, strict=False)]
        found.append((slice(*spans[0]), slice(*spans[1])))
    return found


def _seen(photo: np.ndarray, rows: slice, columns: slice, frame: Frame, side: int) -> np.ndarray:
    """What the segmenter says of that part of the photo, laid into the frame [side, side]."""
    part = photo[rows, columns]
    share = _SEEN / max(part.shape[:2])
    size = max(round(part.shape[1] * share), 1), max(round(part.shape[0] * share), 1)
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    found = load_people()(to_tensor(small))[0].cpu().numpy()
    matrix = frame.to_photo(side)
    matrix = np.column_stack([matrix[:, :2], matrix[:, 2] - (columns.start, rows.start)])
    matrix = (np.array(size) / part.shape[1::-1])[:, None] * matrix
    return resample(found, matrix, (side, side)).clip(0, 1)


def guided(picture: np.ndarray, values: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """`values` [S, S] as a local linear function of the colours of `picture` [S, S, 3] in [0, 1].

    The functions are smooth, so they are found at a half of the size: He, Sun: Fast Guided Filter, arXiv 1505.00996."""
    side, size = -(-len(picture) // 2), picture.shape[1::-1]
    slope, offset = _linear(resized(picture, side), resized(values, side), max(round(radius / 2), 1), epsilon)
    slope, offset = (cv2.resize(x, size, interpolation=cv2.INTER_LINEAR) for x in (slope, offset))
    return (slope * picture).sum(-1) + offset


def _linear(picture: np.ndarray, values: np.ndarray, radius: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Slope [S, S, 3] and offset [S, S] of those functions, in the mean about each pixel."""

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.blur(x, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT_101)

    middle, average = mean(picture), mean(values)
    covariance = mean(picture * values[..., None]) - middle * average[..., None]
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    spread = {(i, j): mean(picture[..., i] * picture[..., j]) - middle[..., i] * middle[..., j] for i, j in pairs}
    a, b, c = (spread[0, i] + (epsilon if i == 0 else 0) for i in range(3))
    d, e, f = spread[1, 1] + epsilon, spread[1, 2], spread[2, 2] + epsilon
    # The inverse of a symmetric matrix of 3 x 3, by its cofactors.
    A, B, C = d * f - e * e, c * e - b * f, b * e - c * d
    D, E, F = a * f - c * c, b * c - a * e, a * d - b * b
    x, y, z = (covariance[..., i] for i in range(3))
    slope = np.stack([A * x + B * y + C * z, B * x + D * y + E * z, C * x + E * y + F * z], -1)
    slope /= (a * A + b * B + c * C)[..., None]
    offset = average - (slope * middle).sum(-1)
    return mean(slope), mean(offset)
