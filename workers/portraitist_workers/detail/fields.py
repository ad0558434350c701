"""Maps over an aligned face: pictures, displacements and weights [S, S, ...], float32, moved and smoothed.

A displacement is in shares of the side, so it fits a map of any size. Smoothing widths are shares of the side, too.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 256  # px of the maps that motion is worked out on
_GREY = 2.0  # grey levels between a pixel's channels, on average: less is a black and white photo
_WIDE, _SMALLEST = 3.0, 32  # px of sigma, and of a side, on the smaller map that a wide blur is done on
_NEAR_TO_FAR = (0.01, 0.03, 0.1, 0.3)


def sampled(image: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """`image` [S, S, ...] at each pixel's place plus `displacement` [S, S, 2]; beyond the border, its edge."""
    there = _places(len(displacement)) + len(displacement) * displacement
    return cv2.remap(image, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


@functools.cache
def _places(side: int) -> np.ndarray:
    """[side, side, 2] float32: x, y of each pixel."""
    return np.ascontiguousarray(np.mgrid[:side, :side].astype(np.float32)[::-1].transpose(1, 2, 0))


def resized(image: np.ndarray, side: int) -> np.ndarray:
    """[S, S, ...] -> [side, side, ...], averaged over area when it shrinks."""
    if len(image) == side:
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if side < len(image) else cv2.INTER_CUBIC)


def is_grey(picture: np.ndarray) -> bool:
    """Whether a picture [S, S, 3] in grey levels is black and white."""
    return float(np.ptp(picture.astype(np.float32), axis=2).mean()) < _GREY


def smooth(image: np.ndarray, width: float) -> np.ndarray:
    """Gaussian blur of sigma `width`. A wide one is done on a smaller map: what shrinking and enlarging blur is left out of it."""
    sigma, size = width * len(image), image.shape[1::-1]
    times = min(int(sigma / _WIDE), len(image) // _SMALLEST)
    if times < 2:
        return cv2.GaussianBlur(image, (0, 0), sigma)
    small = cv2.resize(image, [-(-n // times) for n in size], interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), np.sqrt(sigma**2 / times**2 - 0.25))
    return cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR)


def spread(values: np.ndarray, sure: np.ndarray, widths: Sequence[float] = _NEAR_TO_FAR) -> np.ndarray:
    """`values` [S, S, C] carried on from where they are `sure` [S, S] to everywhere: near ones decide, far ones where none is near."""
    out, left = np.zeros_like(values), np.ones_like(sure)
    for width in widths:
        share = smooth(sure, width)
        found = smooth(values * sure[..., None], width) / (share[..., None] + 1e-4)
        weight = np.clip(share / 0.3, 0, 1) * left
        out += weight[..., None] * found
        left -= weight
    return out


def through_points(places: np.ndarray, values: np.ndarray, width: float = 0.03) -> np.ndarray:
    """A smooth map [SIDE, SIDE, C] with about `values` [P, C] at `places` [P, 2] (shares of the side), and zero far from all of them."""
    index = np.floor(places * SIDE).astype(int).clip(0, SIDE - 1)
    sums = np.zeros((SIDE, SIDE, values.shape[1] + 1), np.float32)
    np.add.at(sums, (index[:, 1], index[:, 0]), np.column_stack([values, np.ones(len(values))]).astype(np.float32))
    out, left = np.zeros((SIDE, SIDE, values.shape[1]), np.float32), np.ones((SIDE, SIDE), np.float32)
    for scale in (width, 2 * width, 4 * width):
        blurred = smooth(sums, scale)
        points = blurred[..., -1] * 2 * np.pi * (scale * SIDE) ** 2  # about how many are near
        weight = np.clip(points / 1.5, 0, 1) * left
        out += weight[..., None] * blurred[..., :-1] / (blurred[..., -1:] + 1e-9)
        left -= weight
    return out
