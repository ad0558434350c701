"""Photographs that an edit cannot treat as others: they are refused, or come out whole."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces.hostile_files import png_bomb
from serving.people import context, model, persona_id

from portraitist.errors import InvalidImage
from portraitist.requests import Edit, Photo
from portraitist_workers import operations
from portraitist_workers.detail.fields import sampled
from portraitist_workers.editing.carrying import edited_face
from portraitist_workers.editing.opening import open_photo
from portraitist_workers.faces.align import crop
from portraitist_workers.faces.image_io import encode_png, read
from portraitist_workers.faces.paste import paste
from portraitist_workers.persona.warm import WarmPersona

NEW = Path(__file__).parents[2] / "examples" / "new.jpg"
FACE = 1.7  # the FFHQ square is so much wider than the face (docs/photos.md)


@pytest.fixture(scope="module")
def person():
    """The prior itself: its generator has never seen this person."""
    return WarmPersona("per_prior", "", model(1))


def opened(person, photo):
    return open_photo(person, encode_png(photo), "p.png", None, space="w_plus", seed=0, on_stage=lambda _: print)


def moved(person, photo, **values):
    axes = person.model.axes
    change = torch.tensor([[values.get(name, 0.0) for name in axes.names]]).to(photo.w)
    return edited_face(photo, axes.move(photo.w, change))


def pasted(photo, face):
    return paste(photo.subject.photo, photo.subject.frame, face, others=photo.subject.others).image


def steepest(picture):
    """What a tear raises: the steepest hundredth of the steps between neighbours."""
    grey = picture.astype(np.float32).mean(2)
    return max(np.quantile(np.abs(np.diff(grey, axis=axis)), 0.99) for axis in (0, 1))


def test_a_face_of_60_px_comes_out_whole(person):
    photo = read(NEW)
    size = 60 * FACE / opened(person, photo).subject.frame.size
    small = cv2.resize(photo, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    here = opened(person, small)
    assert abs(here.subject.frame.size / FACE - 60) < 6
    face = moved(person, here, yaw=14.0)
    result = pasted(here, face)
    before, after = (crop(one, here.subject.frame, 96) for one in (small, result))
    assert np.abs(after.astype(int) - before).mean() > 2  # it did turn
    assert steepest(after) < 1.2 * steepest(before)
    torn = face.source.copy()  # negative control
    torn[::8] += 0.2
    assert steepest(crop(pasted(here, replace(face, source=torn)), here.subject.frame, 96)) > 1.2 * steepest(before)


def test_hair_over_the_face_stays_the_photos(person):
    """A lock of the person's own hair over an eye and a cheek: where it is, the generator shows none."""
    plain = opened(person, read(NEW))
    frame, scene = plain.subject.frame, plain.scene
    face = crop(plain.subject.photo, frame, 256)
    lock = np.zeros((256, 256), np.float32)
    cv2.line(lock, (150, 40), (176, 190), 1.0, 20, cv2.LINE_AA)
    covered = face + lock[..., None] * (_strands(face, scene) - face)
    side = round(frame.size)
    x, y = round(frame.centre_x - frame.size / 2), round(frame.centre_y - frame.size / 2)
    photo = plain.subject.photo.copy()
    photo[y : y + side, x : x + side] = cv2.resize(covered, (side, side)).round().clip(0, 255).astype(np.uint8)
    here = opened(person, photo)
    for values in ({"smile": 0.5}, {"yaw": 12.0}):
        changed = moved(person, here, **values)
        there = sampled(lock, changed.source) > 0.95
        assert there.sum() > 1000
        off = np.abs(changed.shown - sampled(here.scene.face.astype(np.float32), changed.source))[there].mean()
        bare = moved(person, plain, **values)
        control = np.abs(bare.plain - sampled(here.scene.face.astype(np.float32), changed.source))[there].mean()
        assert off < 0.35 * control  # negative control: what the generator shows there


def _strands(face, scene):
    """[256, 256, 3]: streaks in the colours of the photo's hair."""
    hair = face[20:44, 100:140].reshape(-1, 3).astype(np.float32)
    rng = np.random.default_rng(0)
    lines = hair[rng.integers(0, len(hair), 256)][None].repeat(256, 0)
    return cv2.GaussianBlur(lines, (0, 0), 0.7)


def test_an_edit_of_200_megapixels_is_refused_with_the_limit():
    world = context(1)
    photo = Photo(name="huge.png", blob=world.put(png_bomb(20_000, 10_000)))
    with pytest.raises(InvalidImage, match="huge.png.*more than 50 million pixels: scale it down") as caught:
        operations.run(Edit(persona_id=persona_id(1), photo=photo, values=[{"yaw": 5}]), world)
    assert caught.value.param == "huge.png"
