"""A cartoon: large eyes, a small nose, flat tones with one shadow, outlines."""

from __future__ import annotations

import cv2
import numpy as np

from .face import BROWS, CHIN, EYES, IRISES, LIPS, MOUTH, NOSE, Face, disc, edges, filled, grown, line, painted, smooth

EYE = (1.55, 2.0)  # times as wide and as high
INK = 0.28  # of a colour: its outline


def draw(face: Face) -> np.ndarray:
    """[S, S, 3] in 0..1."""
    skin_colour = lively(face.colour(face.skin, (0.8, 0.6, 0.5)), 1.35)
    image = smooth(face.image, 14.0)
    image = painted(image, np.ones(image.shape[:2]), 0.55 + 0.75 * (image - 0.5) + 0.08)
    for area, colour, depth in (
        (face.shares["clothes"], lively(face.colour(face.shares["clothes"]), 1.3), 0.82),
        (face.shares["neck"], skin_colour * 0.88, 0.85),
        (face.skin, skin_colour, 0.82),
        (face.shares["hair"], lively(face.colour(face.shares["hair"], (0.2, 0.15, 0.1)), 1.5), 0.7),
    ):
        image = painted(image, area, toned(face, area, colour, depth))
    ink = skin_colour * INK
    image = painted(image, 0.9 * edges(face.head, 1.0), ink)
    image = painted(image, 0.85 * edges(face.shares["hair"], 0.9) * smooth(face.skin, 3), ink)
    image = painted(image, 0.7 * line(face.points[list(CHIN)], 1.0) * face.head, ink)
    image = painted(image, 0.75 * line(small_nose(face), 1.6), skin_colour * 0.45)
    hair = face.colour(face.shares["brows"], (0.2, 0.15, 0.1)) * 0.6
    for brow in BROWS:
        image = painted(image, filled(grown(face.points[list(brow)], 1.1, 0.95) - (0, 7)), hair)
    image = lips(face, image)
    for eye, iris in zip(EYES, IRISES, strict=True):
        image = large_eye(face, image, eye, iris, ink)
    return image.clip(0, 1)


def lively(colour: np.ndarray, saturation: float) -> np.ndarray:
    """The colour, lighter and more saturated."""
    grey = float(colour.mean())
    lighter = max(grey, 1e-3) ** 0.75
    return np.clip(lighter + saturation * lighter / max(grey, 0.05) * (colour - grey), 0.03, 0.97)


def toned(face: Face, area: np.ndarray, colour: np.ndarray, depth: float) -> np.ndarray:
    """[S, S, 3] the colour in two tones, and a third where it shines, parted by soft steps."""
    light = face.light(area, 4.0)
    inside = light[area > 0.6]
    if len(inside) < 20:
        return np.broadcast_to(colour, (*area.shape, 3))
    middle, spread = float(np.median(inside)), max(float(inside.std()), 0.03)
    shadow = step((middle - light) / spread - 0.7)
    shine = step((light - middle) / spread - 1.2)
    tone = 1 + (depth - 1) * shadow + 0.12 * shine
    return colour * tone[..., None]


def step(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-6 * value.clip(-5, 5)))


def small_nose(face: Face) -> np.ndarray:
    return grown(face.points[list(NOSE)], 0.75, 0.75)


def lips(face: Face, image: np.ndarray) -> np.ndarray:
    colour = face.colour(face.shares["lips"], (0.7, 0.35, 0.35))
    outer, inner = face.points[list(LIPS)], face.points[list(MOUTH)]
    image = painted(image, 0.9 * filled(outer), lively(colour, 1.5))
    within = filled(inner)
    image = painted(image, within, (0.3, 0.08, 0.1))
    upper = inner.copy()
    half = len(inner) // 2
    upper[half + 1 :] = inner[1:half][::-1] + 0.42 * (inner[half + 1 :] - inner[1:half][::-1])
    open_ = np.clip((float(np.ptp(inner[:, 1])) - 4) / 4, 0, 1)  # px: teeth show in an open mouth alone
    image = painted(image, open_ * filled(upper) * within, (0.96, 0.95, 0.92))
    return painted(image, 0.8 * line(inner[: half + 1], 1.2), colour * 0.35)


def large_eye(
    face: Face, image: np.ndarray, eye: tuple[int, ...], iris: tuple[int, ...], ink: np.ndarray
) -> np.ndarray:
    outline = face.points[list(eye)]
    middle = (outline.min(0) + outline.max(0)) / 2
    large = grown(outline, *EYE)
    white = filled(large)
    around = cv2.dilate(white, np.ones((5, 5)))
    image = painted(image, smooth(around, 1.0), 0.55 * image + 0.4 * ink)
    image = painted(image, white, (0.98, 0.98, 0.97))
    centre = middle + (face.points[iris[0]] - middle) * np.array((EYE[0] * 0.8, EYE[1] * 0.6))
    radius = 1.5 * float(np.linalg.norm(face.points[list(iris[1:])] - face.points[iris[0]], axis=1).mean())
    colour = lively(face.colour(disc(face.points[iris[0]], radius / 2), (0.35, 0.25, 0.2)), 1.8) * 1.25
    image = painted(image, white * disc(centre, radius), np.clip(colour, 0.12, 0.9) * 0.55)
    image = painted(image, white * disc(centre, radius * 0.84), np.clip(colour, 0.15, 0.9))
    image = painted(image, white * disc(centre, radius * 0.48), (0.05, 0.04, 0.05))
    image = painted(image, white * disc(centre + radius * np.array((-0.35, -0.4)), radius * 0.3), (1, 1, 1))
    return painted(image, line(large[:9], 3.0), ink * 0.6)
