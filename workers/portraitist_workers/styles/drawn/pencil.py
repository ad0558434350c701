"""A pencil drawing: graphite on paper, strokes along one slant where it is dark, outlines; a longer face with a small chin."""

from __future__ import annotations

import numpy as np

from ...detail import fields
from .face import BROWS, CHIN, EYES, LIPS, MOUTH, NOSE, SIDE, Face, edges, filled, line, smooth

PAPER = np.array((0.97, 0.955, 0.92), np.float32)
GRAPHITE = np.array((0.16, 0.16, 0.18), np.float32)
PITCH = 8.0  # px from stroke to stroke
NARROWER = 0.88  # at the chin


def draw(face: Face) -> np.ndarray:
    """[S, S, 3] in 0..1."""
    grey = face.image.mean(2)
    head = np.clip(face.head, 0, 1)
    skin = face.light(face.skin, 3.0)
    bright = float(np.percentile(skin[face.skin > 0.6], 80)) if (face.skin > 0.6).any() else 0.7
    shade = np.clip(1 - skin / bright, 0, 1) * face.skin * 0.9
    hair = face.shares["hair"] * np.clip(0.95 - 0.9 * face.light(face.shares["hair"], 1.5) / bright, 0.15, 0.85)
    clothes = face.shares["clothes"] * np.clip(0.6 - 0.5 * face.light(face.shares["clothes"], 4.0), 0.1, 0.6)
    neck = face.shares["neck"] * np.clip(1.05 - face.light(face.shares["neck"], 4.0) / bright, 0.05, 0.6)
    tone = shade + hair + clothes + neck
    drawn = (
        np.clip(smooth(grey, 4.0) - smooth(grey, 1.6) - 0.025 * bright, 0, 1)
        * 9
        / max(bright, 0.3)
        * np.clip(head - 0.3, 0, 1)
    )
    ink = np.maximum(np.clip(drawn, 0, 0.9), hatched(tone))
    ink = np.maximum(ink, 0.75 * edges(face.head, 1.1))
    ink = np.maximum(ink, 0.45 * edges(face.shares["hair"], 1.2) * smooth(face.skin, 3))
    ink = np.maximum(ink, 0.5 * line(face.points[list(CHIN)], 1.2) * head)
    ink = np.maximum(ink, 0.5 * line(face.points[list(NOSE)], 1.5))
    half = len(MOUTH) // 2
    ink = np.maximum(ink, 0.75 * line(face.points[list(MOUTH[: half + 1])], 1.5))
    ink = np.maximum(ink, 0.35 * filled(face.points[list(LIPS)]))
    ink = np.maximum(ink, 0.8 * filled(face.points[list(MOUTH)]) * (grey < 0.6 * bright))
    for eye, brow in zip(EYES, BROWS, strict=True):
        ink = np.maximum(ink, 0.85 * line(face.points[list(eye[:9])], 2.0))
        ink = np.maximum(ink, 0.3 * line(face.points[list(eye[8:])], 1.0))
        ink = np.maximum(ink, hatched(0.75 * smooth(filled(face.points[list(brow)]), 1.0)))
    picture = PAPER + smooth(ink, 0.6)[..., None] * (GRAPHITE - PAPER)
    return fields.sampled(picture.astype(np.float32), narrowing(face)).clip(0, 1)


def hatched(tone: np.ndarray) -> np.ndarray:
    """Strokes that get wider and darker with the tone [S, S]; dark areas are filled."""
    y, x = np.mgrid[:SIDE, :SIDE]
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * (x + y * 0.7) / PITCH)
    stroke = np.clip((wave - (1 - 1.2 * tone)) * 2.2, 0, 1)
    return (0.35 * tone + 0.65 * stroke * np.clip(tone * 1.3, 0, 1)).clip(0, 0.92)


def narrowing(face: Face) -> np.ndarray:
    """[S, S, 2] shares of the side: where each pixel's colour comes from. The face narrows towards the chin."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    eyes = face.points[[*EYES[0], *EYES[1]]].mean(0)
    chin = face.points[152]
    down = np.clip((y - eyes[1]) / max(chin[1] - eyes[1], 1), 0, 1)
    middle = eyes[0] + (chin[0] - eyes[0]) * down
    width = np.exp(-0.5 * ((x - middle) / 55) ** 2)
    below = np.clip(1 - (y - chin[1]) / 30, 0, 1)
    amount = (1 / NARROWER - 1) * np.sin(np.pi / 2 * down) * below * width
    return np.stack([(x - middle) * amount, np.zeros_like(x)], -1) / SIDE
