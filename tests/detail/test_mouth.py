"""Teeth that come into view are the person's own, from another photo."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from portraitist_workers.detail.mesh import seen
from portraitist_workers.detail.mouth import SIDE, inside, teeth
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import read

CORA = Path(__file__).parents[1] / "people" / "cora"


@pytest.fixture(scope="module")
def faces():
    """One person with a mouth that is shut, and with two that are open: 512 px."""
    entries = json.loads((CORA / "labels.json").read_text())["photos"]
    names = sorted(entries, key=lambda name: entries[name]["mouth_open"])
    near = [name for name in names if abs(entries[name]["yaw"]) < 15]
    photos = [read(CORA / name) for name in (near[0], near[-1], near[-2])]
    return seen([crop(photo, ffhq_frame(detect_faces(photo)[0].points), SIDE) for photo in photos])


def test_teeth_come_from_a_photo_that_shows_them(faces):
    shut, opened, other = faces
    blurred = cv2.GaussianBlur(opened.picture, (0, 0), 8).astype(np.float32)
    fill = teeth({"other.jpg": other}, shut.points, opened.points, blurred)
    assert fill.name == "other.jpg" and 30 < fill.share.sum() < 0.05 * SIDE**2
    result = blurred + fill.share[..., None] * (fill.picture - blurred)
    inside = fill.share > 0.5

    def sharpness(picture):
        return np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 3))[inside].mean()

    assert sharpness(result) > 0.5 * sharpness(opened.picture.astype(np.float32)) > 2 * sharpness(blurred)
    assert np.array_equal(result[~(fill.share > 0)], blurred[~(fill.share > 0)])


def test_no_teeth_where_none_come_into_view_or_none_are_known(faces):
    shut, opened, other = faces
    picture = opened.picture.astype(np.float32)
    assert teeth({}, shut.points, opened.points, picture) is None
    assert teeth({"other.jpg": other}, opened.points, opened.points, picture) is None  # they were seen before
    assert teeth({"other.jpg": other}, opened.points, shut.points, picture) is None  # they are gone
    assert teeth({"shut.jpg": shut}, shut.points, opened.points, picture) is None
    assert teeth({"other.jpg": other}, shut.points, opened.points, picture) is not None  # negative control


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
