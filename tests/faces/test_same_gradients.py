"""The recogniser, which people are learnt and pictures restored against, has the same gradient, to the bit, at every call: on two threads
and whatever lies where in memory. (Whole jobs: tests/queue/test_same_bits.py.)"""

import pytest
import torch

from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.world import recognition


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_last_blocks_gradient(two_threads):
    """Its convolutions give a single pixel. By oneDNN 13 gradients of 13 differed from the first one."""
    block, rng = load_identity().network.blocks[-1], torch.Generator().manual_seed(0)
    x, weight = torch.randn(1, 256, 4, 4, generator=rng), torch.randn(1, 256, 2, 2, generator=rng)
    gradients = []
    for number in range(30):
        between = [
            torch.empty(1000 + 77 * (13 * number + k) % 50_000) for k in range(8)
        ]  # so that memory is not as it was
        seen = x.clone().requires_grad_()
        (block(seen) * weight).sum().backward()
        gradients.append(seen.grad)
        del between
    assert gradients[0].abs().max() > 0 and all(torch.equal(gradients[0], other) for other in gradients)


@pytest.mark.parametrize(("stride", "padding", "side"), [(2, 0, 4), (1, 1, 1), (2, 0, 6), (1, 1, 2)])
def test_one_pixel_is_what_a_convolution_gives(stride, padding, side):
    layer, x = torch.nn.Conv2d(8, 5, 3, stride, padding), torch.randn(2, 8, side, side)
    assert torch.allclose(recognition._convolved(layer, x), layer(x), atol=1e-6)
