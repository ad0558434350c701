"""Damage undone without the person's help, and without inventing anything: noise taken off, a blur partly inverted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from portraitist.degradations import Degradation, GaussianBlur, Jpeg, Noise

from . import degrade

ROUNDS = 3  # of van Cittert's iteration (1931): what the blur left at a tenth comes back as a quarter, and noise hardly grows
_STRENGTH = 0.8  # of the noise's level, for non-local means
_PATCH, _WINDOW = 5, 13  # px


def cleaned(photo: np.ndarray, chain: Sequence[Degradation], pixel: float) -> np.ndarray:
    """The whole `photo` [H, W, 3] uint8, for what lies around the restored face; `pixel` is how many of its px are one of the prior's.

    About a second a megapixel after noise. A photo without blur, noise and JPEG is given back as it is.
    """
    scaled = degrade.scaled(chain, pixel)
    if level := grain(scaled):
        return quiet(photo, level)
    sigma = math.hypot(*(item.sigma for item in scaled if isinstance(item, GaussianBlur)))
    return sharpened(photo, sigma) if sigma else photo


def grain(chain: Sequence[Degradation]) -> float:
    """Grey levels that each pixel of the photo is off by: noise, and what JPEG rounds (about 25 / sqrt(quality))."""
    levels = [
        item.sigma if isinstance(item, Noise) else 25 / math.sqrt(item.quality)
        for item in chain
        if isinstance(item, Noise | Jpeg)
    ]
    return math.hypot(*levels)


def quiet(picture: np.ndarray, level: float) -> np.ndarray:
    """`picture` [H, W, 3] uint8 without noise of `level` grey levels (non-local means, Buades et al. 2005)."""
    strength = _STRENGTH * level
    return cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(picture), None, strength, strength, _PATCH, _WINDOW)


def sharpened(picture: np.ndarray, sigma: float) -> np.ndarray:
    """`picture` [H, W, 3] uint8 with a Gaussian blur of `sigma` px partly undone."""
    seen = picture.astype(np.float32)
    made = seen
    for _ in range(ROUNDS):
        made = made + seen - cv2.GaussianBlur(made, (0, 0), sigma)
    return made.round().clip(0, 255).astype(np.uint8)
