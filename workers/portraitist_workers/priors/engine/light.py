"""Lighting: second-order spherical harmonics on smooth normals.

The source photos are lit flat, so multiplying their colours by a new irradiance is a fair relighting. Irradiance of a
distant scene is a quadratic polynomial of the normal (Ramamoorthi & Hanrahan 2001, "An Efficient Representation for
Irradiance Environment Maps"); our nine coefficients belong to the unnormalised basis

    1, x, y, z, xy, yz, 3z^2 - 1, xz, x^2 - y^2      (camera frame: x right, y up, z towards the camera).
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

GAMMA = 2.2
_DARKEST = 0.12  # irradiance never falls below this share of the face's mean
# Share of Lambert's cosine lobe in each band, relative to band 0 (Ramamoorthi & Hanrahan eq. 8: pi, 2pi/3, pi/4).
_BAND1, _BAND2 = 2 / 3, 1 / 4


def lamp(direction: np.ndarray, strength: float) -> np.ndarray:
    """Coefficients [9] of a distant lamp from `direction` (need not be normalised), adding `strength` on average."""
    x, y, z = np.asarray(direction, np.float64) / np.linalg.norm(direction)
    # Addition theorem: P1(n.d) = n.d and P2(n.d) written in the basis above; bands weigh (2l + 1) A_l / A_0.
    one, two = 3 * _BAND1, 5 * _BAND2
    band2 = [3 * x * y, 3 * y * z, 0.25 * (3 * z * z - 1), 3 * x * z, 0.75 * (x * x - y * y)]
    return strength * np.array([1, one * x, one * y, one * z, *(two * b for b in band2)])


def shade(
    pos: np.ndarray, rotation: np.ndarray, sh: np.ndarray, tint: np.ndarray, inner: np.ndarray, jaw_shadow: np.ndarray
) -> tuple[np.ndarray, float]:
    """(factor on gamma-encoded colours, float32 [G, G, 3]; mean irradiance of the face before normalisation).

    `pos` [2G, 2G, 3] are positions in ICT units in the head frame. `rotation` [3, 3] is head -> camera. `sh` is [9], `tint` [3]
    per channel (mean 1). `inner` and `jaw_shadow` are masks [G, G]. Irradiance is normalised to a mean of 1 on `inner`.
    Lambert colours are linear in light, hence gamma-encoded colours are multiplied by light^(1/gamma).
    """
    smooth = cv2.GaussianBlur(pos[::2, ::2], (0, 0), 1.5)
    light, mean = _irradiance(smooth, rotation.astype(np.float32), sh.astype(np.float32), inner)
    # What no harmonic can say: the head's own shadow on the neck, when light comes from above.
    drop = np.clip(0.7 + 0.4 * sh[2] / max(sh[0], 1e-3), 0.3, 0.95)
    return _encode(light, np.float32(1 / mean), jaw_shadow, np.float32(drop), tint.astype(np.float32)), mean


def shade_normals(
    normals: np.ndarray, rotation: np.ndarray, sh: np.ndarray, tint: np.ndarray, mean: float
) -> np.ndarray:
    """Factor [n, 3] as in `shade`, for normals [n, 3] in the head frame; `mean` is what `shade` returned."""
    x, y, z = rotation @ normals.T
    basis = np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
    light = np.maximum(sh @ basis / mean, _DARKEST)[:, None] * tint
    return light ** (1 / GAMMA)


@njit(cache=True, fastmath=True)
def _irradiance(pos, rotation, sh, inner):
    height, width, _ = pos.shape
    light = np.empty((height, width), np.float32)
    total, weight = 0.0, 1e-6
    for i in range(height):
        up, down = max(i - 1, 0), min(i + 1, height - 1)
        for j in range(width):
            left, right = max(j - 1, 0), min(j + 1, width - 1)
            ax, ay, az = (
                pos[i, right, 0] - pos[i, left, 0],
                pos[i, right, 1] - pos[i, left, 1],
                pos[i, right, 2] - pos[i, left, 2],
            )
            bx, by, bz = (
                pos[up, j, 0] - pos[down, j, 0],
                pos[up, j, 1] - pos[down, j, 1],
                pos[up, j, 2] - pos[down, j, 2],
            )
            hx, hy, hz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            size = 1 / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-12)
            hx, hy, hz = hx * size, hy * size, hz * size
            x = rotation[0, 0] * hx + rotation[0, 1] * hy + rotation[0, 2] * hz
            y = rotation[1, 0] * hx + rotation[1, 1] * hy + rotation[1, 2] * hz
            z = rotation[2, 0] * hx + rotation[2, 1] * hy + rotation[2, 2] * hz
            value = (
                sh[0]
                + sh[1] * x
                + sh[2] * y
                + sh[3] * z
                + sh[4] * x * y
                + sh[5] * y * z
                + sh[6] * (3 * z * z - 1)
                + sh[7] * x * z
                + sh[8] * (x * x - y * y)
            )
            light[i, j] = value
            total += inner[i, j] * max(value, 0.0)
            weight += inner[i, j]
    return light, max(total / weight, 0.05)


@njit(cache=True, fastmath=True)
def _encode(light, scale, jaw_shadow, drop, tint):
    height, width = light.shape
    out = np.empty((height, width, 3), np.float32)
    power = 1 / GAMMA
    t0, t1, t2 = tint[0] ** power, tint[1] ** power, tint[2] ** power
    for i in range(height):
        for j in range(width):
            value = max(light[i, j] * scale, _DARKEST) * (1 - drop * jaw_shadow[i, j])
            factor = value**power
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = factor * t0, factor * t1, factor * t2
    return out
