import pytest
import torch

from portraitist_workers.persona import hull


@pytest.mark.parametrize("count", [3, 16, 40])
def test_constrain_stays_in_the_dilated_simplex(count):
    raw = torch.randn(64, count, generator=torch.Generator().manual_seed(0)) * 2
    alpha = hull.constrain(raw)
    assert torch.allclose(alpha.sum(-1), torch.ones(64), atol=1e-5)
    assert alpha.min() >= -hull.BETA - 1e-6
    # The released MyStyle's order (softplus, then divide by the sum) breaks the bound: the negative control.
    raw = raw * 0.05
    released = torch.nn.functional.softplus((raw + hull.BETA) * hull.SHARPNESS) / hull.SHARPNESS - hull.BETA
    released = released / released.sum(-1, keepdim=True)
    assert released[released.isfinite().all(1)].min() < -hull.BETA - 1e-3
    assert hull.constrain(raw).min() >= -hull.BETA - 1e-6


def test_nearest_alpha_finds_a_point_inside_and_stays_inside():
    rng = torch.Generator().manual_seed(1)
    anchors = torch.randn(12, 32, generator=rng)
    inside = torch.rand(12, generator=rng)
    inside /= inside.sum()
    alpha = hull.nearest_alpha(anchors, inside @ anchors, ridge=1e-4, steps=400)
    assert (alpha @ anchors - inside @ anchors).norm() < 0.05 * anchors.norm(dim=1).mean()
    far = hull.nearest_alpha(anchors, 100 * anchors[0])
    assert far.min() >= -hull.BETA - 1e-6 and abs(float(far.sum()) - 1) < 1e-4


def test_sample_is_deterministic_and_convex():
    anchors = torch.eye(8)
    a = hull.sample(anchors, 20, torch.Generator().manual_seed(3))
    b = hull.sample(anchors, 20, torch.Generator().manual_seed(3))
    assert torch.equal(a, b)
    assert torch.allclose(a.sum(1), torch.ones(20), atol=1e-5) and a.min() >= 0
    assert ((a > 0).sum(1) == 3).all()
