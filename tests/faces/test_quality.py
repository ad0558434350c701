"""Blur, exposure and duplicates: each threshold on both of its sides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from portraitist_workers.faces import quality
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import decode, encode_jpeg, read
from portraitist_workers.faces.intake import DUPLICATE
from portraitist_workers.faces.weighing import BLURRED, BRIGHT, CLIPPED, DARK, FLAT

from .conftest import PEOPLE, person_photos


def aligned(path_or_photo, side: int = 128) -> np.ndarray:
    photo = read(path_or_photo) if not isinstance(path_or_photo, np.ndarray) else path_or_photo
    return crop(photo, ffhq_frame(detect_faces(photo)[0].points), side)


@pytest.fixture(scope="module")
def crops() -> list[np.ndarray]:
    return [aligned(path) for name in PEOPLE for path in person_photos(name)[:6]]


def stops(picture: np.ndarray, count: float) -> np.ndarray:
    """Exposed by `count` stops more."""
    return (((picture / 255.0) ** 2.2 * 2.0**count).clip(0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def test_blurred_photos_are_told_from_sharp_ones(crops):
    sharp = [quality.blur_sigma(c) for c in crops]
    blurred = [quality.blur_sigma(cv2.GaussianBlur(c, (0, 0), 2.0)) for c in crops]
    assert max(sharp) < BLURRED < min(blurred)


def test_blur_is_measured_in_pixels(crops):
    """Adding a known blur s to one of 0 gives sqrt(0^2 + s^2), within 30 %."""
    for added in (1.0, 1.5):
        for picture in crops:
            own = quality.blur_sigma(picture)
            assert quality.blur_sigma(cv2.GaussianBlur(picture, (0, 0), added)) == pytest.approx(
                np.hypot(own, added), rel=0.3
            )


def test_motion_blur_is_found_in_either_direction(crops):
    for kernel in (np.ones((1, 13)) / 13, np.ones((13, 1)) / 13):
        found = [quality.blur_sigma(cv2.filter2D(c, -1, kernel)) > BLURRED for c in crops]
        assert np.mean(found) > 0.9


def test_grain_neither_hides_nor_feigns_blur(crops):
    rng = np.random.default_rng(0)

    def grain(picture):
        return (picture + rng.normal(0, 5, picture.shape)).clip(0, 255).astype(np.uint8)

    assert max(quality.blur_sigma(grain(c)) for c in crops) < BLURRED
    assert np.mean([quality.blur_sigma(grain(cv2.GaussianBlur(c, (0, 0), 2.5))) > BLURRED for c in crops]) > 0.9


def test_blur_figure_does_not_depend_on_the_resolution():
    path = person_photos("cora")[3]
    assert quality.blur_sigma(aligned(path, 128)) == pytest.approx(quality.blur_sigma(aligned(path, 256)), abs=0.45)


def badly_lit(picture: np.ndarray) -> bool:
    light = quality.exposure(picture)
    return not DARK <= light.brightness <= BRIGHT or light.contrast < FLAT or light.clipped > CLIPPED


def test_only_the_extremes_are_badly_lit(crops):
    assert not any(badly_lit(stops(c, e)) for c in crops for e in (-2, -1, 0, 0.5, 1))
    assert np.mean([badly_lit(stops(c, -5)) for c in crops]) > 0.9
    assert np.mean([badly_lit(stops(c, 4)) for c in crops]) > 0.9


def test_copies_are_recognised_and_different_photos_are_not(crops):
    signatures = [quality.signature(c) for c in crops]
    likest = max(quality.similarity(a, b) for i, a in enumerate(signatures) for b in signatures[:i])
    assert likest < DUPLICATE
    for name in PEOPLE:
        path = person_photos(name)[2]
        photo = read(path)
        smaller = cv2.resize(photo, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)[:, 4:]
        copy = decode(encode_jpeg(stops(smaller, 0.2), 60))
        original = quality.signature(aligned(photo))
        assert quality.similarity(original, quality.signature(aligned(copy))) > DUPLICATE
        assert (
            quality.similarity(original, quality.signature(aligned(np.ascontiguousarray(photo[:, ::-1])))) > DUPLICATE
        )
