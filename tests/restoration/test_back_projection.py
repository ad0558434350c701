"""What the photo still shows is kept, what it lost comes from the picture, and a picture of something else is not believed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from serving.people import context, weights

from portraitist.degradations import Downsample, GaussianBlur, Greyscale, Noise
from portraitist_workers.faces.image_io import read
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.restoration import degrade
from portraitist_workers.restoration.back_projection import back_project, believed
from portraitist_workers.restoration.observation import observe, psnr

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def whole():
    """The undamaged face as it is seen."""
    return observe(read(EXAMPLES / "new.jpg"), [], PersonaModel.from_bytes(weights(1)), context(1).blob, "new.jpg")


def damaged(whole, chain):
    picture = degrade.apply(chain, whole.naive, rng=torch.Generator().manual_seed(0))
    return replace(whole, observed=picture, naive=picture)


def fine(image):
    return image - degrade.gaussian_blur(image, 1.5)


def alike(a, b):
    return float(torch.nn.functional.cosine_similarity(fine(a).flatten(), fine(b).flatten(), 0))


def test_without_damage_it_is_the_photo(whole):
    assert (back_project(torch.zeros_like(whole.naive), [], whole) - whole.naive).abs().max() < 1e-5


def test_coarse_detail_is_the_photos_and_fine_detail_the_pictures(whole):
    seen, truth = damaged(whole, [GaussianBlur(2)]), whole.naive
    picture = truth + 0.06  # right but for its tone
    restored, share = believed(picture, [GaussianBlur(2)], seen)
    assert share.min() > 0.5 and psnr(restored, truth) > 3 + max(psnr(picture, truth), psnr(seen.naive, truth))
    assert alike(restored, truth) > 0.9 and alike(seen.naive, truth) < 0.7


def test_a_picture_of_something_else_is_not_believed(whole):
    seen, picture = damaged(whole, [GaussianBlur(2)]), whole.naive.clone()
    picture[..., 40:80, 40:80] = picture.flip(-2)[..., 40:80, 40:80]
    restored, share = believed(picture, [GaussianBlur(2)], seen)
    there = (..., slice(50, 70), slice(50, 70))
    assert share[there].mean() < 0.3 and share[..., 100:, :].mean() > 0.95
    off = [float((image - seen.naive)[there].abs().mean()) for image in (restored, picture)]
    assert off[0] < 0.3 * off[1]


def test_noise_is_taken_off_whether_the_picture_is_right_or_not(whole):
    chain, truth = [Noise(20)], whole.naive
    seen = damaged(whole, chain)
    for picture, least in ((truth + 0.06, 30), (truth.flip(-1), 24)):
        assert psnr(believed(picture, chain, seen)[0], truth) > least > psnr(seen.naive, truth) + 1


def test_a_grey_photo_keeps_its_light_and_takes_the_pictures_colours(whole):
    truth = whole.naive
    for chain in ([Greyscale()], [Greyscale(), GaussianBlur(2)]):
        seen = damaged(whole, chain)
        restored, _ = believed(truth, chain, seen)
        assert psnr(degrade.greyscale(restored), degrade.greyscale(truth)) > 30
        assert psnr(restored - degrade.greyscale(restored), truth - degrade.greyscale(truth)) > 40


def test_a_small_photo_after_a_blur_still_says_what_is_coarse(whole):
    chain, truth = [GaussianBlur(1), Downsample(4)], whole.naive
    small = degrade.apply(chain, truth)
    seen = replace(
        whole, observed=small, naive=torch.nn.functional.interpolate(small, size=128, mode="bicubic"), sides=(32,)
    )
    right = back_project(truth - 0.2, chain, seen)
    assert psnr(right, truth) > 28 > psnr(truth - 0.2, truth)
