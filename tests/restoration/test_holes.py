"""What a mask leaves of a photo, and that nothing of the fill colour comes back."""

import cv2
import numpy as np
import pytest
import torch

from portraitist.errors import InvalidRequest
from portraitist_workers.faces.align import Frame, crop
from portraitist_workers.faces.edited import still
from portraitist_workers.faces.image_io import encode_jpeg, encode_png, to_tensor, to_uint8
from portraitist_workers.faces.paste import paste
from portraitist_workers.restoration import holes

FRAME = Frame(300.0, 240.0, 160.0, 20.0)  # a square of 322 px, turned by 7 degrees
SIDE = 128


def rectangle(shape=(480, 640), box=(250, 290, 340, 350)):
    hole = np.zeros(shape, np.uint8)
    x0, y0, x1, y1 = box
    hole[y0:y1, x0:x1] = 255
    return hole


@pytest.fixture
def skin():
    """[480, 640, 3] of one smooth colour that wanders a little."""
    rng = np.random.default_rng(0)
    tone = cv2.resize(rng.normal(0, 6, (5, 6, 3)).astype(np.float32), (640, 480), interpolation=cv2.INTER_CUBIC)
    return (tone + np.array([190, 150, 130])).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("as_file", [encode_png, lambda m: encode_jpeg(m, 40)])
def test_every_pixel_that_is_partly_covered_is_missing(skin, as_file):
    soft = cv2.GaussianBlur(rectangle(), (0, 0), 1.0)
    missing = holes.read_mask(as_file(soft), skin)
    assert (
        missing[soft > 64].all() and not missing[soft == 0][::7].all() and 0.9 < missing.sum() / (soft > 32).sum() < 1.1
    )


@pytest.mark.parametrize("size", [(320, 240), (1280, 960)])
def test_a_mask_of_another_size_is_resampled_to_the_missing_side(skin, size):
    hole = rectangle()
    other = cv2.resize(hole, size, interpolation=cv2.INTER_AREA)
    missing = holes.read_mask(encode_png(other), skin)
    assert missing[hole > 0].all() and missing.sum() < 1.15 * (hole > 0).sum()


def test_nothing_of_the_fill_is_known(skin):
    """Negative control: taking rim pixels that are less than half covered for known lets the fill in."""
    hole = rectangle() > 0
    black = skin.copy()
    black[hole] = 0
    seen, truth = crop(black, FRAME, SIDE).astype(int), crop(skin, FRAME, SIDE).astype(int)
    known = holes.known_in(hole, FRAME, SIDE)[0, 0].numpy() > 0
    assert np.abs(seen - truth)[known].max() <= 1
    half = crop(np.repeat(hole[..., None] * np.uint8(255), 3, 2), FRAME, SIDE)[..., 0] < 128
    assert np.abs(seen - truth)[half].max() > 40
    assert known.mean() > 0.8 * half.mean()  # and not much is lost


def test_what_is_filled_in_takes_the_tone_of_its_surroundings(skin):
    truth = to_tensor(crop(skin, FRAME, SIDE)[None])
    hole = rectangle() > 0
    known = holes.known_in(hole, FRAME, SIDE)
    darker = truth - 0.2
    filled = holes.blend(darker, truth * known, known)
    missing = known.expand_as(truth) == 0
    assert (filled - truth)[missing].abs().max() < 0.03 < (darker - truth)[missing].abs().min()
    assert torch.equal(filled[..., :20, :20], truth[..., :20, :20])


@pytest.mark.parametrize("fill", [0, 255])
def test_nothing_of_the_fill_is_delivered(skin, fill):
    """Whatever the hole's colour, also where the hole reaches over the square's border; negative control: `paste` that is not told."""
    hole = rectangle(box=(100, 290, 340, 350)) > 0  # out of the square
    damaged = skin.copy()
    damaged[hole] = fill
    known = holes.known_in(hole, FRAME, SIDE)
    seen, truth = (to_tensor(crop(p, FRAME, SIDE)[None]) for p in (damaged, skin))
    pixels = to_uint8(holes.blend(truth, seen, known))[0]
    inside = np.zeros(hole.shape, np.uint8)
    cv2.fillPoly(inside, [FRAME.scaled(1.0).corners.round().astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((7, 7))) > 0

    def worst(missing):
        face = still(pixels, crop(damaged, FRAME, SIDE), None if missing is None else 1 - missing)
        return np.abs(paste(damaged, FRAME, face, missing=missing).image.astype(int) - skin)[inside].max()

    assert worst(1 - known[0, 0].numpy()) <= 8
    assert worst(None) > 40
    assert 0.08 < holes.unfilled(hole, FRAME) < 0.15


def test_holes_that_cannot_be_filled_are_refused():
    far = rectangle(box=(600, 10, 635, 60)) > 0
    with pytest.raises(
        InvalidRequest, match=r"does not touch the person's face.*from 1\d to 7\d %.*leave the mask out"
    ):
        holes.known_in(far, FRAME, SIDE)
    whole = rectangle(box=(80, 20, 520, 460)) > 0
    with pytest.raises(InvalidRequest, match="leaves nothing of the square"):
        holes.known_in(whole, FRAME, SIDE)
    face = rectangle(box=(200, 120, 400, 380)) > 0
    assert holes.known_in(face, FRAME, SIDE).mean() > 0.2
