"""Derivatives of derivatives, for path lengths and gradient penalties."""

from functools import partial

import pytest
import torch
from benchmarks import reference_generator
from small_generator import generator, latents, noisy

from portraitist_workers.generator.layers import ModulatedConv, ToRGB
from portraitist_workers.generator.stacked import stack


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def path_length(synthesis, w: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Karras et al. 2020, eq. 4, without the running mean."""
    (jacobian,) = torch.autograd.grad((synthesis(w) * directions).sum(), w, create_graph=True)
    return jacobian.square().sum(1).sqrt().mean()


def test_a_path_length_is_that_of_the_plain_formulation(monkeypatch):
    from portraitist_workers.generator import winograd

    monkeypatch.setattr(winograd, "CHANNELS", 1)
    model = noisy().requires_grad_(True)
    w, directions = latents(2).requires_grad_(), torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    inputs = [w, *(p for n, p in model.synthesis.named_parameters() if "bias" not in n)]
    found = []
    for synthesis in (partial(model.synthesis, double_backward=True), partial(reference_generator.synthesis, model)):
        length = path_length(synthesis, w, directions)
        found.append([length, *torch.autograd.grad(length, inputs, allow_unused=True)])
    ours, plain = ([g for g in gradients if g is not None] for gradients in found)
    assert len(ours) == len(plain) > 20
    assert all((a - b).abs().max() <= 2e-3 * b.abs().max() for a, b in zip(ours, plain, strict=True))


def test_without_the_flag_it_is_refused():
    model = noisy().requires_grad_(True)
    w = latents(1).requires_grad_()
    with pytest.raises(RuntimeError, match="once_differentiable"):
        path_length(model.synthesis, w, torch.ones(1, 3, 32, 32)).backward()


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("per_pixel", [False, True])
def test_a_layer_twice(up, per_pixel):
    layer = ModulatedConv(2, 3, 4, 4, up=up, clamp=None).double()
    layer.noise_strength.data.fill_(0.1)
    x, style = random(1, 2, 4, 3), random(1, 2, *((4, 3) if per_pixel else ()), seed=1)
    noise = random(1, 1, *((8, 6) if up else (4, 3)), seed=2)

    def run(x, style, weight, noise):
        return torch.func.functional_call(layer, {"weight": weight}, (x, style, noise), {"double_backward": True})

    inputs = x, style, layer.weight.detach().clone().requires_grad_(), noise
    precision = {"eps": 1e-3, "atol": 5e-3, "rtol": 1e-2, "fast_mode": True}  # demodulation is computed in fp32
    assert torch.autograd.gradcheck(run, inputs, **precision)
    assert torch.autograd.gradgradcheck(run, inputs, **precision)


def test_colours_twice():
    layer = ToRGB(2, 4, clamp=None).double()
    for style in (random(2, 2, seed=1), random(2, 2, 4, 3, seed=1)):
        run = partial(layer, double_backward=True)
        assert torch.autograd.gradgradcheck(run, (random(2, 2, 4, 3), style), atol=1e-3, eps=1e-3, fast_mode=True)


@torch.no_grad()
@pytest.mark.parametrize(
    "synthesis", [generator().synthesis, stack([generator(), generator(1)])], ids=["one", "stacked"]
)
def test_the_picture_is_the_same(synthesis):
    w = latents(2)
    assert torch.allclose(synthesis(w, double_backward=True), synthesis(w), atol=1e-5)
