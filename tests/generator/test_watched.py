"""What is remembered beside the weights follows every write to them."""

import copy

import pytest
import torch
from small_generator import generator, latents, noisy
from torch import Tensor

from portraitist_workers.generator.watched import Watched, state_of

KEPT: list[Tensor] = []
WRITES = {
    "in place": lambda weight: weight.mul_(0),
    "through data": lambda weight: weight.data.mul_(0),
    "one number through data": lambda weight: weight.data.view(-1)[5].fill_(9.0),
    "data replaced": lambda weight: setattr(weight, "data", torch.zeros_like(weight)),
    "data replaced by itself, changed": lambda weight: setattr(weight, "data", weight.data.mul_(0)),
    "copied": lambda weight: weight.data.copy_(weight.flip(0)),
    "through a view": lambda weight: weight.detach()[0].zero_(),
    "through data taken before": lambda weight: KEPT[0][0].zero_(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layer", ["conv0", "conv1"])
@torch.no_grad()
def test_a_write_shows_in_the_next_picture(write, dtype, layer):
    model, w = generator(), latents(1)
    weight = getattr(model.synthesis.blocks["16"], layer).weight
    KEPT[:] = [weight.data]
    before = model.images(w, dtype=dtype)
    assert torch.equal(model.images(w, dtype=dtype), before)
    write(weight)
    after = model.images(w, dtype=dtype)
    fresh = generator(1)
    fresh.load_state_dict(model.state_dict())
    assert not torch.equal(after, before) and torch.equal(after, fresh.images(w, dtype=dtype))


@torch.no_grad()
def test_the_strength_of_the_noise_is_watched():
    model, w = generator(), latents(1)
    silent = model.images(w)
    model.synthesis.blocks["16"].conv1.noise_strength.data.fill_(0.5)
    assert not torch.equal(model.images(w), silent)


@torch.no_grad()
def test_kernels_are_made_once():
    model, w = noisy(), latents(1)
    model.images(w)
    kernel = model.synthesis.blocks["16"].conv0._cache["kernel torch.float32"][1]
    model.images(w)
    assert model.synthesis.blocks["16"].conv0._cache["kernel torch.float32"][1] is kernel


def test_a_watched_parameter_is_a_parameter():
    weight = Watched(torch.ones(2, 3))
    model = torch.nn.Linear(3, 2)
    model.weight = weight
    assert isinstance(weight, torch.nn.Parameter) and dict(model.named_parameters())["weight"] is weight
    assert isinstance(copy.deepcopy(model).weight, Watched) and type(model.state_dict()["weight"]) is Tensor
    model.to(torch.float64)
    assert model.weight is weight and weight.dtype == torch.float64 and weight.data.dtype == torch.float64
    states = [state_of(weight)]
    for _ in range(3):
        weight.data = weight.data
        states.append(state_of(weight))
    assert len(set(states)) == 4
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.ones(1, 3, dtype=torch.float64)).sum().backward()
    optimizer.step()
    assert state_of(weight) not in states and float(weight.detach()[0, 0]) < 1
