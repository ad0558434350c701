"""Blurs and mattes are worked out on smaller maps where that is as good."""

import cv2
import numpy as np
import pytest

from portraitist_workers.detail.fields import smooth
from portraitist_workers.detail.matte import guided


def picture(side: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    fine, broad = (rng.uniform(0, 255, (n, n, 3)).astype(np.float32) for n in (side, side // 16))
    return 0.3 * fine + 0.7 * cv2.resize(broad, (side, side), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(("side", "width"), [(256, 0.005), (256, 0.03), (250, 0.1), (512, 0.012), (512, 0.1)])
def test_a_wide_blur_is_a_gaussian_one(side, width):
    exact = cv2.GaussianBlur(picture(side), (0, 0), width * side)
    off = np.abs(smooth(picture(side), width) - exact)
    wrong = np.abs(cv2.GaussianBlur(picture(side), (0, 0), 0.8 * width * side) - exact)  # control: a sigma a fifth less
    assert off.mean() < 0.5 * wrong.mean()
    assert off[side // 4 : -side // 4, side // 4 : -side // 4].max() < 1


def test_what_is_even_stays_so():
    even = np.full((256, 256), 3.0, np.float32)
    assert np.abs(smooth(even, 0.2) - even).max() < 1e-4
    assert not smooth(np.zeros((256, 256, 2), np.float32), 0.2).any()


def test_a_soft_outline_is_laid_onto_the_edge_of_the_picture():
    y, x = np.mgrid[:300, :300]
    inside = np.hypot(x - 150, y - 150) < 90
    face = np.where(inside[..., None], (0.8, 0.6, 0.5), (0.2, 0.3, 0.4)).astype(np.float32)
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 6)
    fine = guided(face, soft, 6, 3e-5)
    steps = [np.abs(np.diff(values[150])).max() for values in (soft, fine)]
    assert steps[1] > 5 * steps[0]
