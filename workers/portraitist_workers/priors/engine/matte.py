"""Cuts a person out of the near-uniform grey studio background: matte and clean foreground colour.

The background is a smooth colour surface B. Far from B is foreground for sure; in a band along the silhouette the
matte is the position of the pixel I between B and the neighbouring foreground F. Colours are then freed of background,
(I - (1 - alpha) B) / alpha, and fade to the extended F where alpha is small: without that fade heads get a white rim.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import make_interp_spline

from . import template
from .canvas import CANVAS
from .membrane import fill_membrane

FOREGROUND_DISTANCE = 26.0
BACKGROUND_DISTANCE = 18.0, 12.0  # mean of an enclosed patch of plain background, beside the face and elsewhere
# Brightness and two colour differences, an orthonormal change of RGB except that colour counts CHROMA_GAIN times:
# the studio is grey, so blond highlights differ from it in colour more than in brightness. Mixing stays linear.
CHROMA_GAIN = 2.2
OPPONENT = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], np.float32) / np.sqrt([[3], [2], [6]]).astype(np.float32)
OPPONENT[1:] *= CHROMA_GAIN
HAIR_BAND, SKIN_BAND = 8, 2  # pixels inside the silhouette that may be transparent
SOLID_ALPHA, FADE_ALPHA = 0.85, 0.55
NEAR_BACKGROUND, NEAR_VEIL = 9, 25
SHINY = 0.1  # share of a bald crown that looks like background; hair reaches 0.03


def cut_out(photo: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Foreground colour uint8 [512, 512, 3] and matte uint8 [512, 512] of a canvas photo uint8 [512, 512, 3] RGB."""
    image = photo.astype(np.float32)
    lab = cv2.cvtColor(image / 255, cv2.COLOR_RGB2LAB)
    background = _background_surface(image, lab)
    distance = np.linalg.norm((image - background) @ OPPONENT.T, axis=-1)
    # The template's face line may run a little outside the cheek.
    face = cv2.erode(_polygon(landmarks, template.FACE_POLYGON).astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
    chin = landmarks[129, 1]
    rows = np.arange(CANVAS)[:, None]
    skin = skin_probability(photo, landmarks) > 0.5
    empty, veil = _empty_pixels(distance, lab, face, landmarks)
    bites = _bites(~empty, landmarks)
    silhouette = ~empty | face
    depth = cv2.distanceTransform(silhouette.astype(np.uint8), cv2.DIST_L2, 5)
    # Below the chin, what is as bright as the wall is shirt; its edge is sharp.
    bright = cv2.blur((image - background).mean(-1), (9, 9)) > -25
    band = np.where(skin | ((rows > chin) & bright), SKIN_BAND, HAIR_BAND)
    sure = ((depth > band) & ~(veil & ~skin)) | face | _crown(landmarks, empty)
    # Foreground colour is taken a little inside, and only from pixels that are nearly as far from the background as
    # any nearby: paler ones between strands are mixed with it.
    core = cv2.erode(sure.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    pure = distance > np.maximum(FOREGROUND_DISTANCE, 0.65 * cv2.dilate(distance * core, np.ones((17, 17), np.uint8)))
    foreground = fill_membrane(image, core & pure | face)
    alpha = _matting(image, background, foreground)
    # A faint veil outside counts only where foreground and background differ clearly: shirts are as bright as the wall.
    contrast = np.linalg.norm((foreground - background) @ OPPONENT.T, axis=-1)
    alpha = np.where(empty, alpha * np.clip((contrast - 60) / 60, 0, 1), alpha)
    # Bites out of fair hair cannot be told from the wall by colour: fill them as far as the contrast is low.
    alpha = np.maximum(alpha, bites * np.clip((170 - contrast) / 50, 0, 1))
    alpha[sure] = 1
    far = cv2.distanceTransform((~silhouette).astype(np.uint8), cv2.DIST_L2, 5) > 40
    alpha[far & empty] = 0
    alpha = _drop_specks(alpha, sure)
    a = alpha[..., None]
    clean = (image - (1 - a) * background) / np.maximum(a, 0.05)
    fade = np.clip((a - FADE_ALPHA) / (SOLID_ALPHA - FADE_ALPHA), 0, 1) * ~(bites & ~sure)[..., None]
    colour = fade * np.clip(clean, 0, 255) + (1 - fade) * foreground
    return np.clip(np.round(colour), 0, 255).astype(np.uint8), np.round(alpha * 255).astype(np.uint8)


def skin_probability(photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """How much each pixel's colour is like the person's cheeks and forehead, float32 [512, 512] in [0, 1]."""
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    x, y = _skin_samples(landmarks).T
    samples = cv2.GaussianBlur(lab, (0, 0), 1.5)[y, x]
    mean = np.median(samples, 0)
    difference = cv2.GaussianBlur(lab, (0, 0), 1) - mean
    spread = np.cov((samples - mean).T) + np.diag([60.0, 6.0, 8.0])  # shading varies lightness
    squared = np.einsum("...i,ij,...j", difference, np.linalg.inv(spread), difference)
    probability = np.exp(-0.5 * np.maximum(squared - 3, 0) / 2)
    # Greyer than half the skin's colour is shirt, wall or hair.
    chroma = cv2.GaussianBlur(np.hypot(lab[..., 1], lab[..., 2]), (0, 0), 1)
    probability *= np.clip((chroma / np.hypot(mean[1], mean[2]) - 0.4) / 0.2, 0, 1)
    return cv2.GaussianBlur(
        cv2.medianBlur((probability * 255).astype(np.uint8), 7).astype(np.float32) / 255, (0, 0), 1.5
    )


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


def _empty_pixels(
    distance: np.ndarray, lab: np.ndarray, face: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Background for sure enough (reached from the top or the sides, or seen through loops of hair), and veils: loose
    hair beside the face through which background shows."""
    chin, brows = landmarks[129, 1], landmarks[[73, 74, 79, 80], 1].min()
    rows = np.arange(CANVAS)[:, None]
    low = (distance < FOREGROUND_DISTANCE) & ~face
    labels = cv2.connectedComponents(low.astype(np.uint8), connectivity=4)[1]
    sides = labels[: int(chin)]
    outside = np.unique(np.concatenate([labels[0], sides[:, 0], sides[:, -1]]))
    reached = np.isin(labels, outside[outside > 0])
    # Patches of the plain background enclosed by hair, neck and shirt. Above the brows only close to the outline:
    # else highlights of the hair become holes.
    near = cv2.distanceTransform((~reached).astype(np.uint8), cv2.DIST_L2, 5) < NEAR_BACKGROUND
    plain = low & ~reached & (rows < chin + 50)  # below are shirts
    labels, area, y, share, typical = _patches(plain, near, distance)
    beside, elsewhere = BACKGROUND_DISTANCE
    patch = (area >= 6) & np.where(
        y < brows,
        (share > 0.6) & (typical < beside) | (area > 150) & (typical < elsewhere),
        (y < chin) & ((typical < beside) | (share > 0.3)) | (typical < elsewhere),
    )
    # Background in the shade of hair: too dark for the surface's colour, but as grey as it.
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    shaded = (chroma < 9) & (lab[..., 0] > 61) & (distance < 90) & (rows < chin) & ~reached & ~patch[labels]
    for solid in (template.FACE_POLYGON, template.EAR_LEFT_OUTER, template.EAR_RIGHT_OUTER):
        shaded &= ~_polygon(landmarks, solid)
    empty = reached | patch[labels]
    labels, area, y, share, _ = _patches(shaded, near | patch[labels], distance)
    around = cv2.distanceTransform((~empty).astype(np.uint8), cv2.DIST_L2, 5) < NEAR_VEIL
    loose = np.bincount(labels.ravel(), around.ravel(), len(area)) / np.maximum(area, 1)
    patch = (area >= 6) & np.where(y < brows, share > 0.6, share > 0.3)
    veil = (area >= 20) & (y > brows) & (loose > 0.4)
    # Strands at a veil's edge are mixed with it.
    veil = cv2.dilate(veil[labels].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return empty | patch[labels], veil


def _patches(mask: np.ndarray, near: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, ...]:
    """Connected patches of a mask: label image, and per label area, height, share of `near` and mean distance."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA].astype(float)
    share, mean = (np.bincount(labels.ravel(), weight.ravel(), count) / area for weight in (near, distance))
    area[0] = 0  # label 0 is everything else
    return labels, area, centres[:, 1], share, mean


def _bites(silhouette: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Narrow bites out of the hair above the brows, where highlights were taken for background."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (19, 19))
    closed = cv2.morphologyEx(silhouette.astype(np.uint8), cv2.MORPH_CLOSE, disc) > 0
    above = np.arange(CANVAS)[:, None] < landmarks[[73, 74, 79, 80], 1].min()
    return closed & above & ~silhouette


def _crown(landmarks: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """The skull inside the hair outline, above the forehead: bald, shiny heads are as bright as the background.

    Where much of it was taken for background nothing but the outline's landmarks tells where the head ends.
    """
    points = landmarks[list(range(136, 143)) + list(range(149, 154))]
    centre = points.mean(0)
    mask = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(mask, [cv2.convexHull(np.round(centre + (points - centre) * [0.84, 0.88]).astype(np.int32))], 1)
    if (empty & (mask > 0)).sum() > SHINY * mask.sum():
        arch = make_interp_spline(np.arange(7), landmarks[148:155])(np.linspace(0.9, 5.1, 60))
        cv2.fillPoly(mask, [np.round(centre + (arch - centre) * [0.965, 0.98]).astype(np.int32)], 1)
    return mask > 0


def _matting(image: np.ndarray, background: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    span = (foreground - background) @ OPPONENT.T
    alpha = (((image - background) @ OPPONENT.T) * span).sum(-1) / ((span * span).sum(-1) + 60)
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
