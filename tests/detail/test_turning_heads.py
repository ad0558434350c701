"""A head that turns in a photo: the face moves, the body and the background stay."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portraitist_workers.detail import carry, relief
from portraitist_workers.detail.fields import sampled
from portraitist_workers.detail.hold import Turn, head_turn, held
from portraitist_workers.detail.membrane import membrane
from portraitist_workers.detail.mesh import Seen, points_of
from portraitist_workers.detail.relief import _traced
from portraitist_workers.editing.carrying import edited_face
from portraitist_workers.editing.opening import open_photo
from portraitist_workers.faces import edited
from portraitist_workers.faces.align import WHOLE, Frame, crop
from portraitist_workers.faces.attributes import load_attribute_points
from portraitist_workers.faces.edited import EditedFace, Layers, before_background
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


def test_a_side_that_comes_into_view_is_the_photos_own_stretched(turned, monkeypatch):
    """Hair and ears reach from the head's outline, which stays, to the cheek, which goes. No hole, and nothing generated."""
    photo, axes = turned[0], turned[2]
    face = edited_face(photo, moved_by(axes, photo.w, -18.0))
    matte = photo.scene.small.matte / 255.0
    lost = (matte - sampled(photo.scene.small.matte, face.source) / 255.0) > 0.5
    assert lost[:128, 128:].mean() < 0.005  # the outline above the ear
    skin = sampled(photo.scene.skin, face.source) > 0.9
    generated = (face.trust[skin] < 0.7).mean()
    photo.faces.clear()
    # Negative control: what the generator shows is believed in the whole face.
    monkeypatch.setattr(carry, "near", lambda points, parts, beyond: np.ones((256, 256), np.float32))
    everywhere = edited_face(photo, moved_by(axes, photo.w, -18.0))
    photo.faces.clear()
    assert generated < 0.5 * (everywhere.trust[skin] < 0.7).mean()


def test_the_jaw_that_comes_into_view_stays_at_the_outline(turned, monkeypatch):
    """From the ear to the jaw's corner the cheek goes on behind the outline. No notch of background may come between them."""
    photo, axes = turned[0], turned[2]
    w, matte = moved_by(axes, photo.w, -18.0), photo.scene.small.matte / 255.0
    ear, corner = (round(256 * float(photo.scene.points[point, 1])) for point in (454, 288))

    def lost():
        photo.faces.clear()
        return ((matte - sampled(matte, edited_face(photo, w).source)) > 0.5)[ear:corner, 128:].sum()

    kept = lost()
    monkeypatch.setattr(relief, "_beside", lambda *_: (np.zeros((64, 64)),) * 2)  # negative control
    moved = lost()
    photo.faces.clear()
    assert moved > 40 and kept < 0.4 * moved


def test_the_side_that_the_face_goes_to_is_drawn_in(turned, monkeypatch):
    """A round head is no wider when it turns. What a height moves outwards, the turn itself draws in."""
    photo, axes = turned[0], turned[2]
    w, matte = moved_by(axes, photo.w, -18.0), photo.scene.small.matte / 255.0
    brow = round(256 * float(photo.scene.points[70, 1]))

    def width(columns):
        """By how much the head above the brows grows there, px of 256."""
        photo.faces.clear()
        change = sampled(matte, edited_face(photo, w).source) - matte
        return change[brow - 40 : brow, columns].sum(1).mean()

    far, near = width(slice(0, 128)), width(slice(128, 256))
    monkeypatch.setattr(Turn, "drawn_in", lambda self, places: np.zeros_like(places))  # negative control
    stiff, other = width(slice(0, 128)), width(slice(128, 256))
    photo.faces.clear()
    assert -8 < far < 0 and far < stiff - 2
    assert abs(near - other) < 0.3  # there what was hidden comes into view


def test_a_turn_draws_in_by_its_cosine():
    angle = np.radians(20)
    spin = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    places = np.array([[0.9, 0.2], [0.5, 0.9], [0.1, 0.5]])
    middle = np.array([0.5, 0.5, 0.0])
    for sign in (1, -1):  # to either side
        turn = Turn(np.linalg.matrix_power(spin, sign), 1.0, middle, middle)
        side = 0 if turn.shift[0] < 0 else 2
        inwards = turn.drawn_in(places)
        goes_to = 2 - side
        assert np.allclose(inwards[goes_to], [0.4 * (1 - np.cos(angle)) * (1 if goes_to == 2 else -1), 0], atol=1e-6)
        assert np.allclose(inwards[[1, side]], 0, atol=1e-9)
    still = Turn(np.eye(3), 1.0, middle, middle)  # negative control
    assert not still.drawn_in(places).any()


def relief_of(where, height):
    """What `_traced` says of a relief [256, 256] that is `height` in the columns `where`, turned to the right."""
    relief = np.zeros((256, 256), np.float32)
    relief[:, where] = height
    return _traced(relief, np.zeros((256, 256, 2), np.float32), np.array([0.5, 0.0], np.float32))


def test_what_is_nearer_hides_what_is_farther():
    source = relief_of(slice(100, 140), 0.1)
    step = 0.1 * 0.5  # of the side: 12.8 px
    assert np.allclose(source[128, 120:150, 0], -step, atol=2e-3)  # the ridge has come to the right ...
    assert np.allclose(source[128, 160:, 0], 0)  # ... what is farther right stays ...
    assert (np.arange(141, 150) / 256 + source[128, 141:150, 0] < 141 / 256).all()  # ... and what lay there is hidden
    assert np.allclose(relief_of(slice(100, 140), 0.0), 0)  # negative control: nothing stands out


def test_a_picture_is_held_by_what_turns_it_about():
    """Points of a face that turn about the axis between the ears, seen from a frame that follows the face."""
    face = points_of([crop_of_new()])[0]
    axis, angle = face[[234, 454]].mean(0) + np.array([0, 0, 0.04]), np.radians(12)
    spin = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    seen = ((face - axis) @ spin.T + axis) + np.array([0.07, 0.01, 0.0])
    turn = head_turn(face, seen)
    assert abs(turn.degrees - 12) < 0.2 and abs(turn.scale - 1) < 0.01
    assert np.allclose((turn.moved - turn.middle)[:2], (0.07, 0.01), atol=2e-3)
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


def test_a_stretched_side_has_no_streaks(monkeypatch):
    """Noise of the photo that is stretched to twice its width."""
    side, rng = 256, np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(0, 60, (side, side, 3)), (0, 0), 0.8)  # as that of a JPEG
    photo = (128 + noise).clip(0, 255).astype(np.uint8)
    frame, nothing = Frame(side / 2, side / 2, side / 2, 0.0), np.zeros((side, side), np.float32)
    source = np.zeros((side, side, 2), np.float32)
    source[..., 0] = (0.5 - (np.arange(side) + 0.5) / side) / 2

    def made(source):
        grey = np.zeros((side, side, 3), np.float32)
        return EditedFace(grey, grey, nothing + 1, source, nothing, photo.astype(np.float32))

    def streaks(face):
        """How much a picture changes from row to row, grey levels."""
        return np.abs(np.diff(paste(photo, frame, face).image.astype(float)[64:192, 64:192], axis=0)).mean()

    still, moved = made(np.zeros_like(source)), made(source)
    assert not still.across.any() and not made(np.full_like(source, 0.1)).across.any()
    assert not moved.across[..., 0].any() and moved.across[..., 1].min() > 1
    smoothed = streaks(moved)
    monkeypatch.setattr(edited, "_STREAK", 0.0)
    assert smoothed < 0.65 * streaks(moved)  # negative control
    assert np.array_equal(paste(photo, frame, still).image, photo)
