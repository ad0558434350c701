"""Cuts a person out of the near-uniform grey studio background: matte and clean foreground colour.

The background is a smooth colour surface B. Far from B is foreground for sure; in a band along the silhouette the
matte is the position of the pixel I between B and the neighbouring foreground F. Colours are then freed of background,
(I - (1 - alpha) B) / alpha, and fade to the extended F where alpha is small: without that fade heads get a white rim.
"""

from __future__ import annotations

import cv2
import numpy as np

from . import template
from .canvas import CANVAS
from .membrane import fill_membrane

FOREGROUND_DISTANCE = 26.0
HAIR_BAND, SKIN_BAND = 8, 2  # pixels inside the silhouette that may be transparent
SOLID_ALPHA, FADE_ALPHA = 0.85, 0.55
NEAR_BACKGROUND = 9


def cut_out(photo: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Foreground colour uint8 [512, 512, 3] and matte uint8 [512, 512] of a canvas photo uint8 [512, 512, 3] RGB."""
    image = photo.astype(np.float32)
    lab = cv2.cvtColor(image / 255, cv2.COLOR_RGB2LAB)
    background = _background_surface(image, lab)
    distance = np.linalg.norm(image - background, axis=-1)
    face = _polygon(landmarks, template.FACE_POLYGON)
    chin = landmarks[129, 1]
    rows = np.arange(CANVAS)[:, None]
    empty = _empty_pixels(distance, lab, face, landmarks)
    silhouette = ~empty
    depth = cv2.distanceTransform(silhouette.astype(np.uint8), cv2.DIST_L2, 5)
    skin = skin_probability(photo, landmarks) > 0.5
    band = np.where(skin | (rows > chin), SKIN_BAND, HAIR_BAND)
    sure = (depth > band) | face | _crown(landmarks, skin & silhouette)
    # Foreground colour is taken a little inside, where the lens has not mixed in background.
    core = cv2.erode(sure.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    foreground = fill_membrane(image, core & (distance > FOREGROUND_DISTANCE) | face)
    alpha = _matting(image, background, foreground)
    alpha[sure] = 1
    far = cv2.distanceTransform((~silhouette).astype(np.uint8), cv2.DIST_L2, 5) > 40
    alpha[far & empty] = 0
    alpha = _drop_specks(alpha, sure)
    a = alpha[..., None]
    clean = (image - (1 - a) * background) / np.maximum(a, 0.05)
    fade = np.clip((a - FADE_ALPHA) / (SOLID_ALPHA - FADE_ALPHA), 0, 1)
    colour = fade * np.clip(clean, 0, 255) + (1 - fade) * foreground
    return np.clip(np.round(colour), 0, 255).astype(np.uint8), np.round(alpha * 255).astype(np.uint8)


def skin_probability(photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """How much each pixel's colour is like the person's cheeks and forehead, float32 [512, 512] in [0, 1]."""
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    x, y = _skin_samples(landmarks).T
    samples = cv2.GaussianBlur(lab, (0, 0), 1.5)[y, x]
    mean = np.median(samples, 0)
    difference = cv2.GaussianBlur(lab, (0, 0), 1) - mean
    spread = np.cov((samples - mean).T) * 1.5 + np.diag([90.0, 9.0, 12.0])  # shading varies lightness
    squared = np.einsum("...i,ij,...j", difference, np.linalg.inv(spread), difference)
    probability = np.exp(-0.5 * np.maximum(squared - 3, 0) / 2)
    return cv2.GaussianBlur(cv2.medianBlur((probability * 255).astype(np.uint8), 7).astype(np.float32) / 255, (0, 0), 1.5)


def _skin_samples(landmarks: np.ndarray) -> np.ndarray:
    """Integer pixels on the cheeks, nose and lower forehead."""
    cheeks = landmarks[list(template.CHEEK_LEFT + template.CHEEK_RIGHT)]
    ring = np.array([(x, y) for x in (-6, -3, 0, 3, 6) for y in (-6, -3, 0, 3, 6)], float)
    brow = (landmarks[76] + landmarks[77]) / 2
    lift = landmarks[[51, 57]].mean(0) - landmarks[[53, 59]].mean(0)
    forehead = brow + np.linspace(0.2, 0.8, 4)[:, None] * lift
    points = np.concatenate([cheeks, landmarks[[52, 58, 53, 59]], forehead])
    return np.clip(np.round((points[:, None] + ring).reshape(-1, 2)), 0, CANVAS - 1).astype(int)


def _background_surface(image: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """Quadratic colour surface [512, 512, 3] through the bright grey pixels, refitted without outliers."""
    y, x = np.mgrid[-1 : 1 : CANVAS * 1j, -1 : 1 : CANVAS * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    use = (lab[..., 0] > 62) & (chroma < 9) & (y < 0.6)
    surface = image
    for tolerance in (30, 15, 9, 9):
        coefficients = np.linalg.lstsq(terms[use][::7], image[use][::7], rcond=None)[0]
        surface = (terms @ coefficients).astype(np.float32)
        use = (np.linalg.norm(image - surface, axis=-1) < tolerance) & (chroma < 9)
    return surface


def _empty_pixels(distance: np.ndarray, lab: np.ndarray, face: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Background for sure enough: reached from the top or the sides, or seen through loops of hair."""
    chin, brows = landmarks[129, 1], landmarks[[73, 74, 79, 80], 1].min()
    low = (distance < FOREGROUND_DISTANCE) & ~face
    count, labels, stats, _ = cv2.connectedComponentsWithStats(low.astype(np.uint8), connectivity=4)
    outside = np.zeros(count, bool)
    sides = labels[: int(chin)]
    outside[np.unique(np.concatenate([labels[0], sides[:, 0], sides[:, -1]]))] = True
    outside[0] = False
    reached = outside[labels]
    near = cv2.distanceTransform((~reached).astype(np.uint8), cv2.DIST_L2, 5) < NEAR_BACKGROUND
    # Background in the shade of hair, too far from the surface's colour but as grey as it.
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    shaded = (low | ((chroma < 9) & (lab[..., 0] > 61) & (distance < 90))) & ~face & ~reached
    count, labels, stats, centres = cv2.connectedComponentsWithStats(shaded.astype(np.uint8), connectivity=4)
    share = np.bincount(labels.ravel(), near.ravel(), count) / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    y = centres[:, 1]
    accept = (y < chin) & (stats[:, cv2.CC_STAT_AREA] >= 6) & np.where(y < brows, share > 0.6, True)
    accept[0] = False
    return reached | accept[labels]


def _crown(landmarks: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The skull's skin inside the hair outline: bald, shiny heads are as bright as the background."""
    points = landmarks[list(template.HAIRLINE + template.HAIR_OUTLINE[2:-2])]
    centre = points.mean(0)
    hull = cv2.convexHull(np.round(centre + (points - centre) * [0.84, 0.88]).astype(np.int32))
    mask = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(mask, [hull], 1)
    return mask > 0


def _matting(image: np.ndarray, background: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    span = foreground - background
    alpha = ((image - background) * span).sum(-1) / ((span * span).sum(-1) + 60)
    return np.clip((alpha - 0.08) / 0.80, 0, 1).astype(np.float32)


def _drop_specks(alpha: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Removes islands that are not connected to the person."""
    count, labels = cv2.connectedComponents((alpha > 0.04).astype(np.uint8), connectivity=8)
    keep = np.bincount(labels.ravel(), sure.ravel(), count) > 50
    keep[0] = False
    return np.where(keep[labels], alpha, 0)


def _polygon(landmarks: np.ndarray, contour: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(mask, [np.round(landmarks[list(contour)] * 16).astype(np.int32)], 1, shift=4)
    return mask > 0
