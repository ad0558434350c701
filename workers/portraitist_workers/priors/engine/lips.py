"""Finds the inner lips of a smiling mouth, which flow cannot follow because teeth appear.

The mouth between its outer contours is straightened into a strip of columns. Each pixel gets evidence for being inside
the mouth: unlike the person's own lip colour, and either tooth-like or dark. Dynamic programming then chooses the two
inner contours that enclose the most evidence and are smooth.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from . import template

COLUMNS, LEVELS = 41, 29
SMOOTHNESS = 1.5
SEAM_SLACK, SEAM_PENALTY = 0.08, 120.0  # as fractions of the mouth's height
OPEN_GAP = 2.0  # canvas pixels


def find_inner_lips(photos: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, bool]:
    """Smile landmarks [189, 2] with the inner lips set, and whether the mouth is open.

    `photos` uint8 [2, 512, 512, 3] and `landmarks` [2, 189, 2] are the neutral and the smiling ones; the smile's outer
    lips and corners must be right. A closed mouth keeps one seam, where the flow saw it.
    """
    lab = [cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for photo in photos]
    smile = landmarks[1].copy()
    upper = _curve(smile[list(template.LIP_UPPER_OUTER)])
    lower = _curve(smile[list(template.LIP_LOWER_OUTER)])
    height = np.linalg.norm(lower - upper, axis=1)
    v = np.linspace(0, 1, LEVELS)[:, None, None]
    strip = (upper * (1 - v) + lower * v).astype(np.float32)
    colours = cv2.remap(lab[1], strip[..., 0], strip[..., 1], cv2.INTER_LINEAR)
    evidence = _evidence(colours, *_lip_colour(lab, landmarks))
    evidence[[0, 1, 2, -3, -2, -1]] = -4  # lips have some thickness; their rims shine
    flow = _curve(smile[list(template.LIP_UPPER_INNER)]) * 0.5 + _curve(smile[list(template.LIP_LOWER_INNER)]) * 0.5
    axis = (lower - upper) / np.maximum(height, 1)[:, None]
    seam = np.clip(((flow - upper) * axis).sum(1) / np.maximum(height, 1), 0.15, 0.75)
    top, bottom = _best_contours(evidence, seam, height)
    gap = (bottom - top) / (LEVELS - 1) * height
    middle = np.arange(COLUMNS // 4, COLUMNS - COLUMNS // 4)
    is_open = bool(np.median(gap[middle]) > OPEN_GAP)
    inner_upper = list(template.LIP_UPPER_INNER[1:-1])
    inner_lower = list(template.LIP_LOWER_INNER[1:-1])
    if is_open:
        t = np.linspace(0, 1, 7)[1:-1] * (COLUMNS - 1)
        for points, level in ((inner_upper, top), (inner_lower, bottom)):
            fraction = cv2.GaussianBlur(level[None] / (LEVELS - 1), (0, 0), 1.2)[0]
            contour = upper + (lower - upper) * fraction[:, None]
            smile[points] = np.stack([np.interp(t, np.arange(COLUMNS), contour[:, k]) for k in (0, 1)], 1)
    else:
        smile[inner_upper] = smile[inner_lower] = (smile[inner_upper] + smile[inner_lower]) / 2
    return smile, is_open


def _curve(points: np.ndarray) -> np.ndarray:
    """Smooth curve through contour points, COLUMNS points evenly along it."""
    length = np.concatenate([[0], np.cumsum(np.maximum(np.linalg.norm(np.diff(points, axis=0), axis=1), 0.1))])
    return PchipInterpolator(length, points)(np.linspace(0, length[-1], COLUMNS))


def _lip_colour(lab: list[np.ndarray], landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median and covariance of the neutral lips in Lab, moved to the smiling photo's exposure."""
    mask: np.ndarray = np.zeros(lab[0].shape[:2], np.uint8)
    for contour in (template.UPPER_LIP_POLYGON, template.LOWER_LIP_POLYGON):
        cv2.fillPoly(mask, [np.round(landmarks[0][list(contour)]).astype(np.int32)], 1)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8))
    lips = lab[0][mask > 0]
    cheeks = [np.median(_at(lab[k], landmarks[k][list(template.CHEEK_LEFT + template.CHEEK_RIGHT)]), 0) for k in (0, 1)]
    return np.median(lips, 0) + cheeks[1] - cheeks[0], np.cov(lips.T) + np.diag([4.0, 2.0, 2.0])


def _at(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    blurred = cv2.GaussianBlur(image, (0, 0), 2)
    x, y = np.clip(np.round(points).astype(int), 0, image.shape[0] - 1).T
    return blurred[y, x]


def _evidence(colours: np.ndarray, median: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    difference = colours - median
    squared = np.einsum("...i,ij,...j", difference, np.linalg.inv(covariance), difference)
    tooth = (difference[..., 1] < -3) & (difference[..., 0] > 5)
    dark = difference[..., 0] < -2.5 * np.sqrt(covariance[0, 0])
    return np.where(tooth | dark, np.clip(squared - 7, -4, 12), -4)


def _best_contours(evidence: np.ndarray, seam: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels [COLUMNS] of the upper and lower inner contour with the best total score."""
    upper, lower = np.triu_indices(LEVELS)
    sums = np.concatenate([np.zeros((1, COLUMNS)), np.cumsum(evidence, 0)])
    score = sums[lower] - sums[upper]  # [states, COLUMNS]; evidence of levels upper .. lower - 1
    late = np.maximum(upper[:, None] / (LEVELS - 1) - seam - SEAM_SLACK, 0)
    score -= np.where(lower > upper, 1, 0)[:, None] * SEAM_PENALTY * late
    score -= np.where(lower == upper, 1, 0)[:, None] * 20 * np.abs(upper[:, None] / (LEVELS - 1) - seam)
    score *= (height / height.max())[None]
    closed = np.where(lower == upper, 0, -1e6)
    score[:, 0] += closed
    score[:, -1] += closed
    change = -SMOOTHNESS * ((upper[:, None] - upper) ** 2 + (lower[:, None] - lower) ** 2)
    total, back = score[:, 0], []
    for column in range(1, COLUMNS):
        candidates = total[None] + change
        back.append(candidates.argmax(1))
        total = candidates.max(1) + score[:, column]
    path = [int(total.argmax())]
    for pointers in back[::-1]:
        path.append(int(pointers[path[-1]]))
    path = path[::-1]
    return upper[path].astype(float), lower[path].astype(float)
