"""Smooth filling of unknown pixels: the membrane (Laplace) interpolation of the known ones."""

from __future__ import annotations

import cv2
import numba
import numpy as np


def fill_membrane(values: np.ndarray, known: np.ndarray, sweeps: int = 30) -> np.ndarray:
    """Fills `values` float [H, W] or [H, W, C] where `known` bool [H, W] is False; known pixels stay as they are.

    Coarse to fine: each level starts from the level above and relaxes with red-black Gauss-Seidel sweeps, so that
    holes of any size are filled smoothly. Without any known pixel the result is zero.
    """
    values = np.asarray(values, np.float32)
    flat = values if values.ndim == 3 else values[..., None]
    filled = _solve(np.where(known[..., None], flat, 0).astype(np.float32), known, sweeps)
    return filled if values.ndim == 3 else filled[..., 0]


def _solve(values: np.ndarray, known: np.ndarray, sweeps: int) -> np.ndarray:
    H, W, _ = values.shape
    if min(H, W) <= 4 or known.all():
        mean = values[known].mean(0) if known.any() else np.zeros(values.shape[2], np.float32)
        return np.where(known[..., None], values, mean).astype(np.float32)
    size = ((W + 1) // 2, (H + 1) // 2)
    weight = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    coarse = _channels(cv2.resize(values, size, interpolation=cv2.INTER_AREA), values)
    coarse = _solve(coarse / np.maximum(weight, 1e-6)[..., None], weight > 0, sweeps)
    guess = _channels(cv2.resize(coarse, (W, H), interpolation=cv2.INTER_LINEAR), values)
    out = np.where(known[..., None], values, guess).astype(np.float32)
    _relax(out, known, sweeps)
    return out


def _channels(array: np.ndarray, like: np.ndarray) -> np.ndarray:
    # OpenCV drops a last axis of length one.
    return array.reshape(*array.shape[:2], like.shape[2])


@numba.njit(cache=True)
def _relax(values, known, sweeps):
    H, W, C = values.shape
    for sweep in range(2 * sweeps):
        for i in range(H):
            for j in range((i + sweep) % 2, W, 2):
                if known[i, j]:
                    continue
                up, down, left, right = max(i - 1, 0), min(i + 1, H - 1), max(j - 1, 0), min(j + 1, W - 1)
                for c in range(C):
                    mean = 0.25 * (values[up, j, c] + values[down, j, c] + values[i, left, c] + values[i, right, c])
                    values[i, j, c] += 1.3 * (mean - values[i, j, c])
