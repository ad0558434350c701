"""Draws the labels of one random portrait."""

from __future__ import annotations

from typing import Any

import numpy as np

from .background import SCENES
from .canvas import SHAPES, Canvas
from .labels import Labels
from .light import lamp

MAX_WEIGHT = 0.7  # nobody's face may appear alone: the people of the set did not agree to being the model's faces
_MIN_TOP = 0.4
_SHAPE = 0.5  # standard deviations of the modes


def draw(rng: np.random.Generator, canvas: Canvas, people: np.ndarray, **fixed: Any) -> Labels:
    """A random portrait of a mix of `people` (indices in the canvas, at least 3); `fixed` labels replace drawn ones."""
    if len(people) < 3:
        raise ValueError(f"{len(people)} people are too few to mix: pass the indices of at least 3")
    drawn = {
        **draw_mix(rng, canvas, np.asarray(people)),
        **draw_view(rng),
        **draw_expression(rng),
        **draw_light(rng),
        **draw_look(rng),
    }
    drawn["gaze"] = draw_gaze(rng, fixed.get("yaw", drawn["yaw"]))
    return Labels(**{**drawn, "seed": int(rng.integers(2**62)), **fixed})


def draw_mix(rng: np.random.Generator, canvas: Canvas, people: np.ndarray) -> dict:
    """Two or three similar people and a shape of one's own. The hair is mostly that of the strongest, sometimes another's."""
    n = 2 if rng.random() < 0.4 else 3
    first = int(rng.choice(people))
    others = people[people != first]
    near = others[np.argsort(unlikeness(canvas, first, others))][: int(np.clip(round(0.3 * len(people)), 3, 24))]
    chosen = (first, *(int(p) for p in rng.choice(near, min(n, len(near) + 1) - 1, replace=False)))
    return {
        "people": chosen,
        "flips": tuple(bool(f) for f in rng.random(len(chosen)) < 0.5),
        "weights": draw_weights(rng, len(chosen)),
        "donor": 0 if rng.random() < 0.75 else int(rng.integers(len(chosen))),
        "shape": draw_shape(rng),
    }


def unlikeness(canvas: Canvas, person: int, others: np.ndarray) -> np.ndarray:
    """How badly each of `others` would mix with `person`: cheek tone (RGB, L1), sex, age. float [len(others)]"""
    tone = np.abs(canvas.cheek[others].astype(float) - canvas.cheek[person]).sum(1)
    age = np.nan_to_num(np.abs(canvas.age[others] - canvas.age[person]), nan=10.0)
    return tone + 60.0 * (canvas.male[others] != canvas.male[person]) + 0.6 * age


def draw_weights(rng: np.random.Generator, n: int) -> tuple[float, ...]:
    """Dirichlet(1.5) with the largest first, in [0.4, 0.7]."""
    while True:
        weights = np.sort(rng.dirichlet(np.full(n, 1.5)))[::-1]
        if _MIN_TOP <= weights[0] <= MAX_WEIGHT:
            return tuple(float(w) for w in weights)


def draw_shape(rng: np.random.Generator) -> tuple[float, ...]:
    """Weights of the identity modes: gives back about as much variety of shape as mixing averages away."""
    return tuple(float(w) for w in np.clip(rng.normal(0, _SHAPE, SHAPES), -2 * _SHAPE, 2 * _SHAPE))


def draw_view(rng: np.random.Generator) -> dict:
    def clipped(sigma, limit):
        return float(np.clip(rng.normal(0, sigma), -limit, limit))

    return {
        "yaw": clipped(13, 32),
        "pitch": clipped(6, 16),
        "roll": clipped(3, 9),
        "distance": float(np.exp(rng.uniform(np.log(70), np.log(250)))),
        "shift": (clipped(0.008, 0.02), clipped(0.008, 0.02)),
        "scale": float(np.exp(clipped(0.012, 0.03))),
    }


def draw_expression(rng: np.random.Generator) -> dict:
    smile = float(rng.choice([0.0, 1.0, rng.random()], p=[0.25, 0.25, 0.5]))
    kind = rng.random()
    blink = float(rng.random() if kind < 0.15 else 1.0 if kind < 0.18 else 0.0)
    return {
        "smile": smile,
        "blink": blink,
        "jaw": float(0.03 + 0.45 * rng.beta(1.2, 1.8)) if rng.random() < 0.28 else 0.0,
        "brow": float(rng.uniform(-1, 1)) if rng.random() < 0.4 else 0.0,
        "pucker": float(rng.uniform(0.1, 0.7)) if smile < 0.3 and rng.random() < 0.15 else 0.0,
    }


def draw_gaze(rng: np.random.Generator, yaw: float) -> tuple[float, float]:
    """Half of all people look at the camera, as far as their eyes turn; the others look about."""
    if rng.random() < 0.5:
        horizontal, vertical = -yaw / 30, 0.0
    else:
        horizontal, vertical = rng.normal(0, 0.25), rng.normal(0, 0.2)
    return float(np.clip(horizontal, -0.6, 0.6)), float(np.clip(vertical, -0.6, 0.6))


def draw_light(rng: np.random.Generator) -> dict:
    """Ambient light plus up to two lamps in front of or beside the head."""
    sh = np.array([1.0] + [0.0] * 8)
    for strength in (
        float(rng.choice([0.0, rng.uniform(0.05, 0.3), rng.uniform(0.3, 0.9)], p=[0.15, 0.45, 0.4])),
        rng.uniform(0.0, 0.25) * (rng.random() < 0.4),
    ):
        azimuth, height = rng.uniform(-110, 110), np.clip(rng.normal(20, 25), -35, 75)
        a, h = np.radians(azimuth), np.radians(height)
        sh += lamp(np.array([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)]), strength)
    warmth = rng.normal(0, 0.05)
    tint = np.array([1 + warmth, 1 + rng.normal(0, 0.012), 1 - warmth])
    return {"sh": tuple(float(c) for c in sh / sh[0]), "tint": tuple(float(t) for t in tint / tint.mean())}


def draw_look(rng: np.random.Generator) -> dict:
    hair = (0.0, 0.0, 0.0)
    if rng.random() < 0.5:
        hair = (float(np.clip(rng.normal(-2, 9), -22, 16)), float(rng.normal(1, 2.5)), float(rng.normal(1.5, 3)))
    return {
        "hair": hair,
        "clothes": draw_clothes(rng),
        "exposure": float(np.clip(rng.normal(0, 0.2), -0.6, 0.5)),
        "gamma": float(np.exp(rng.normal(0, 0.09))),
        "saturation": float(np.clip(rng.normal(1, 0.13), 0.5, 1.5)),
        "white_balance": (float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        "blur": max(0.0, float(rng.uniform(-0.55, 0.55))),
        "grain": float(rng.uniform(0.3, 2.5)),
        "scene": str(rng.choice(list(SCENES))),
    }


def draw_clothes(rng: np.random.Generator) -> tuple[float, float, float]:
    """RGB factor for the white shirt: a quarter stay near white, most are darker and of weak colour."""
    value = rng.uniform(0.85, 1.0) if rng.random() < 0.25 else rng.uniform(0.1, 0.75)
    colour = 1 - rng.beta(1.2, 3) * rng.random(3)
    red, green, blue = (float(c) for c in value * colour / colour.max())
    return red, green, blue
