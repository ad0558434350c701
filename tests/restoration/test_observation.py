"""Where the face is in a damaged photo, how much of it is left, and what a result owes to that."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from serving.people import context, weights

from portraitist.degradations import Downsample, Jpeg, Mask
from portraitist.errors import FaceNotFound, InvalidRequest
from portraitist_workers.faces.image_io import encode_png, read
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.restoration.back_projection import back_project
from portraitist_workers.restoration.locate import locate
from portraitist_workers.restoration.observation import observe, psnr

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def model():
    return PersonaModel.from_bytes(weights(1))


@pytest.fixture(scope="module")
def photo(model):
    picture = read(EXAMPLES / "new.jpg")
    return picture, locate(picture, model, "new.jpg")[0]


def covered(picture, frame, across, down):
    """Black over the part of the frame that is given in its sides, and the mask."""
    hole = np.zeros(picture.shape[:2], bool)
    x, y = (
        int(c + f * frame.size) for c, f in zip((frame.centre_x, frame.centre_y), (across[0], down[0]), strict=True)
    )
    hole[
        max(y, 0) : y + int((down[1] - down[0]) * frame.size), max(x, 0) : x + int((across[1] - across[0]) * frame.size)
    ] = True
    return np.where(hole[..., None], np.uint8(0), picture), hole


def off(a, b):
    """Between two frames' centres, in px of 128."""
    return 128 * np.hypot(a.centre_x - b.centre_x, a.centre_y - b.centre_y) / a.size


@pytest.mark.parametrize(("down", "worst"), [((0.12, 0.4), 3), ((-0.12, 0.06), 6)])
def test_a_face_with_a_hole_is_found_where_it_is(model, photo, down, worst):
    picture, frame = photo
    black, hole = covered(picture, frame, (-0.2, 0.2), down)
    assert off(frame, locate(black, model, "x", hole)[0]) < worst


def test_a_face_that_is_gone_is_asked_for_otherwise(model, photo):
    picture, frame = photo
    black, hole = covered(picture, frame, (-0.5, 0.5), (-0.5, 0.5))
    with pytest.raises(FaceNotFound, match="a mask that covers less of it, or the face alone, cut out as a square"):
        locate(black, model, "x", hole)
    square = np.zeros((200, 200, 3), np.uint8)
    assert locate(square, model, "x", np.ones((200, 200), bool))[0].size == 200


def test_of_two_faces_the_damaged_one_is_meant(model):
    group = read(EXAMPLES / "group.jpg")
    first, others = locate(group, model, "group.jpg")
    for frame in (first, *others):
        black, hole = covered(group, frame, (-0.15, 0.15), (0.15, 0.35))
        assert off(frame, locate(black, model, "x", hole)[0]) < 8
    assert others


def test_what_was_lost_is_measured_on_the_face(model, photo):
    """A face of 60 px that is named eight times too small still has 60 px: 16, as the factor alone would say, throw most of it away."""
    picture, frame = photo
    shrink = 60 / frame.size
    small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    seen = observe(small, [Downsample(8)], model, context(1).blob, "x")
    assert 54 <= seen.observed.shape[-1] <= 66 and seen.photo.shape[:2] == (8 * small.shape[0], 8 * small.shape[1])
    both = observe(small, [Downsample(2), Jpeg(50), Downsample(4)], model, context(1).blob, "x")
    assert both.sides[-1] == seen.observed.shape[-1] < both.sides[0] < 128
    kept = observe(small, [Downsample(2)], model, context(1).blob, "x", keep_size=True)
    assert kept.photo is small and abs(kept.frame.size - 60) < 6 and 54 <= kept.observed.shape[-1] <= 66
    with pytest.raises(InvalidRequest, match="nothing to restore from"):
        observe(np.zeros((3, 3, 3), np.uint8), [Downsample(16)], model, context(1).blob, "x")


def test_a_mask_of_a_small_photo_is_taken_in_its_pixels(model, photo):
    picture, frame = photo
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    black, hole = covered(small, frame.scaled(0.25), (-0.15, 0.15), (0.12, 0.35))
    world = context(1)
    mask = Mask(image=world.put(encode_png(hole.astype(np.uint8) * 255)))
    seen = observe(black, [Downsample(4), mask], model, world.blob, "x")
    assert seen.known.shape[-1] == 128 and 0.5 < seen.known.mean() < 0.95
    n = seen.observed.shape[-1]
    assert (seen.observed[0, 0] == 0).float().mean() > hole.sum() / n**2  # grey, and none of the black beside it
    assert seen.observed[0].max(0).values.min() > -0.98


def test_back_projection_puts_coarse_detail_right_and_leaves_fine_detail(model, photo):
    picture, frame = photo
    small = cv2.resize(picture, None, fx=60 / frame.size, fy=60 / frame.size, interpolation=cv2.INTER_AREA)
    chain = [Downsample(4)]
    seen = observe(small, chain, model, context(1).blob, "x")
    rng = torch.Generator().manual_seed(0)
    fine = 0.05 * torch.randn(1, 3, 128, 128, generator=rng)
    wrong = (seen.naive - 0.2 + fine).clamp(-1, 1)
    right = back_project(wrong, chain, seen)
    assert psnr(seen.degrade(chain, wrong), seen.observed) < 22 and psnr(seen.degrade(chain, right), seen.observed) > 36
    detail = [(p - torch.nn.functional.avg_pool2d(p, 5, 1, 2)).std() for p in (wrong, right)]
    assert detail[1] > 0.8 * detail[0]
