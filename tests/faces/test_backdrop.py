"""Tone of the background behind an edited head."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from portraitist_workers.faces.align import Frame
from portraitist_workers.faces.backdrop import Heads, keep_backdrop
from portraitist_workers.faces.edited import still
from portraitist_workers.faces.paste import paste

SIDE = 128


def portrait(background, shift: int = 0) -> np.ndarray:
    """A head (skin, dark hair, eyes, nose, mouth) before a plain background with a little grain."""
    picture = np.full((SIDE, SIDE, 3), background, np.uint8)
    cv2.ellipse(picture, (64 + shift, 58), (42, 54), 0, 0, 360, (60, 40, 30), -1)
    cv2.ellipse(picture, (64 + shift, 68), (30, 40), 0, 0, 360, (205, 160, 135), -1)
    cv2.rectangle(picture, (46 + shift, 100), (82 + shift, 127), (195, 150, 125), -1)
    for x in (51 + shift, 77 + shift):
        cv2.ellipse(picture, (x, 60), (6, 3), 0, 0, 360, (235, 235, 235), -1)
        cv2.circle(picture, (x, 60), 3, (50, 40, 35), -1)
        cv2.line(picture, (x - 7, 53), (x + 7, 53), (70, 50, 40), 2)
    cv2.line(picture, (64 + shift, 66), (62 + shift, 78), (180, 130, 110), 2)
    cv2.ellipse(picture, (64 + shift, 89), (10, 3), 0, 0, 360, (190, 90, 90), -1)
    grain = np.random.default_rng(0).normal(0, 2, picture.shape)
    return (picture + grain).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("drift", [(150, 90, 140), (90, 120, 130), (60, 60, 60)])
def test_drifted_background_returns_to_the_photos(drift):
    original, edited = portrait((120, 120, 125)), portrait(drift, shift=6)
    fixed = keep_backdrop(edited, original, Heads.find(original, edited))
    corner = (slice(4, 40), slice(2, 14))
    assert np.abs(edited[corner].mean((0, 1)) - original[corner].mean((0, 1))).max() > 20
    assert np.abs(fixed[corner].mean((0, 1)) - original[corner].mean((0, 1))).max() < 3


def test_the_head_is_left_alone():
    original, edited = portrait((120, 120, 125)), portrait((150, 90, 140), shift=6)
    face = (slice(40, 100), slice(52, 88))
    moved = np.abs(keep_backdrop(edited, original, Heads.find(original, edited))[face].astype(int) - edited[face])
    assert moved.mean() < 1 and moved.max() <= 3  # of a drift of 30


def test_unchanged_stays_unchanged_and_it_is_deterministic():
    original = portrait((120, 120, 125))
    assert np.abs(keep_backdrop(original, original, Heads.find(original, original)).astype(int) - original).max() <= 1
    edited = portrait((150, 90, 140), shift=6)
    once, again = (keep_backdrop(edited, original, Heads.find(original, edited)) for _ in range(2))
    assert np.array_equal(once, again)


def test_a_crop_without_background_is_returned_as_it_is():
    noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    assert keep_backdrop(noise, noise, Heads.find(noise, noise)).shape == noise.shape


def test_a_head_that_moved_leaves_no_ghost_in_the_photo():
    grey = (150, 150, 155)
    original, edited = portrait(grey, shift=-14), portrait(grey, shift=14)
    photo = np.full((2 * SIDE, 2 * SIDE, 3), grey, np.uint8)
    photo[64:192, 64:192] = original
    frame = Frame(SIDE, SIDE, SIDE / 2, 0.0)
    left_behind = (slice(64 + 50, 64 + 70), slice(64 + 12, 64 + 20))  # old hair, in the fade towards the crop's border

    def ghost(heads):
        pasted = paste(photo, frame, still(edited, original), heads=heads).image
        return np.abs(pasted[left_behind].mean((0, 1)) - grey).max()

    assert np.abs(photo[left_behind].mean((0, 1)) - grey).max() > 60
    assert ghost(Heads.find(original, edited)) < 6
    assert ghost(None) > 12  # what it was before


def test_the_mask_covers_the_head():
    person = Heads.find(portrait((120, 120, 125)), portrait((120, 120, 125))).before
    assert person[60, 64] > 0.9 and person[20, 64] > 0.9 and person[5, 5] < 0.1
    assert 0.3 < person.mean() < 0.6
