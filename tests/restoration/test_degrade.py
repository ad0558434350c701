import pytest
import torch

from portraitist.degradations import Downsample, GaussianBlur, Greyscale, Jpeg, Mask, MotionBlur, Noise
from portraitist_workers.restoration import degrade


@pytest.fixture
def image():
    rng = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.randn(2, 3, 8, 8, generator=rng), size=64, mode="bicubic")
    return smooth.clamp(-1, 1)


CHAINS = {
    "downsample": [Downsample(8)],
    "blur": [GaussianBlur(3.0)],
    "motion": [MotionBlur(9, 30)],
    "noise": [Noise(20)],
    "jpeg": [Jpeg(20)],
    "grey": [Greyscale()],
    "mask": [Mask("x")],
    "chain": [GaussianBlur(1.5), Downsample(4), Jpeg(30)],
}


@pytest.mark.parametrize("name", CHAINS)
def test_differentiable_and_does_something(image, name):
    mask = torch.ones(1, 1, 64, 64)
    mask[..., 20:40, 20:40] = 0
    x = image.clone().requires_grad_()
    y = degrade.apply(CHAINS[name], x, known=mask, rng=torch.Generator().manual_seed(1))
    y.square().sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    if y.shape == image.shape:
        assert (y - image).abs().mean() > 1e-3
    else:
        assert y.shape[-1] == 64 // (8 if name == "downsample" else 4)


def test_motion_blur_is_directional(image):
    horizontal, vertical = degrade.motion_blur(image, 15, 0), degrade.motion_blur(image, 15, 90)
    assert horizontal.diff(dim=3).abs().mean() < 0.9 * image.diff(dim=3).abs().mean()
    assert vertical.diff(dim=2).abs().mean() < 0.9 * image.diff(dim=2).abs().mean()
    assert (horizontal - vertical).abs().mean() > 0.01


def test_jpeg_matches_a_real_encoder(image):
    import io

    import numpy as np
    from PIL import Image

    pixels = ((image[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=20)
    real = torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)[None].float() / 127.5 - 1
    ours = degrade.jpeg(image[:1], 20)
    assert (ours - real).abs().mean() < 0.6 * (image[:1] - real).abs().mean() + 0.01


def test_describe():
    assert degrade.describe([GaussianBlur(1.5), Jpeg(30)]) == "gaussian_blur(sigma=1.5) + jpeg(quality=30)"


def test_a_pixel_is_known_where_no_part_of_it_is_missing():
    known = torch.ones(1, 1, 16, 16)
    known[..., 5, 5] = 0
    small = degrade.known_at(known, 4)
    assert small.sum() == 15 and small[0, 0, 1, 1] == 0


@pytest.mark.parametrize("side", [64, 48, 21])
def test_shrinking_is_the_mean_over_area(image, side):
    import cv2

    picture = image[0].permute(1, 2, 0).numpy()
    theirs = torch.from_numpy(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)).permute(2, 0, 1)
    assert (degrade.shrink(image[:1], side)[0] - theirs).abs().max() < 1e-4
    assert torch.equal(degrade.apply([Downsample(2)], image, sides=(side,)), degrade.shrink(image, side))
