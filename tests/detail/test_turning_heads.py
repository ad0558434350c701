"""A head that turns in a photo: the face moves, the body and the background stay."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portraitist_workers.detail import carry
from portraitist_workers.detail.fields import resized, sampled
from portraitist_workers.detail.hold import head_motion, held
from portraitist_workers.detail.membrane import membrane
from portraitist_workers.detail.mesh import Seen, points_of
from portraitist_workers.detail.parts import heads_of
from portraitist_workers.editing.carrying import edited_face
from portraitist_workers.editing.opening import open_photo
from portraitist_workers.faces.align import WHOLE, crop
from portraitist_workers.faces.attributes import load_attribute_points
from portraitist_workers.faces.edited import Layers, before_background
from portraitist_workers.faces.image_io import read, to_tensor, to_uint8
from portraitist_workers.faces.paste import paste
from portraitist_workers.persona.rendering import render
from portraitist_workers.persona.warm import WarmPersona

NEW = Path(__file__).parents[2] / "examples" / "new.jpg"


@pytest.fixture(scope="module")
def turned():
    """A photo opened for the prior itself, and its latent turned by about 14 degrees."""
    from serving.people import model

    person = WarmPersona("per_prior", "", model(1))
    photo = open_photo(person, NEW.read_bytes(), "new.jpg", None, space="w_plus", seed=0, on_stage=lambda _: print)
    axes = person.model.axes
    return photo, moved_by(axes, photo.w, 14.0), axes


def moved_by(axes, w, degrees):
    """`w` with another yaw."""
    change = torch.tensor([[degrees if name == "yaw" else 0.0 for name in axes.names]]).to(w)
    return axes.move(w, change)


def yaw(face):
    points = load_attribute_points()
    with torch.no_grad():
        return float(points(to_tensor(face))[0][0, points.names.index("yaw")])


def test_the_face_turns_as_far_as_the_generators_picture(turned):
    photo, w, _ = turned
    face = edited_face(photo, w)
    result = paste(photo.subject.photo, photo.subject.frame, face, others=()).image
    frames = photo.subject.frame, photo.subject.frame.within(face.square)
    before, after = crop(photo.subject.photo, frames[0], 256), crop(result, frames[1], 256)
    pictures = to_uint8(render(photo.generator, torch.cat([photo.w, w])))
    asked = yaw(pictures[1]) - yaw(pictures[0])
    assert asked > 8
    assert 0.8 < (yaw(after) - yaw(before)) / asked < 1.25
    assert face.square.right > 0.03  # and it has moved to that side in the photo


def test_body_and_background_stay(turned):
    photo, w, _ = turned
    frame = photo.subject.frame
    result = paste(photo.subject.photo, frame, edited_face(photo, w), others=()).image
    moved = np.abs(crop(result, frame, 256).astype(int) - crop(photo.subject.photo, frame, 256)).mean(2)
    head = cv2.dilate(photo.scene.small.matte, np.ones((25, 25), np.uint8)) > 0
    assert moved[~head].mean() < 1.5
    assert moved[235:].mean() < 2.5  # the neck at the crop's lower border
    assert moved[96:160, 96:160].mean() > 8  # negative control: the face


def test_a_side_that_comes_into_view_is_no_hole(turned, monkeypatch):
    """The photo does not show it, so its pixels cannot: the generator's picture does."""
    photo, axes = turned[0], turned[2]
    w = moved_by(axes, photo.w, -18.0)
    face = edited_face(photo, w)
    small = photo.scene.small
    bare = small.matte.astype(float) - sampled(small.matte, face.source) > 200
    head = bare & (resized(heads_of(to_uint8(render(photo.generator, w)))[0], 256) > 0.9)
    assert head.sum() > 30 and np.median(face.trust[head]) < 0.3
    assert face.trust[~bare].mean() > 0.5  # elsewhere it is the photo's pixels
    photo.faces.clear()
    monkeypatch.setattr(carry, "_GAP", 2.0)  # negative control: never looked for
    assert np.median(edited_face(photo, w).trust[head]) > 0.7
    photo.faces.clear()


def test_a_picture_is_held_by_what_turns_it_about():
    """Points of a face that turn about the axis between the ears, seen from a frame that follows the face."""
    face = points_of([crop_of_new()])[0]
    axis, angle = face[[234, 454]].mean(0) + np.array([0, 0, 0.02]), np.radians(12)
    spin = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    seen = ((face - axis) @ spin.T + axis) + np.array([0.07, 0.01, 0.0])
    turn, scale, here, there = head_motion(face, seen)
    assert abs(turn - 12) < 0.2 and abs(scale - 1) < 0.01
    assert np.allclose(there - here, (0.07, 0.01), atol=2e-3)
    blank = np.zeros((64, 64, 3), np.uint8)
    square = held(Seen(blank, face), Seen(blank + 1, seen)).square
    assert abs(square.right + 0.07) < 0.005 and abs(square.down + 0.01) < 0.005
    still = held(Seen(blank, face), Seen(blank + 1, face + np.array([0.07, 0, 0]))).square  # negative control: no turn
    assert abs(still.right - WHOLE.right) < 1e-3
    assert held(Seen(blank, face), Seen(blank, seen)).square == WHOLE  # nor an edit


def crop_of_new():
    from portraitist_workers.faces.align import ffhq_frame
    from portraitist_workers.faces.detect import detect_faces

    photo = read(NEW)
    return crop(photo, ffhq_frame(detect_faces(photo)[0].points), 256)


def test_a_pixel_keeps_its_share_of_the_person_and_changes_its_background():
    person, old, new = 200.0, 50.0, 90.0
    behind = np.zeros((1, 3, 4), np.uint8)
    behind[..., :3], behind[..., 3] = 50, 255
    matte = np.array([[0, 102, 255]], np.uint8)
    share = matte[..., None] / 255
    moved = np.repeat(share * person + (1 - share) * old, 3, 2).astype(np.float32)
    here = Layers(matte, np.full((1, 3, 4), 0, np.uint8))  # the photo itself shows its background there
    still = np.full((1, 3, 3), new, np.float32)
    out = before_background(moved, still, Layers(matte, behind), here)
    assert np.allclose(out, share * person + (1 - share) * new, atol=0.01)
    same = Layers(matte, behind)
    assert np.array_equal(before_background(moved, moved, same, same), moved)  # without motion: the same bits


def test_a_membrane_passes_through_what_holds_it():
    values, springs = np.zeros((32, 32, 1), np.float32), np.zeros((32, 32), np.float32)
    values[:, -1], springs[:, 0], springs[:, -1] = 1.0, 100.0, 100.0
    found = membrane(values, springs)[16, :, 0]
    assert np.allclose(found, np.linspace(0, 1, 32), atol=0.01)
