"""Styles that vary over the image."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_generator import generator, latents, noisy
from torch import Tensor

from portraitist_workers.generator.layers import ModulatedConv, ToRGB
from portraitist_workers.generator.stacked import stack


def as_maps(styles: list[Tensor], size=(4, 4)) -> list[Tensor]:
    return [s[:, :, None, None].expand(-1, -1, *size) for s in styles]


@pytest.mark.parametrize("synthesis", [noisy().synthesis, stack([noisy(), noisy()])], ids=["one", "stacked"])
@torch.no_grad()
def test_a_constant_map_is_a_style(synthesis):
    styles = synthesis.styles(latents(2))
    image = synthesis(styles)
    for size in ((4, 4), (1, 1), (40, 24)):  # resampled to every layer's map
        assert torch.allclose(synthesis(as_maps(styles, size)), image, atol=1e-5)
    assert (synthesis(as_maps(styles), dtype=torch.bfloat16) - image).abs().max() < 0.2
    assert not torch.allclose(synthesis(as_maps(synthesis.styles(latents(2, 2)))), image, atol=0.1)


@pytest.mark.parametrize("up", [False, True])
def test_a_layer_computes_what_it_says(up):
    """Pixel by pixel: every output pixel's own kernel, from the formula in `layers`."""
    torch.manual_seed(0)
    layer = ModulatedConv(3, 2, 4, 8, up=up, clamp=None)
    x, style = torch.randn(1, 3, 6, 5), 1 + 0.5 * torch.randn(1, 3, 6, 5)
    power = torch.einsum("bihw,oi->bohw", style.square(), layer.weight.square().sum((2, 3)))
    scaled = x * style
    if up:
        power = F.interpolate(power, scale_factor=2, mode="bilinear")
        plain = layer(scaled, torch.ones(1, 3))  # demodulated by a constant, which is taken out again
        plain = plain / torch.rsqrt(layer.weight.square().sum((1, 2, 3)) + 1e-8)[:, None, None]
        expected = plain * torch.rsqrt(power + 1e-8)
    else:
        expected = F.leaky_relu(F.conv2d(scaled, layer.weight, padding=1) * torch.rsqrt(power + 1e-8), 0.2) * 2**0.5
    assert torch.allclose(layer(x, style), expected, atol=1e-5)


def test_colours_of_a_map():
    torch.manual_seed(0)
    layer = ToRGB(3, 4, clamp=None)
    x, style = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    expected = F.conv2d(x * style / 3**0.5, layer.weight)
    assert torch.allclose(layer(x, style), expected, atol=1e-5)


@torch.no_grad()
def test_two_halves():
    """Left one style, right another: far from the border each is what it is alone, at the border it is neither."""
    synthesis = noisy(resolution=64).synthesis
    a, b = synthesis.styles(latents(1)), synthesis.styles(latents(1, seed=2))
    state = synthesis.run(synthesis.start(1), a, until=16)
    left, right = ([x.expand(-1, -1, 8, 8) for x in as_maps(styles, (1, 1))] for styles in (a, b))
    halves = [torch.cat(pair, 3) for pair in zip(left, right, strict=True)]
    both, left, right = (synthesis.run(state, styles).image for styles in (halves, a, b))
    off = [(both - image).abs().amax((0, 1, 2)) for image in (left, right)]  # by column
    assert off[0][:12].max() < 1e-5 and off[1][-12:].max() < 1e-5
    assert off[0][-12:].max() > 0.1 and off[1][:12].max() > 0.1 and off[0][31] > 1e-3


@torch.no_grad()
def test_a_map_on_a_map_that_is_not_square():
    synthesis = noisy().synthesis
    styles, start = synthesis.styles(latents(1)), synthesis.start(1)
    wide = replace(start, x=torch.cat([start.x, start.x], 3))
    image = synthesis.run(wide, styles).image
    assert torch.allclose(synthesis.run(wide, as_maps(styles, (8, 16))).image, image, atol=1e-5)


def test_derivatives_of_maps():
    """The layers' own derivatives agree with plain autograd's, for the maps, the features and all weights."""
    torch.manual_seed(0)
    model = generator()
    for layer in model.layers():
        if isinstance(layer.module, ModulatedConv):
            layer.module.noise_strength.fill_(0.1)
    synthesis = model.synthesis.requires_grad_(True)
    maps = [
        (s + 0.2 * torch.randn(1, s.shape[1], 4, 6)).requires_grad_()
        for s in (style.detach()[:, :, None, None] for style in synthesis.styles(latents(1)))
    ]
    start = synthesis.start(1)
    weights = [p for n, p in synthesis.named_parameters() if "affine" not in n]

    def gradients(double_backward):
        x = start.x.detach().repeat(1, 1, 1, 2).requires_grad_()
        image = synthesis.run(replace(start, x=x), maps, double_backward=double_backward).image
        seeds = torch.randn(image.shape, generator=torch.Generator().manual_seed(3))
        found = torch.autograd.grad((image * seeds).sum(), [x, *maps, *weights], allow_unused=True)
        return [g for g in found if g is not None]

    ours, plain = gradients(False), gradients(True)
    assert len(ours) == len(plain) == 1 + len(maps) + len(weights) - 1  # all but the constant, which was replaced
    for a, b in zip(ours, plain, strict=True):
        assert (a - b).abs().max() <= 1e-3 * b.abs().max() + 1e-6
