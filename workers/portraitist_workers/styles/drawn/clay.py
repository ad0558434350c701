"""A figure of modelling clay: rounded masses without detail, large nose and ears, bead eyes, soft light with a shine."""

from __future__ import annotations

import cv2
import numpy as np

from ...detail import fields
from .face import BROWS, EYES, IRISES, LIPS, MOUTH, SIDE, Face, disc, filled, grown, painted, smooth

LIGHT = np.array((-0.45, -0.6, 0.66), np.float32)  # from above, left of the camera
NOSE = 1.35  # times its size
SHINE, GLOSS = 0.2, 14.0


def draw(face: Face) -> np.ndarray:
    """[S, S, 3] in 0..1."""
    colour, height = masses(face)
    picture = lit(colour, height)
    for eye, iris in zip(EYES, IRISES, strict=True):
        picture = bead(face, picture, eye, iris)
    return fields.sampled(picture.astype(np.float32), larger_nose(face)).clip(0, 1)


def masses(face: Face) -> tuple[np.ndarray, np.ndarray]:
    """Colours [S, S, 3] and height [S, S] px of what is modelled."""
    backdrop = smooth(face.image, 20.0)
    backdrop = 0.5 * backdrop + 0.5 * backdrop.mean((0, 1)) + 0.08
    skin = warm(face.colour(face.skin, (0.8, 0.6, 0.5)))
    colour, height = backdrop, np.zeros((SIDE, SIDE), np.float32)
    for area, tone, deep in (
        (face.shares["clothes"], warm(face.colour(face.shares["clothes"])), 22.0),
        (face.shares["neck"], skin * 0.93, 26.0),
        (face.skin, skin, 44.0),
        (face.shares["hair"], warm(face.colour(face.shares["hair"], (0.2, 0.15, 0.1))), 40.0),
    ):
        colour = painted(colour, area, tone)
        height = np.maximum(height, rounded(area, deep))
    height = height + relief(face)
    lips = filled(face.points[list(LIPS)])
    colour = painted(colour, smooth(lips, 1.0), warm(face.colour(face.shares["lips"], (0.7, 0.35, 0.35))))
    height = height + 3.0 * smooth(lips, 2.0)
    mouth = filled(face.points[list(MOUTH)])
    colour, height = painted(colour, smooth(mouth, 0.7), (0.25, 0.07, 0.08)), height - 5.0 * smooth(mouth, 1.2)
    for brow in BROWS:
        roll = smooth(filled(grown(face.points[list(brow)], 1.1, 1.2) - (0, 3)), 1.2)
        colour = painted(
            colour, np.clip(1.4 * roll, 0, 1), warm(face.colour(face.shares["brows"], (0.2, 0.15, 0.1))) * 0.7
        )
        height = height + 7.0 * roll
    return colour, smooth(height, 2.6)


def warm(colour: np.ndarray) -> np.ndarray:
    grey = float(colour.mean())
    lighter = max(grey, 1e-3) ** 0.75
    return np.clip(lighter + 1.45 * lighter / max(grey, 0.05) * (colour - grey), 0.06, 0.95)


def rounded(area: np.ndarray, deep: float) -> np.ndarray:
    """Height [S, S] of a mass over an area: like a cushion, `deep` px in the middle."""
    inside = (area > 0.5).astype(np.uint8)
    framed = cv2.copyMakeBorder(inside, 40, 40, 40, 40, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[40:-40, 40:-40]
    share = np.clip(distance / 55, 0, 1)
    return smooth((deep * np.sqrt(share * (2 - share))).astype(np.float32), 2.5)


def relief(face: Face) -> np.ndarray:
    """The face's own relief [S, S] px, towards the camera, without what is wider than a cheek."""
    near = -face.depth
    map_ = fields.through_points(face.points / SIDE, near[:, None], width=0.02)[..., 0]
    inside = smooth((face.skin > 0.5).astype(np.float32), 4.0)
    return 0.9 * inside * (smooth(map_, 5.0) - smooth(map_, 26.0))


def lit(colour: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Lambert's light, an even one, and Blinn's shine."""
    slope_y, slope_x = np.gradient(height)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    half = LIGHT / np.linalg.norm(LIGHT) + (0, 0, 1)
    half /= np.linalg.norm(half)
    light = 0.48 + 0.62 * np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    shine = SHINE * np.clip(normal @ half, 0, 1) ** GLOSS * (height > 3)
    return colour * light[..., None] + smooth(shine, 1.0)[..., None]


def bead(face: Face, picture: np.ndarray, eye: tuple[int, ...], iris: tuple[int, ...]) -> np.ndarray:
    outline = face.points[list(eye)]
    middle = (outline.min(0) + outline.max(0)) / 2
    wide, high = np.ptp(outline, 0)
    open_ = float(np.clip(high / max(wide, 1) / 0.3, 0.15, 1.2))
    ball = grown(outline, 1.15, 1.0) if open_ < 0.5 else middle + (wide * 0.5) * circle() * (1, min(1.0, open_))
    white = filled(ball)
    picture = painted(picture, smooth(cv2.dilate(white, np.ones((5, 5))), 1.5) * 0.5, picture * 0.55)
    y = (np.mgrid[:SIDE, :SIDE][0] - middle[1]) / max(wide, 1)
    picture = painted(picture, white, (0.93 - 0.25 * np.clip(y, -0.5, 0.5))[..., None] * np.ones(3))
    centre = middle + (face.points[iris[0]] - middle) * (1.1, 0.8)
    radius = 0.24 * wide
    picture = painted(picture, white * disc(centre, radius), (0.07, 0.06, 0.07))
    return painted(picture, white * disc(centre - 0.35 * radius, 0.3 * radius), (1, 1, 1))


def circle() -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def larger_nose(face: Face) -> np.ndarray:
    """[S, S, 2] shares of the side: where each pixel's colour comes from."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    tip = face.points[[1, 4, 2]].mean(0)
    near = np.exp(-0.5 * (((x - tip[0]) / 20) ** 2 + ((y - tip[1]) / 18) ** 2))
    amount = (1 / NOSE - 1) * near
    return np.stack([(x - tip[0]) * amount, (y - tip[1]) * amount], -1) / SIDE
