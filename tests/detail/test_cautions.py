"""What is in the way of an edit is said."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces.test_mesh import drawn_hand

from portraitist.results import AttributeReport
from portraitist_workers.detail.scene import scene_of
from portraitist_workers.editing.caution import cautions
from portraitist_workers.faces.align import Square, crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import read, to_tensor
from portraitist_workers.persona.judge import _fell_short
from portraitist_workers.persona.subject import Subject

NEW = Path(__file__).parents[2] / "examples" / "new.jpg"


@pytest.fixture(scope="module")
def subject():
    photo = read(NEW)
    return of(photo, ffhq_frame(detect_faces(photo)[0].points))


def of(photo, frame):
    pixels = to_tensor(crop(photo, frame, 128))
    return Subject(photo, frame, pixels, torch.ones(1, 1, 128, 128), ())


def said(subject):
    return cautions(subject, scene_of(subject.photo, subject.frame, subject.others))


def test_nothing_is_in_the_way_of_a_plain_photo(subject):
    assert said(subject) == ()


def test_a_hand_before_the_face_is_said(subject):
    face = drawn_hand(crop(subject.photo, subject.frame, 256))
    frame = subject.frame
    x, y, side = round(frame.centre_x - frame.size / 2), round(frame.centre_y - frame.size / 2), round(frame.size)
    photo = subject.photo.copy()
    photo[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    [sentence] = said(of(photo, frame))
    assert "hand" in sentence


def test_a_face_at_the_photos_edge_is_said(subject):
    frame = subject.frame
    left = round(frame.centre_x)  # half of the face is left
    cut = of(np.ascontiguousarray(subject.photo[:, left:]), replace(frame, centre_x=frame.centre_x - left))
    assert any("edge" in sentence for sentence in said(cut))


def test_a_head_that_touches_is_said_and_stays(subject):
    near, far = (subject.frame.within(Square(right, 0.0, 1.0)) for right in (0.4, 1.2))
    assert [s for s in said(replace(subject, others=(near,))) if "touches" in s]
    assert said(replace(subject, others=(far,))) == ()  # negative control
    assert scene_of(subject.photo, subject.frame, (near,)).others.max() == 1
    assert scene_of(subject.photo, subject.frame, (far,)).others.max() == 0


def test_an_edit_that_falls_short_is_said():
    row = AttributeReport(requested=12.0, target=12.0, achieved=5.0, before=0.0, error=0.5)
    assert "5" in _fell_short("yaw", row) and "Ask for less" in _fell_short("yaw", row)
    assert _fell_short("yaw", row.model_copy(update={"achieved": 11.0})) == ""
    assert _fell_short("yaw", row.model_copy(update={"target": 2.0, "achieved": 0.0})) == ""  # hardly asked
