"""`auto`: what happened to a photo is seen at the size that the face has in it, by the person's own photos."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from serving.people import weights

from portraitist.degradations import GaussianBlur, Noise
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import read
from portraitist_workers.persona.judge import Judge
from portraitist_workers.persona.kept_detail import kept
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.restoration.estimate import estimate

EXAMPLES = Path(__file__).parents[2] / "examples"


def frame_in(photo):
    return ffhq_frame(detect_faces(photo)[0].points)


@pytest.fixture(scope="module")
def model():
    """It keeps the detail of six photos."""
    photos = [read(EXAMPLES / "photos" / f"photo-{number:02}.jpg") for number in range(6)]
    faces = [crop(photo, frame_in(photo), round(min(frame_in(photo).size, 512))) for photo in photos]
    return replace(PersonaModel.from_bytes(weights(1)), detail=kept(faces))


@pytest.fixture(scope="module")
def judge(model):
    return Judge(model)


@pytest.fixture(scope="module")
def photo():
    """Another one."""
    picture = read(EXAMPLES / "photos" / "photo-09.jpg")
    return picture, frame_in(picture).size / 128


def test_an_undamaged_photo_is_called_undamaged(model, judge, photo):
    assert estimate(photo[0], model, judge, "x") == []


@pytest.mark.parametrize("sigma", [0.6, 1.2, 3.0])
def test_a_blur_is_seen_that_is_small_at_the_priors_size(model, judge, photo, sigma):
    picture, pixel = photo
    (found,) = estimate(cv2.GaussianBlur(picture, (0, 0), sigma * pixel), model, judge, "x")
    assert isinstance(found, GaussianBlur) and sigma / 1.5 < found.sigma < sigma * 1.5


def test_noise_is_seen(model, judge, photo):
    picture, pixel = photo
    noise = np.random.default_rng(0).normal(0, 10 * pixel, picture.shape)
    (found,) = estimate((picture + noise).clip(0, 255).astype(np.uint8), model, judge, "x")
    assert isinstance(found, Noise) and 5 <= found.sigma <= 15
