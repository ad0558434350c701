"""Points land by a transformer's changes, whose strength nobody has set; and it is kept in a file."""

import torch

from portraitist_workers.drag.moving import Mover, landed, published
from portraitist_workers.drag.task import Task
from portraitist_workers.drag.transformer import LatentTransformer, Sizes


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
    (tmp_path / "latent_transformer.safetensors").write_bytes(mover.to_bytes())
    again = Mover.load(tmp_path / "latent_transformer.safetensors")
    given = torch.randn(1, 6, 16), torch.randn(1, 2, 3), torch.randn(1, 2, 8)
    assert torch.allclose(again.network(*given), mover.network(*given), atol=5e-3)
    assert again.scale.tolist() == mover.scale.tolist() and again.network.sizes == sizes
