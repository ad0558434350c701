"""Handles are found where they are, to a fraction of a pixel."""

import pytest
import torch
import torch.nn.functional as F

from portraitist_workers.drag.features import Maps
from portraitist_workers.drag.task import FLAT
from portraitist_workers.drag.tracking import Tracker

POINTS = torch.tensor([[30.5, 40.25], [70.0, 64.0]])


def texture(shift=(0.0, 0.0), seed=0):
    """Smooth random features [1, 16, 96, 96], moved by `shift` px."""
    x = torch.randn(1, 16, 24, 24, generator=torch.Generator().manual_seed(seed))
    grid = F.affine_grid(torch.eye(2, 3)[None], [1, 16, 96, 96], align_corners=False)
    moved = grid - torch.tensor(shift) / 48
    return Maps(F.grid_sample(x, moved, mode="bicubic", align_corners=False), torch.zeros(1, 2))


@pytest.mark.parametrize("shift", [(0.4, -0.7), (2.25, 1.5), (-2.6, 0.1)])
def test_a_shift_is_found(shift):
    tracker = Tracker(texture(), POINTS)
    found = tracker.find(texture(shift), POINTS)
    assert (found.points - POINTS - torch.tensor(shift)).abs().max() < 0.05 and (found.confidence > 0.9).all()
    whole = tracker.nearest(texture(shift), POINTS)
    assert (whole.points - POINTS - torch.tensor(shift)).abs().max() < 1.1
    other = tracker.find(texture(shift, seed=1), POINTS)  # negative control: another picture
    assert (other.confidence < 0.3).all()


def test_the_derivative_of_the_place():
    tracker, step = Tracker(texture(), POINTS), 0.1
    before, after = texture().x, texture((step, 0)).x
    x = before.clone().requires_grad_(True)
    place = tracker.position(Maps(x, torch.zeros(1, 2)), POINTS)
    moved = [float((torch.autograd.grad(p, x, retain_graph=True)[0] * (after - before)).sum()) for p in place.flatten()]
    assert torch.allclose(torch.tensor(moved).view(2, 2), torch.tensor([[step, 0.0]] * 2), atol=0.015)


def test_an_even_map_has_no_texture():
    even = Maps(texture().x * 0.01 + 1, torch.zeros(1, 2))
    tracker = Tracker(texture(), POINTS)
    assert (tracker.texture(texture(), POINTS) > FLAT).all() and (tracker.texture(even, POINTS) < FLAT).all()
