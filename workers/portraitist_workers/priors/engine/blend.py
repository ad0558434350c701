"""Per-texel blending of people, compiled."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def mix_layers(layers, usable, weights, mouth_weights, donor_usable, inner, mouth):
    """Weighted mean of layers [n, W, W, 3], and where it may be used [W, W].

    A person counts only where their face is bare, and the mean is used only where the donor's is: no fringe or beard
    bleeds onto another's forehead or chin.
    """
    n, height, width, _ = layers.shape
    out = np.empty((height, width, 3), np.float32)
    mask = np.empty((height, width), np.float32)
    mouth_total = mouth_weights.sum()
    for i in range(height):
        for j in range(width):
            use = inner[i, j]
            mask[i, j] = 0
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = 0, 0, 0
            if use <= 0.002:
                continue
            red, green, blue, total, all_weights = 0.0, 0.0, 0.0, 0.0, 0.0
            for k in range(n):
                weight = weights[k] * usable[k, i, j] * np.float32(1 / 255)
                if mouth[i, j] > 0:
                    weight += mouth[i, j] * (mouth_weights[k] / mouth_total - weight)
                red += weight * layers[k, i, j, 0]
                green += weight * layers[k, i, j, 1]
                blue += weight * layers[k, i, j, 2]
                total += weight
                all_weights += weights[k]
            if total > 1e-4:
                out[i, j, 0], out[i, j, 1], out[i, j, 2] = red / total, green / total, blue / total
                own = donor_usable[i, j] * np.float32(1 / 255)
                mask[i, j] = use * own * min(1.0, 4 * total / all_weights)
    return out, mask


@njit(cache=True, fastmath=True)
def combine(inner, mask, outer, own, smooth, skin, bare, no_detail, below_chin, tone, dark, detail, cloth):
    """Mixed face [W, W, 3] over the donor's head `outer`, which takes the mixed `tone` where it is skin or `bare`, and
    whose white shirt takes the colour `cloth`. Where it should be `bare`, only what is darker than `dark` is hair.

    `own` - `smooth` is the donor's fine texture, of which the share `detail` is added. Returns the texture, the share of
    each texel that is clothes, and that is hair.
    """
    height, width = mask.shape
    tex = np.empty((height, width, 3), np.float32)
    clothes = np.empty((height, width), np.float32)
    hair = np.empty((height, width), np.float32)
    for i in range(height):
        for j in range(width):
            m = mask[i, j]
            s = min(skin[i, j] * np.float32(1 / 255), np.float32(1))
            lowest = min(outer[i, j, 0], outer[i, j, 1], outer[i, j, 2])
            warm = np.float32(outer[i, j, 0]) - np.float32(outer[i, j, 2])  # of a pale neck at least 25
            white = min(max((lowest - 95.0) / 45.0, 0.0), 1.0) * min(max((32.0 - warm) / 12.0, 0.0), 1.0)
            cloth_share = white * below_chin[i, j] * (1 - s) * (1 - m)
            clothes[i, j] = cloth_share
            darker = min(max(2 * (dark - outer[i, j, 1]) / dark, 0.0), 1.0)
            hair[i, j] = (1 - m) * (1 - s) * (1 - cloth_share) * (1 - bare[i, j] * (1 - darker))
            t = max(s, bare[i, j])
            give = detail * m * (1 - no_detail[i, j])
            for c in range(3):
                far = outer[i, j, c] * (1 + t * (tone[c] - 1)) * (1 + cloth_share * (cloth[c] - 1))
                value = far + m * (inner[i, j, c] - far) + give * (own[i, j, c] - smooth[i, j, c])
                tex[i, j, c] = min(max(value, 0.0), 255.0)
    return tex, clothes, hair


def shift_hair(tex: np.ndarray, hair: np.ndarray, shift: tuple[float, ...]) -> np.ndarray:
    """Adds `shift` (L 0..100, a, b) where `hair` [W, W] is 1."""
    lab: np.ndarray = cv2.cvtColor(tex * np.float32(1 / 255), cv2.COLOR_RGB2LAB)
    # dark hair cannot lose 20 units of lightness: scale with what there is
    lab[..., 0] += hair * shift[0] * np.clip(lab[..., 0] / 40, 0.15, 1.2)
    lab[..., 1] += hair * shift[1]
    lab[..., 2] += hair * shift[2]
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * np.float32(255)
