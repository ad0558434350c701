"""Organizers on anchors whose structure is known: w = origin + yaw * d1 + smile * d2 + noise."""

import pytest
import torch

from portraitist_workers.persona.organizers import BinMeans, Frozen, Regression, sefa_directions

NAMES = ("yaw", "smile")
D = 24


def planted(count: int, noise: float = 0.3, seed: int = 0):
    rng = torch.Generator().manual_seed(seed)
    truth = torch.zeros(2, D)
    truth[0, 0], truth[1, 1] = 0.2, 5.0  # per degree, per unit of smile
    values = torch.stack([torch.rand(count, generator=rng) * 40 - 20, torch.rand(count, generator=rng)], 1)
    anchors = values @ truth + noise * torch.randn(count, D, generator=rng)
    return anchors, values, truth


def angle(a, b):
    return torch.rad2deg(torch.arccos(torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1)))


@pytest.mark.parametrize("count", [5, 8, 16, 40])
def test_regression_finds_calibrated_axes(count):
    anchors, values, truth = planted(count)
    organizer = Regression(NAMES, prior_steps=truth * 0.95)  # the prior nearly knows
    axes = organizer.axes(anchors, values)
    assert angle(axes.steps, truth).max() < 25
    error = (axes.coordinates(anchors) - values).abs().median(0).values
    assert error[0] < 4.0 and error[1] < 0.15
    # A prior that knows nothing must be worse with five photos than one that does.
    if count == 5:
        blind = Regression(NAMES, prior_steps=torch.zeros(2, D)).axes(anchors, values)
        assert angle(blind.steps, truth).mean() > angle(axes.steps, truth).mean()


def test_coordinates_and_move_are_inverse():
    anchors, values, truth = planted(16)
    axes = Regression(NAMES, truth).axes(anchors, values)
    change = torch.tensor([[10.0, 0.5]])
    before = axes.coordinates(anchors[:1])
    after = axes.coordinates(axes.move(anchors[:1], change))
    assert torch.allclose(after - before, change, atol=1e-3)


def test_bin_means_picks_the_principal_axes_of_the_attributes():
    anchors, values, truth = planted(40, noise=0.1)
    axes = BinMeans(NAMES).axes(anchors, values)
    assert angle(axes.steps, truth).max() < 15
    swapped = angle(axes.steps, truth.flip(0))
    assert swapped.min() > 60  # negative control: the axes are not interchangeable


def test_a_photo_alone_in_its_bin_has_no_anchor_loss():
    projections = torch.tensor([[0.0], [1.0], [5.0]])
    error = BinMeans._bin_error(projections, torch.tensor([0, 0, 3]))
    assert torch.isclose(error, torch.tensor([2 / 3])).all()  # two photos, each 1 from the other; the third counts 0


def test_anchor_loss_gradient_orders_anchors():
    anchors, values, truth = planted(16, noise=1.0)
    organizer = Regression(NAMES, truth)
    w = anchors.clone().requires_grad_()
    optimizer = torch.optim.Adam([w], lr=0.05)
    first = organizer.loss(w, values, organizer.axes(w.detach(), values)).item()
    for _ in range(100):
        loss = organizer.loss(w, values, organizer.axes(w.detach(), values))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first


def test_frozen_directions_lie_in_the_anchors_span():
    anchors, values, truth = planted(8)
    axes = Frozen(NAMES, truth).axes(anchors, values)
    centred = anchors - anchors.mean(0)
    span = torch.linalg.svd(centred, full_matrices=False).Vh[:7]
    assert torch.allclose(axes.steps @ span.T @ span, axes.steps, atol=1e-4)
    assert not Frozen(NAMES, truth).moves_anchors


def test_sefa_directions_are_orthonormal_and_ordered():
    weights = [torch.randn(20, D, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    V = sefa_directions(weights, 8)
    assert torch.allclose(V @ V.T, torch.eye(8), atol=1e-4)
    stacked = torch.cat([torch.nn.functional.normalize(w, dim=1) for w in weights])
    gains = (stacked @ V.T).norm(dim=0)
    assert (gains[:-1] >= gains[1:] - 1e-4).all()
