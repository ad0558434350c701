"""The whole operation on a persona that nobody had to learn: sizes, holes, what is reported."""

import io
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from serving.people import context, persona_id

from portraitist.degradations import Downsample, GaussianBlur, Mask
from portraitist.errors import InvalidRequest
from portraitist.requests import Enhance, Photo
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import encode_png, read
from portraitist_workers.operations import run
from portraitist_workers.persona import presets, tuning
from portraitist_workers.restoration.loss import Likeness

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def restore(monkeypatch):
    monkeypatch.setitem(
        presets.PRESETS, "fast", presets.Preset(2, tuning.Schedule(steps=2), edit_steps=2, project_steps=2)
    )
    world = context(1)

    def call(picture, degradation, mask=None):
        if mask is not None:
            degradation = [Mask(image=world.put(encode_png(mask)))]
        photo = Photo(name="x.png", blob=world.put(encode_png(picture)))
        made = run(Enhance(persona_id=persona_id(1), photo=photo, degradation=degradation), world).pictures[0]
        return np.array(Image.open(io.BytesIO(world.blob(made.blob)))), made.report

    return call


@pytest.fixture(scope="module")
def photo():
    picture = read(EXAMPLES / "new.jpg")
    return picture, ffhq_frame(detect_faces(picture)[0].points)


def test_auto_keeps_the_photos_size_and_a_named_factor_enlarges(restore, photo):
    picture, frame = photo
    small = cv2.resize(picture, None, fx=50 / frame.size, fy=50 / frame.size, interpolation=cv2.INTER_AREA)
    made, report = restore(small, "auto")
    assert made.shape == small.shape and "downsample" in report.degradation
    assert (made != small).any() and report.outside_change == 0
    made, report = restore(small, [Downsample(3)])
    assert made.shape == (3 * small.shape[0], 3 * small.shape[1], 3) and report.consistency > 30
    assert report.identity_before is not None and report.identity is not None


def test_without_damage_the_photo_comes_back_as_it_is(restore, photo):
    made, report = restore(photo[0], [])
    assert np.array_equal(made, photo[0]) and report.mark == 0 and report.degradation == "none"
    assert "comes back as it is" in report.warnings[0]


def test_what_the_persona_cannot_explain_stays_and_is_told(restore, photo):
    """The persona is a stranger, after two steps of tuning. The result is no farther from the truth than the blurred photo."""
    picture, frame = photo
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.5 * frame.size / 128)
    made, report = restore(blurred, [GaussianBlur(1.5)])
    truth, before, after = (crop(p, frame, 128).astype(float) for p in (picture, blurred, made))
    assert np.square(after - truth).mean() < np.square(before - truth).mean()
    assert any("of the face stay as they were" in said for said in report.warnings) and report.outside_change == 0
    far = [
        p[-60:].astype(float) for p in (picture, blurred, made)
    ]  # below the square: the blur is partly undone there, too
    assert np.square(far[2] - far[0]).mean() < 0.8 * np.square(far[1] - far[0]).mean()


def test_no_fill_along_the_rim(restore, photo):
    """A hole of pure green: nothing of the result may be greener than the photo. (The persona's picture is a stranger's: a face.)"""
    picture, frame = photo
    x, y, side = int(frame.centre_x), int(frame.centre_y), int(frame.size)
    hole = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(hole, (x, y + side // 5), (side // 6, side // 9), 12, 0, 360, 255, -1)
    damaged = picture.copy()
    damaged[hole > 0] = (0, 255, 0)

    def greenest(p):
        return (p[..., 1].astype(int) - p[..., 0].astype(int))[hole > 0].max()

    made, report = restore(damaged, None, hole)
    assert greenest(made) < 40 < 150 < greenest(damaged) and report.warnings == []
    far = np.abs(crop(made, frame, 128).astype(int) - crop(picture, frame, 128))[:20].mean()
    assert far < 4  # known pixels stay, but for the mark


def test_holes_that_cannot_be_filled_as_a_whole_are_told(restore, photo):
    picture, frame = photo
    x, y, side = int(frame.centre_x), int(frame.centre_y), int(frame.size)
    beyond = np.zeros(picture.shape[:2], np.uint8)
    beyond[y + side // 4 :, x : x + side // 4] = 255
    report = restore(np.where(beyond[..., None] > 0, np.uint8(0), picture), None, beyond)[1]
    assert "outside the square around the face" in report.warnings[0]
    corner = np.zeros(picture.shape[:2], np.uint8)
    corner[:8, :8] = 255
    white = np.full(picture.shape[:2], 255, np.uint8)
    for mask, what in (
        (corner, "does not touch"),
        (white, "entirely white"),
        (corner.T[:, ::2], "shapes differ"),
        (picture, "a mask is black and white"),
    ):
        with pytest.raises(InvalidRequest, match=what):
            restore(picture, None, mask)


def test_likeness_pulls_no_further_than_the_photo_was():
    naive, person = (
        torch.eye(4)[:1],
        torch.nn.functional.normalize(torch.tensor([[1.0, 1, 0, 0], [1.0, 0.5, 0, 0]]), dim=1),
    )
    judge = SimpleNamespace(identity=lambda images: images, embeddings=person, scale=torch.tensor([0.9]))
    likeness = Likeness(judge, naive)
    stranger = torch.nn.functional.normalize(torch.tensor([[0.2, 0.0, 1, 0]]), dim=1).requires_grad_()
    assert likeness(naive) == 0 and likeness(person[:1]) == 0 and likeness(stranger) > 0
    likeness(stranger).backward()
    assert stranger.grad[0, 0] < 0  # towards the person
