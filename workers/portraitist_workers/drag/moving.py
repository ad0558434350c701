"""Points moved by the latent transformer: a pass each, with a strength that lands them.

The published strength is the mouse's way in px over ten, whatever comes of it, so handles do not arrive. Here the first change is tried,
the handles are looked for, and the strength is set by how far they got. What is left is asked for again, at the features as they are then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..generator.synthesis import Synthesis
from .draggan import ARRIVED
from .features import Features
from .flow import SIDE, feature_map
from .task import Step, Task, ends
from .tracking import Tracker
from .transformer import LatentTransformer, Sizes

PASSES = 10  # of the synthesis, at most
PUBLISHED = 10.0  # px of 256 for a strength of 1
LONGEST = 3.0  # strength of one pass: training has seen 1


@dataclass(frozen=True, eq=False)
class Mover:
    """A trained transformer; `scale` [3] are its units: px of the feature map (twice), and expansion."""

    network: LatentTransformer
    scale: Tensor

    def save(self, path: Path) -> None:
        """As a prior's asset, in half precision."""
        tensors = {name: value.half().contiguous() for name, value in self.network.state_dict().items()}
        about = {"sizes": json.dumps(asdict(self.network.sizes)), "scale": json.dumps(self.scale.tolist())}
        save_file(tensors, path, metadata=about)

    @classmethod
    def load(cls, path: Path) -> Mover:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            network = LatentTransformer(Sizes(**json.loads(about["sizes"])))
            network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
        return cls(network.eval().requires_grad_(False), torch.tensor(json.loads(about["scale"])))

    @torch.no_grad()
    def change(self, synthesis: Synthesis, w_plus: Tensor, points: Tensor, motion: Tensor) -> Tensor:
        """Of the first rows of w_plus [1, num_ws, D], for points [P, 2] in shares of the side that move by `motion` [P, 3] units."""
        maps = feature_map(synthesis, w_plus)
        x, y = (points * SIDE).long().clamp(0, SIDE - 1).T
        rows = w_plus[:, : self.network.sizes.rows]
        return self.network(rows, motion[None], maps[0, :, y, x].T[None]) - rows


def published(mover: Mover, synthesis: Synthesis, w_plus: Tensor, task: Task, *, zoom: float = 0.0) -> Tensor:
    """w_plus after one pass at the published strength; handles that are their own targets are anchors."""
    way = task.targets - task.handles
    length = way.norm(dim=1).max().clamp(min=1e-6)
    motion = torch.cat([way / length, torch.full_like(way[:, :1], zoom)], 1)
    change = mover.change(synthesis, w_plus, task.handles, motion)
    return _moved(w_plus, float(length) * 256 / PUBLISHED * change)


def landed(mover: Mover, synthesis: Synthesis, w_plus: Tensor, task: Task, *, passes: int = PASSES) -> Iterator[Step]:
    """Steps as those of `draggan`, of one pass of the synthesis each."""
    features = Features(synthesis)
    side = features.side
    targets, points, w = task.targets.to(w_plus) * side, task.handles.to(w_plus) * side, w_plus
    with torch.no_grad():
        first = features(w, points)
    tracker = Tracker(first, points)
    texture = tracker.texture(first, points)
    unit = float(mover.scale[0]) * side / SIDE  # px of this map for one unit of motion
    best, gain = Step(w, task.handles, (targets - points).norm(dim=1) / side, torch.ones(len(points)), 0), 1.0
    for number in range(1, passes + 1):
        way = targets - points
        length = float(way.norm(dim=1).max())
        motion = torch.cat([way / max(length, 1e-6), torch.zeros_like(way[:, :1])], 1)
        strength = min(length / unit * gain, LONGEST)
        change = strength * mover.change(synthesis, w, points / side, motion)
        with torch.no_grad():
            found = tracker.find(features(_moved(w, change), points), points)
        expected = way * (strength / gain * unit / max(length, 1e-6))
        got = float(((found.points - points) * expected).sum() / expected.square().sum().clamp(min=1e-9))
        gain = min(max(gain / max(got, 0.2), 0.3), 5.0)
        left = (targets - found.points).norm(dim=1)
        step = Step(_moved(w, change), found.points / side, left / side, found.confidence, number)
        if float(step.left.sum()) < float(best.left.sum()):
            best, w, points = step, step.w_plus, found.points
        if bool((left < ARRIVED).all()) or number == passes:
            yield replace(best, number=number, ends=ends(best, task, texture, ARRIVED / side))
            return
        yield step


def _moved(w_plus: Tensor, change: Tensor) -> Tensor:
    return torch.cat([w_plus[:, : change.shape[1]] + change, w_plus[:, change.shape[1] :]], 1)
