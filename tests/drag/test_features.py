"""Windows of the feature map are the whole map's, as far as they are read."""

import pytest
import torch
from small_generator import latents, noisy

from portraitist_workers.drag.features import Features

POINTS = torch.tensor([[1.0, 1.0], [127.0, 60.5], [64.3, 50.2], [30.0, 127.5]])
AROUND = torch.tensor([[0.0, 0.0], [-9.0, 9.0], [9.0, -9.0], [9.0, 9.0], [-9.0, -9.0]])


@pytest.fixture(scope="module")
def synthesis():
    return noisy(resolution=128).synthesis


def both(synthesis, w):
    return [Features(synthesis, windows=windows)(w, POINTS) for windows in (True, False)]


def test_windows_are_parts_of_the_whole_map(synthesis):
    w = synthesis.as_w_plus(latents(1))
    near, whole = both(synthesis, w)
    assert near.x.shape[2:] == (26, 26) and whole.x.shape[2:] == (128, 128)
    at = (POINTS[:, None] + AROUND).clamp(0, 128)
    assert torch.allclose(near.read(at), whole.read(at), atol=1e-5)
    rim = near.corner[2:3, None] + 0.5  # negative control: the rim lacks its neighbours
    assert not torch.allclose(near.read(rim.expand(4, 1, 2))[2], whole.read(rim.expand(4, 1, 2))[2], atol=1e-3)
    inner = near.corner[2:3, None] + 1.5
    assert torch.allclose(near.read(inner.expand(4, 1, 2))[2], whole.read(inner.expand(4, 1, 2))[2], atol=1e-5)


def test_and_so_are_their_derivatives(synthesis):
    gradients = []
    for windows in (True, False):
        w = synthesis.as_w_plus(latents(1)).clone().requires_grad_(True)
        seen = Features(synthesis, windows=windows)(w, POINTS).read((POINTS[:, None] + AROUND).clamp(0, 128))
        gradients.append(torch.autograd.grad(seen.square().sum(), w)[0])
    assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[1].norm()
