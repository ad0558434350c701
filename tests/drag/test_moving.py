"""Pseudo-motion is what moved; and points land by a transformer's changes, whose strength nobody has set."""

import pytest
import torch
import torch.nn.functional as F

from portraitist_workers.drag.flow import motion
from portraitist_workers.drag.moving import Mover, landed, published
from portraitist_workers.drag.task import Task
from portraitist_workers.drag.transformer import LatentTransformer, Sizes


def warped(theta):
    """Smooth random features [1, 16, 64, 64], and the same seen through an affine map of the square [-1, 1]."""
    x = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    plain = F.affine_grid(torch.eye(2, 3)[None], [1, 16, 64, 64], align_corners=False)
    seen = F.affine_grid(torch.tensor([theta]), [1, 16, 64, 64], align_corners=False)
    return [F.grid_sample(x, grid, mode="bicubic", align_corners=False) for grid in (plain, seen)]


def test_a_shift_and_a_zoom_are_read_off():
    inner = slice(12, 52)
    found = motion(
        *warped([[1.0, 0.0, 0.03], [0.0, 1.0, -0.02]])
    )  # looks to the right and up: things move the other way
    flow = found.flow[0, :, inner, inner]
    assert torch.allclose(flow.mean((1, 2)), torch.tensor([-0.96, 0.64]), atol=0.03) and flow.std((1, 2)).max() < 0.06
    assert found.expansion[0, inner, inner].abs().mean() < 0.02 and found.sure[0, inner, inner].min() > 0.9
    nearer = motion(*warped([[0.96, 0.0, 0.0], [0.0, 0.96, 0.0]]))  # all grows by 4 %
    assert nearer.expansion[0, inner, inner].mean() == pytest.approx(-0.041, abs=0.01)


class Turning(torch.nn.Module):
    """In a transformer's place: turns the head by some of what the points are asked for, never by what it should be."""

    def __init__(self, step):
        super().__init__()
        self.sizes, self.step = Sizes(w_dim=256, feature_dim=64), step

    def forward(self, w, motion, features):
        return w + 0.4 * motion[0, :, 0].sum() * self.step


def test_handles_land_whatever_the_strength(portrait):
    step = portrait.prior.steps_for(("yaw",))[0] * 3
    mover = Mover(Turning(step), torch.tensor([1.2, 1.2, 0.1]))
    start = portrait.at("nose")
    task = Task(start, start + torch.tensor([[0.03, 0.0]]))
    steps = list(landed(mover, portrait.synthesis, portrait.w, task))
    assert steps[-1].ends and steps[-1].number <= 10 and float(steps[-1].left) < 0.012
    moved = (published(mover, portrait.synthesis, portrait.w, task) - portrait.w)[0]
    assert torch.allclose(moved[:6], 0.03 * 256 / 10 * 0.4 * step.expand(6, -1), atol=1e-5) and not moved[6:].any()


def test_it_is_kept_in_a_file(tmp_path):
    torch.manual_seed(0)
    sizes = Sizes(w_dim=16, feature_dim=8, dim=32, depth=1, heads=2, dim_head=16, mlp_dim=32)
    mover = Mover(LatentTransformer(sizes).eval(), torch.tensor([1.0, 1.0, 0.1]))
    mover.save(tmp_path / "latent_transformer.safetensors")
    again = Mover.load(tmp_path / "latent_transformer.safetensors")
    given = torch.randn(1, 6, 16), torch.randn(1, 2, 3), torch.randn(1, 2, 8)
    assert torch.allclose(again.network(*given), mover.network(*given), atol=5e-3)
    assert again.scale.tolist() == mover.scale.tolist() and again.network.sizes == sizes
