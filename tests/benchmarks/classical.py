"""Restoration without a model of faces: bicubic enlargement, Telea inpainting, Wiener and Richardson-Lucy deconvolution.

Pictures are uint8 [H, W, 3]; the degradation is known exactly, which favours these methods.
"""

from __future__ import annotations

import cv2
import numpy as np


def bicubic(small: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def telea(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """`hole` [H, W] bool, True where pixels are missing (Telea 2004)."""
    return cv2.inpaint(picture, hole.astype(np.uint8) * 255, 3, cv2.INPAINT_TELEA)


def wiener(picture: np.ndarray, sigma: float, noise: float = 2e-3) -> np.ndarray:
    """Wiener filter against a Gaussian blur; `noise` is the noise-to-signal power ratio."""
    padded, pad = _padded(picture, sigma)
    transfer = _transfer(padded.shape[:2], sigma)
    spectrum = np.fft.fft2(padded, axes=(0, 1))
    restored = np.fft.ifft2(spectrum * (transfer / (transfer**2 + noise))[..., None], axes=(0, 1)).real
    return _cropped(restored, pad)


def richardson_lucy(picture: np.ndarray, sigma: float, rounds: int = 40) -> np.ndarray:
    """Richardson (1972), Lucy (1974)."""
    observed, pad = _padded(picture, sigma)
    observed = observed.clip(1e-3)
    estimate = observed.copy()
    for _ in range(rounds):
        ratio = observed / _blur(estimate, sigma).clip(1e-3)
        estimate = estimate * _blur(ratio, sigma)
    return _cropped(estimate, pad)


def _blur(x: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(x, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def _padded(picture: np.ndarray, sigma: float) -> tuple[np.ndarray, int]:
    """Mirrored at the edges, so that the filters do not ring there."""
    pad = int(6 * sigma)
    return np.pad(picture.astype(np.float64) / 255, ((pad, pad), (pad, pad), (0, 0)), mode="reflect"), pad


def _cropped(x: np.ndarray, pad: int) -> np.ndarray:
    return (x[pad:-pad, pad:-pad].clip(0, 1) * 255).round().astype(np.uint8)


def _transfer(shape: tuple[int, int], sigma: float) -> np.ndarray:
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    return np.exp(-2 * (np.pi * sigma) ** 2 * (fx**2 + fy**2))
