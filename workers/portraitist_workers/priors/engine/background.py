"""Backgrounds out of focus: plain studio, gradients, walls with furniture, outdoors, coloured noise.

All are smooth enough that their 8 x 8 average nearly determines them, so that a generator can learn to paint them from
that code. They are painted small, in units of a face crop, and enlarged.
"""

from __future__ import annotations

import cv2
import numpy as np

SCENES = ("studio", "gradient", "room", "window", "outdoors", "noise")
_CELLS = 40  # painted pixels per side of a face crop


def paint(scene: str, rng: np.random.Generator, height: float, width: float, focus: float | None = None) -> np.ndarray:
    """Picture of `scene`, float32 RGB in [0, 1], for a frame of `height` x `width` face crops.

    `focus` is the blur's sigma in crops (drawn from 0.04..0.12 when None). The result has 40 pixels per crop:
    enlarge it to the frame with cubic interpolation.
    """
    if scene not in SCENES:
        raise ValueError(f"no background scene {scene!r}: choose one of {', '.join(SCENES)}")
    rows, columns = max(int(round(height * _CELLS)), 8), max(int(round(width * _CELLS)), 8)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32) / _CELLS
    picture = _PAINTERS[scene](rng, y, x, height, width)
    sigma = _CELLS * (float(np.exp(rng.uniform(np.log(0.04), np.log(0.12)))) if focus is None else focus)
    picture = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.clip(picture, 0.01, 0.99)


def enlarge(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.clip(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _colour(rng, low=0.1, high=0.9, strength=0.35):
    """A colour of brightness in [low, high]: mostly pale, seldom strong."""
    value = rng.uniform(low, high)
    hue = rng.normal(0, 1, 3)
    hue = (hue - hue.mean()) * 0.17 * rng.beta(1.2, 3.0) * strength / 0.35
    return np.clip(value * np.exp(2 * hue), 0, 1).astype(np.float32)


def _ramp(t, first, last):
    t = np.clip(t, 0, 1)[..., None]
    return (first * (1 - t) + last * t).astype(np.float32)


def _studio(rng, y, x, height, width):
    base = _colour(rng, 0.08, 0.92, 0.25)
    far = np.hypot(x / width - rng.uniform(0.2, 0.8), y / height - rng.uniform(0.2, 0.8))
    return base * (1 - rng.uniform(0, 0.6) * far[..., None] ** 2).astype(np.float32)


def _gradient(rng, y, x, height, width):
    angle = rng.uniform(0, 2 * np.pi)
    t = 0.5 + (np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)) * rng.uniform(0.6, 1.2)
    return _ramp(t, _colour(rng), _colour(rng))


def _room(rng, y, x, height, width):
    """A wall, often a darker lower part, and boxes that stand for shelves, doors and pictures."""
    picture = np.broadcast_to(_colour(rng, 0.25, 0.85, 0.3), (*y.shape, 3)).copy()
    picture *= _ramp(x / width, np.float32(rng.uniform(0.7, 1)), np.float32(rng.uniform(0.7, 1)))
    if rng.random() < 0.5:
        picture[y > height * rng.uniform(0.45, 0.9)] = _colour(rng, 0.08, 0.5)
    for _ in range(int(rng.integers(1, 6) * max(1, width * height) ** 0.5)):
        top, left = rng.uniform(-0.3, height), rng.uniform(-0.3, width)
        box = (y > top) & (y < top + rng.uniform(0.1, 0.9)) & (x > left) & (x < left + rng.uniform(0.08, 0.6))
        picture[box] = _colour(rng, 0.05, 0.9, 0.5)
    return picture


def _window(rng, y, x, height, width):
    """A dim room with a bright opening at one side."""
    picture = _ramp(y / height, _colour(rng, 0.12, 0.5), _colour(rng, 0.08, 0.4))
    left, wide = rng.uniform(-0.3, width - 0.2), rng.uniform(0.25, 0.7)
    pane = (x > left) & (x < left + wide) & (y < height * rng.uniform(0.5, 1.0))
    picture[pane] = _colour(rng, 0.75, 1.0, 0.15)
    if rng.random() < 0.6:
        picture[pane & (np.abs(x - left - wide * rng.uniform(0.3, 0.7)) < 0.03)] *= 0.5
    return picture


def _outdoors(rng, y, x, height, width):
    """Sky, a band of leaves or houses with round spots of light, ground."""
    horizon = height * rng.uniform(0.1, 0.75)
    sky = np.array([0.62, 0.74, 0.88], np.float32) * np.float32(rng.uniform(0.75, 1.1))
    sky = sky + np.float32(rng.uniform(0, 0.25)) * (np.float32(0.85) - sky)
    leaves = (
        np.array([0.30, 0.36, 0.22], np.float32)
        * (1 + rng.normal(0, 0.15, 3)).astype(np.float32)
        * np.float32(rng.uniform(0.5, 1.5))
    )
    picture = np.where((y < horizon + 0.1 * np.sin(6 * x + rng.uniform(0, 6)))[..., None], sky, leaves).astype(
        np.float32
    )
    if rng.random() < 0.5:
        picture[y > horizon + rng.uniform(0.2, 0.7)] = _colour(rng, 0.25, 0.65, 0.2)
    for _ in range(int(rng.integers(4, 16) * max(1.0, width * height))):
        spot = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height)) < rng.uniform(0.03, 0.14)
        picture[spot] = picture[spot] * np.float32(rng.uniform(0.85, 1.6))
    return np.clip(picture, 0, 1)


def _noise(rng, y, x, height, width):
    """Coloured noise of three scales around one colour."""
    picture = np.broadcast_to(_colour(rng, 0.15, 0.8, 0.4), (*y.shape, 3)).copy()
    for cells, strength in ((1.5, 0.16), (3, 0.09), (6, 0.05)):
        shape = (max(2, round(cells * height)), max(2, round(cells * width)))
        noise = 0.8 * rng.normal(0, 1, (*shape, 1)) + 0.2 * rng.normal(0, 1, (*shape, 3))
        noise = cv2.resize(noise.astype(np.float32), y.shape[::-1], interpolation=cv2.INTER_CUBIC)
        picture += np.float32(strength * 1.6) * picture.mean() * noise
    return np.clip(picture, 0, 1)


_PAINTERS = {
    "studio": _studio,
    "gradient": _gradient,
    "room": _room,
    "window": _window,
    "outdoors": _outdoors,
    "noise": _noise,
}
