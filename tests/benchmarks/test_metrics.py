"""The measures measure what they say, before anything is judged by them."""

import math
from pathlib import Path

import cv2
import numpy as np
import torch

from portraitist_workers.faces.align import Frame, crop
from portraitist_workers.faces.image_io import read

from . import classical, distribution, metrics, reference_generator

EXAMPLES = Path(__file__).parents[2] / "examples"


def _picture(seed: int = 0) -> torch.Tensor:
    """Smooth, photo-like: white noise with a 1/f amplitude. [1, 3, 128, 128]"""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None, :]).clip(1 / 128)
    planes = [np.fft.ifft2(np.fft.fft2(rng.standard_normal((128, 128))) / f**1.5).real for _ in range(3)]
    x = torch.tensor(np.stack(planes), dtype=torch.float32)[None]
    return (x / x.abs().max() * 0.8).contiguous()


def test_psnr_of_known_noise():
    picture = _picture()
    noisy = picture + 0.05 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    assert abs(float(metrics.psnr(noisy, picture)) - 20 * math.log10(2 / 0.05)) < 0.2


def test_ms_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    picture, noise = _picture(), torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    values = [float(metrics.ms_ssim(picture + s * noise, picture)) for s in (0.0, 0.02, 0.1, 0.3)]
    assert abs(values[0] - 1) < 1e-5
    assert values == sorted(values, reverse=True)


def test_grid_energy_finds_the_period_of_a_printed_grid_and_only_that():
    picture, x = _picture(), torch.arange(128)
    for period in metrics.GRID_PERIODS:
        found = metrics.grid_energy(picture + 0.05 * torch.cos(2 * torch.pi * x / period), picture)
        assert found[period] > 1.05
        assert all(abs(v - 1) < 0.02 for p, v in found.items() if p != period)


def test_grid_energy_of_the_same_pictures_is_one():
    assert all(abs(v - 1) < 1e-6 for v in metrics.grid_energy(_picture(), _picture()).values())


def test_spearman_and_bootstrap():
    assert metrics.spearman([1, 2, 3, 4], [10, 20, 30, 31]) == 1.0
    assert metrics.spearman([1, 2, 3], [5, 5, 5]) == 0.0
    middle, low, high = metrics.bootstrap(list(range(101)))
    assert low < middle == 50 < high


def test_deconvolution_improves_a_blurred_picture():
    import cv2

    sharp = ((_picture()[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3.0, borderType=cv2.BORDER_REFLECT_101)

    def error(picture: np.ndarray) -> float:
        return float(((picture.astype(float) - sharp) ** 2).mean())

    assert error(classical.wiener(blurred, 3.0)) < 0.7 * error(blurred)
    assert error(classical.richardson_lucy(blurred, 3.0)) < 0.7 * error(blurred)


def test_the_reference_formulation_equals_the_generator():
    from portraitist_workers.generator import GeneratorConfig, StyleGAN2

    torch.manual_seed(0)
    config = GeneratorConfig(
        32, z_dim=16, w_dim=16, mapping_layers=2, channel_base=256, channel_max=16, conv_clamp=256.0
    )
    generator = StyleGAN2(config).eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.3)
    w = torch.randn(2, 16)
    assert (reference_generator.synthesis(generator, w) - generator.synthesis(w)).abs().max() < 1e-4


def test_distributions_that_are_one_and_that_are_not():
    rng = torch.Generator().manual_seed(0)
    a, b, shifted = (torch.randn(600, 16, generator=rng) for _ in range(3))
    narrow = 0.2 * torch.randn(600, 16, generator=rng)
    value, error = distribution.kid(a, b, block=200)
    assert abs(value) < 4 * max(error, 0.02)
    assert distribution.kid(a, shifted + 1, block=200)[0] > 10 * abs(value) + 0.1
    assert min(distribution.precision_recall(a, b)) > 0.7
    precision, recall = distribution.precision_recall(narrow, a)
    assert precision > 0.9 and recall < 0.5  # all of it plausible, little of the variety


def test_sharpness_in_a_photo_does_not_depend_on_where_exactly_its_face_is_found():
    photo = read(EXAMPLES / "new.jpg")
    frames = [Frame(223.0, 385.0, half, 0.0) for half in (129.7, 130.3)]  # a crop of 260 px is enlarged, or shrunk
    one, other = (metrics.sharpness_at(photo, frame, "hair") for frame in frames)
    assert abs(one / other - 1) < 0.03
    of_crops = [metrics.sharpness_of(crop(photo, frame, 260), "hair") for frame in frames]
    assert abs(of_crops[0] / of_crops[1] - 1) > 0.15  # negative control: what it was before
    blurred = cv2.GaussianBlur(photo, (0, 0), 1.5)
    assert metrics.sharpness_at(blurred, frames[0], "hair") < 0.6 * one
