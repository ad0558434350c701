"""A photo's pixels taken along by an edit."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portraitist_workers.detail.carry import carried
from portraitist_workers.detail.laying import CHANGING, near
from portraitist_workers.detail.mesh import Seen, lips_of, seen
from portraitist_workers.detail.motion import motion
from portraitist_workers.detail.scene import scene_of
from portraitist_workers.editing.carrying import edited_face
from portraitist_workers.editing.opening import open_photo
from portraitist_workers.faces.image_io import read, to_uint8
from portraitist_workers.faces.paste import _tiles, paste
from portraitist_workers.persona.rendering import render
from portraitist_workers.persona.warm import WarmPersona

BROWS = CHANGING[:2]  # with the eyes
NEW = Path(__file__).parents[2] / "examples" / "new.jpg"


@pytest.fixture(scope="module")
def opened():
    """A photo opened for the prior itself: its generator has never seen this person."""
    from serving.people import model

    person = WarmPersona("per_prior", "", model(1))
    return person, open_photo(
        person, NEW.read_bytes(), "new.jpg", None, space="w_plus", seed=0, on_stage=lambda _: print
    )


def moved(person, photo, **values):
    axes = person.model.axes
    change = torch.tensor([[values.get(name, 0.0) for name in axes.names]]).to(photo.w)
    return axes.move(photo.w, change)


def pasted(photo, w):
    return paste(photo.subject.photo, photo.subject.frame, edited_face(photo, w), others=photo.subject.others)


def test_no_edit_is_the_photo_bit_for_bit(opened):
    person, photo = opened
    result = pasted(photo, photo.w)
    assert np.array_equal(result.image, read(NEW)) and not result.mask.any()
    # Negative control: the generator does not show this photo, and so an edit does change it.
    assert np.abs(to_uint8(render(photo.generator, photo.w)).astype(int) - to_uint8(photo.subject.pixels)).mean() > 2
    assert (pasted(photo, moved(person, photo, smile=0.4)).image != read(NEW)).any()


def sharpness(picture, where):
    grey = picture.astype(np.float32).mean(2)
    inner = grey[1:-1, 1:-1]
    around = (
        sum(grey[1 + y : len(grey) - 1 + y, 1 + x : grey.shape[1] - 1 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9
    )
    return np.sqrt(np.square(inner - around)[where[1:-1, 1:-1]].mean())


def test_what_moves_stays_sharp_and_goes_along(opened):
    person, photo = opened
    w = moved(person, photo, yaw=16.0)
    face = edited_face(photo, w)
    result, before = pasted(photo, w), read(NEW)
    inside = np.zeros(before.shape[:2], bool)
    frame = photo.subject.frame
    half = int(frame.size / 4)
    inside[
        int(frame.centre_y) - half : int(frame.centre_y) + half, int(frame.centre_x) - half : int(frame.centre_x) + half
    ] = True
    assert (
        np.linalg.norm(face.source, axis=2)[96:160, 96:160].mean() * frame.size > 2
    )  # it does move, in px of the photo
    assert 0.75 < sharpness(result.image, inside) / sharpness(before, inside) < 1.15
    plain = pasted(photo, w)  # negative control: the generator's picture alone is soft
    blurred = paste(
        photo.subject.photo,
        frame,
        type(face)(face.plain, face.change, 0 * face.trust, face.source, 0 * face.grain, face.moved),
    )
    assert sharpness(blurred.image, inside) / sharpness(before, inside) < 0.6
    assert np.array_equal(plain.image, result.image)  # and the same asked again gives the same bits


def test_a_black_and_white_photo_stays_black_and_white(opened):
    person, photo = opened
    grey = np.repeat(photo.subject.photo.mean(2, keepdims=True).round().astype(np.uint8), 3, 2)
    subject = replace(photo.subject, photo=grey)
    other = replace(photo, subject=subject, scene=scene_of(grey, subject.frame, ()), faces=OrderedDict())
    result = pasted(other, moved(person, photo, smile=0.5)).image.astype(int)
    assert (result != grey).any() and np.ptp(result, axis=2).max() <= 1
    assert (
        np.ptp(pasted(photo, moved(person, photo, smile=0.5)).image.astype(int), axis=2).max() > 20
    )  # negative control


def test_work_depends_on_the_face_not_on_the_photo(opened):
    _, photo = opened
    frame = photo.subject.frame
    huge = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (20_000, 20_000, 3))
    tiles = list(_tiles(huge, frame))
    assert sum((r.stop - r.start) * (c.stop - c.start) for r, c in tiles) < 2.5 * frame.size**2
    assert len(list(_tiles(huge, frame.scaled(10.0)))) > 10


def test_lips_keep_their_own_pixels_whatever_the_generator_paints_on_them(opened):
    """Where no photo smiles, the generator's lips are half teeth."""
    person, photo = opened
    w = moved(person, photo, smile=0.3)
    [after] = seen([to_uint8(render(photo.generator, w))[0]])
    lips = cv2.resize(lips_of(after.points), after.picture.shape[:2], interpolation=cv2.INTER_AREA)[..., None]
    brows = cv2.resize(near(after.points, BROWS, 0.01), after.picture.shape[:2], interpolation=cv2.INTER_AREA)[
        ..., None
    ]
    white = np.array([255, 255, 255.0])

    def shown(where):
        picture = (after.picture + 0.6 * where * (white - after.picture)).astype(np.uint8)
        return carried(photo.scene, motion(photo.before, Seen(picture, after.points))).shown

    plain = shown(0 * lips)
    mouth, brow = (cv2.resize(m, plain.shape[:2])[..., None] > 0.9 for m in (lips, brows))
    painted = [
        np.abs(shown(where) - plain)[np.broadcast_to(at, plain.shape)].mean()
        for where, at in ((lips, mouth), (brows, brow))
    ]
    assert painted[0] < 0.4 * painted[1]  # negative control: what else changes in the face is shown
