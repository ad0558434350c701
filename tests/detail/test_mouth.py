"""Teeth that come into view are the person's own, from another photo, or else made up."""

import cv2
import numpy as np
import pytest
from mouths import faces_of_cora

from portraitist_workers.detail import made_up
from portraitist_workers.detail.mesh import seen
from portraitist_workers.detail.mouth import SIDE, _nearest, inside, teeth


@pytest.fixture(scope="module")
def faces():
    """One person with a mouth that is shut, and with two that are open: 512 px."""
    return seen(faces_of_cora(0, -1, -2))


def test_teeth_come_from_a_photo_that_shows_them(faces):
    shut, opened, other = faces
    blurred = cv2.GaussianBlur(opened.picture, (0, 0), 8).astype(np.float32)
    fill = teeth({"other.jpg": other}, shut.points, opened.points, blurred)
    assert fill.name == "other.jpg" and 30 < fill.share.sum() < 0.05 * SIDE**2
    result = blurred + fill.share[..., None] * (fill.picture - blurred)
    within = fill.share > 0.5

    def sharpness(picture):
        return np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 3))[within].mean()

    assert sharpness(result) > 0.5 * sharpness(opened.picture.astype(np.float32)) > 2 * sharpness(blurred)
    assert np.array_equal(result[~(fill.share > 0)], blurred[~(fill.share > 0)])


def test_no_teeth_where_none_come_into_view(faces):
    shut, opened, other = faces
    picture = opened.picture.astype(np.float32)
    assert teeth({"other.jpg": other}, opened.points, opened.points, picture) is None  # they were seen before
    assert teeth({"other.jpg": other}, opened.points, shut.points, picture) is None  # they are gone
    assert teeth({}, shut.points, shut.points, picture) is None
    assert teeth({"other.jpg": other}, shut.points, opened.points, picture) is not None  # negative control


@pytest.mark.parametrize("known", [False, True], ids=["no photos", "a photo of a mouth that is shut"])
def test_teeth_that_no_photo_shows_are_made_up(faces, known):
    shut, opened, _ = faces
    blurred = cv2.GaussianBlur(opened.picture, (0, 0), 8).astype(np.float32)
    fill = teeth({"shut.jpg": shut} if known else {}, shut.points, opened.points, blurred)
    within = fill.share > 0.5
    assert fill.name is None and 30 < within.sum() < 0.05 * SIDE**2
    brightness = fill.picture.mean(2)[within]
    assert brightness.max() > blurred.mean(2)[_white(opened)].mean()  # teeth, at the upper lip ...
    assert brightness.min() < 0.4 * brightness.max()  # ... and the dark between and below them
    apart = np.abs(fill.picture - cv2.GaussianBlur(fill.picture, (0, 0), 3))[within].mean()
    assert apart > 2 * np.abs(blurred - cv2.GaussianBlur(blurred, (0, 0), 3))[within].mean()


def test_made_up_teeth_are_as_bright_as_eyes_are_and_not_as_skin_is(faces):
    shut, opened, _ = faces
    picture, eyes = opened.picture.astype(np.float32), _white(opened)

    def brightness(face):
        fill = teeth({}, shut.points, opened.points, face)
        return np.percentile(fill.picture.mean(2)[fill.share > 0.5], 80)

    bright = brightness(picture)
    assert brightness(np.where(eyes[..., None], picture, 0.4 * picture)) > 0.75 * bright  # dark skin in the same light
    assert 0.4 < brightness(0.5 * picture) / bright < 0.6  # negative control: half the light


def _white(face):
    """[SIDE, SIDE] bool: the white of the eyes, and a little about it."""
    small = made_up._white_of_eyes(face.points).astype(np.uint8)
    return cv2.dilate(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), np.ones((5, 5))) > 0


def test_the_shape_of_the_mouth_and_the_side_it_is_seen_from_are_found():
    outlines = made_up.outlines()
    turned = outlines @ np.float32([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]) * 0.7  # a head on its side, and smaller
    for chosen in (0, 4, 8, 30, 57):
        assert _nearest(outlines, outlines[chosen] * 0.7) == chosen
        assert _nearest(outlines, turned[chosen]) != chosen  # negative control
    assert len({made_up.mouth(index).picture.tobytes() for index in (0, 4, 8, 30, 57)}) == 5


def test_a_black_and_white_photo_gets_grey_teeth_in_its_light(faces):
    shut, opened, other = faces
    grey = np.repeat(opened.picture.mean(2, keepdims=True), 3, 2).astype(np.float32)
    fill = teeth({"other.jpg": other}, shut.points, opened.points, grey)
    assert np.ptp(fill.picture, axis=2).max() < 0.01
    dark = teeth({"other.jpg": other}, shut.points, opened.points, 0.5 * grey)
    ratio = dark.picture[fill.share > 0.5].mean() / fill.picture[fill.share > 0.5].mean()
    assert 0.45 < ratio < 0.6


def test_a_mouth_that_is_named_gives_its_inside_even_where_teeth_were_seen_before(faces):
    shut, opened, other = faces
    picture = opened.picture.astype(np.float32)
    fill = inside("other.jpg", other, opened.points, picture)
    within = fill.share > 0.5
    assert fill.name == "other.jpg" and 30 < fill.share.sum() < 0.05 * SIDE**2
    green = other.picture.copy()
    green[..., [0, 2]] //= 8  # the whole picture is green, skin too: another light, which is taken away
    same = inside("green.jpg", type(other)(green, other.points), opened.points, picture)
    assert np.abs(same.picture - fill.picture)[within].mean() < 12
    assert np.abs(green.astype(np.float32) - other.picture)[within].mean() > 30  # the control
