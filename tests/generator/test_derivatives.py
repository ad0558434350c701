"""The generator's own derivatives: against finite differences in double precision, and in fp32 against the plain formulations."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from benchmarks import reference_generator
from torch import Tensor

from portraitist_workers.generator import GeneratorConfig, StyleGAN2, layers, products, winograd
from portraitist_workers.generator.upsampling import swapped, up_convolution


def random(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    drawn = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return drawn.to(dtype).requires_grad_()


def gradients(function, *inputs: Tensor) -> list[Tensor]:
    """The value, and the derivatives of its product with fixed numbers."""
    value = function(*inputs)
    return [value, *torch.autograd.grad((value * random(*value.shape, dtype=value.dtype, seed=9)).sum(), inputs)]


def assert_same(ours: list[Tensor], plain: list[Tensor], tolerance: float) -> None:
    for a, b in zip(ours, plain, strict=True):
        assert a.shape == b.shape and (a - b).abs().max() <= tolerance * b.abs().max()


def upsampled(x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    return up_convolution(x, swapped(weight, groups), groups)


@pytest.mark.parametrize("groups", [1, 2])
def test_up_convolution(groups):
    x, weight = random(2, 2 * groups, 3, 5), random(3 * groups, 2, 3, 3, seed=1)
    assert torch.autograd.gradcheck(partial(upsampled, groups=groups), (x, weight))


@pytest.mark.parametrize("size", [4, 40])  # 40: more rows than are worked on at once
def test_up_convolution_in_fp32(size):
    x, weight = random(2, 3, size, size), random(4, 3, 3, 3, seed=1)
    in_fp32 = [t.detach().float().contiguous(memory_format=torch.channels_last).requires_grad_() for t in (x, weight)]
    assert_same(gradients(upsampled, *in_fp32), [t.float() for t in gradients(upsampled, x, weight)], 1e-5)


def winograd_convolution(x: Tensor, weight: Tensor) -> Tensor:
    return winograd.convolution(x, winograd.transformed(weight))


def test_winograd():
    x, weight = random(2, 2, 8, 4), random(3, 2, 3, 3, seed=1)
    assert torch.autograd.gradcheck(winograd_convolution, (x, weight))


@pytest.mark.parametrize("shape", [(3, 8, 8, 8), (1, 4, 32, 32), (3, 4, 12, 12)])
@pytest.mark.parametrize("tiles", [1, 16, winograd.TILES])
@pytest.mark.parametrize("channels_last", [True, False])
def test_winograd_in_pieces(monkeypatch, shape, tiles, channels_last):
    monkeypatch.setattr(winograd, "TILES", tiles)
    x, weight = random(*shape, dtype=torch.float32), random(5, shape[1], 3, 3, dtype=torch.float32, seed=1)
    if channels_last:
        x, weight = (t.detach().contiguous(memory_format=torch.channels_last).requires_grad_() for t in (x, weight))
    assert_same(gradients(winograd_convolution, x, weight), gradients(partial(F.conv2d, padding=1), x, weight), 3e-5)


def test_winograd_of_the_input_alone():
    x, kernel = random(1, 2, 8, 8), winograd.transformed(random(3, 2, 3, 3, seed=1)).detach()
    assert torch.autograd.gradcheck(partial(winograd.convolution, kernel=kernel), x)


def test_the_tail_of_a_layer():
    inputs = random(2, 3, 4, 5), random(2, 3, 1, 1, seed=1), random(3, 1, 1, seed=2)
    assert torch.autograd.gradcheck(layers._ScaleShiftLeaky.apply, (*inputs, random(1, 1, 4, 5, seed=3)))
    assert torch.autograd.gradcheck(layers._ScaleShiftLeaky.apply, (*inputs, random(2, 1, 4, 5, seed=3)))
    assert torch.autograd.gradcheck(layers._ScaleShiftLeaky.apply, (*inputs, None))


def test_mixing_pixels_into_colours():
    assert torch.autograd.gradcheck(layers._Mix.apply, (random(2, 6, 4), random(2, 3, 4, seed=1)))
    inputs = random(2, 3 * layers._Mix.PIECE, 4), random(2, 3, 4, seed=1)  # in pieces
    assert_same(gradients(layers._Mix.apply, *inputs), gradients(lambda x, k: x @ k.mT, *inputs), 1e-10)


def test_a_weight_with_its_energy():
    def with_energy(function, weight):
        weight, energy = function(weight)
        return weight.flatten(2).mean(2) * energy.t()

    weight = random(3, 2, 3, 3, dtype=torch.float32)
    ours = gradients(partial(with_energy, layers._WithEnergy.apply), weight)
    assert_same(ours, gradients(partial(with_energy, lambda w: (w, layers._energy(w))), weight), 1e-5)


def test_products_without_onednn(monkeypatch):
    a, b = random(7, 5, dtype=torch.float32), random(3, 5, dtype=torch.float32, seed=1)
    with torch.no_grad():
        ours = products.product(a, b)
        monkeypatch.setattr(products, "_ONEDNN", None)
        assert torch.allclose(ours, products.product(a, b), atol=1e-5)


def test_the_whole_generator(monkeypatch):
    """All derivatives of the synthesis, noise included, with Winograd's convolution at every resolution."""
    monkeypatch.setattr(winograd, "CHANNELS", 1)
    monkeypatch.setattr(winograd, "RESOLUTION", 4)
    torch.manual_seed(0)
    config = GeneratorConfig(32, z_dim=16, w_dim=16, mapping_layers=0, channel_base=256, channel_max=16)
    plain = StyleGAN2(config).eval()
    for layer in (layer.module for layer in plain.layers()):
        if hasattr(layer, "noise_strength"):
            layer.noise_strength.data.fill_(0.1)
    ours = copy.deepcopy(plain).to(memory_format=torch.channels_last)

    def derivatives(generator, synthesis):
        w = random(2, 16, dtype=torch.float32)
        return gradients(lambda *_: synthesis(w), w, *generator.synthesis.parameters())

    assert_same(
        derivatives(ours, ours.synthesis), derivatives(plain, partial(reference_generator.synthesis, plain)), 1e-3
    )
