"""Points moved by the latent transformer: a pass each, with a strength that lands them.

The published strength is the mouse's way in px over ten, whatever comes of it, so handles do not arrive. Here a pass asks for what is left
of the way. Then the handles are looked for, and the strength is set by how far they got. What is left is asked for again, at the features
as they are by then. Points that shall stay are asked for no motion, as published. Where they drift all the same, they are asked back.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from portraitist.errors import PriorUnavailable
from portraitist.priors.home import PriorHome
from portraitist.priors.motion import SIDE

from ..device import device
from ..generator.synthesis import Synthesis
from ..priors import library
from .draggan import ARRIVED
from .feature_map import feature_map
from .features import Features
from .task import Step, Task, ends
from .tracking import Tracker
from .transformer import LatentTransformer, Sizes

HEADER = "latent_transformer"
PASSES = 10  # of the synthesis, at most
PUBLISHED = 10.0  # px of 256 for a strength of 1
LONGEST = 3.0  # units of motion that one pass is asked for
GAINS = 0.5, 3.0  # strength for one unit of motion, at least and at most
PATIENCE = 2  # passes that bring nothing, each at half the strength, after which it ends


class Moves(Protocol):
    """Whatever knows how a latent changes when points move."""

    @property
    def scale(self) -> Tensor:
        """[3]: its units, px of the feature map (twice) and expansion."""

    def change(self, synthesis: Synthesis, w_plus: Tensor, points: Tensor, motion: Tensor) -> Tensor:
        """Of the first rows of w_plus [1, num_ws, D], for points [P, 2] in shares of the side that move by `motion` [P, 3] units."""


@dataclass(frozen=True, eq=False)
class Mover:
    """A trained transformer."""

    network: LatentTransformer
    scale: Tensor

    def to_bytes(self) -> bytes:
        """As a prior's asset, in half precision. Equal networks give equal bytes (so the header has one entry: safetensors shuffles
        several)."""
        tensors = {name: value.half().cpu().contiguous() for name, value in self.network.state_dict().items()}
        about = {"sizes": asdict(self.network.sizes), "scale": self.scale.tolist()}
        return save_tensors(tensors, metadata={HEADER: json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> Mover:
        """Raises PriorUnavailable for a file that holds none."""
        try:
            with safe_open(path, framework="pt") as file:
                entries = file.metadata()
                about = {name: json.loads(entry) for name, entry in entries.items()}
                about = about.get(HEADER, about)  # early files have one entry each
                network = LatentTransformer(Sizes(**about["sizes"]))
                network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
                scale = torch.tensor(about["scale"]).view(3)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise PriorUnavailable(
                f"{path.name} holds no latent transformer ({str(error)[:200]}); attach one that was trained for this prior",
                param="latent_transformer",
            ) from error
        return cls(network.eval().requires_grad_(False).to(device()), scale)

    @torch.no_grad()
    def change(self, synthesis: Synthesis, w_plus: Tensor, points: Tensor, motion: Tensor) -> Tensor:
        maps = feature_map(synthesis, w_plus)
        x, y = (points * SIDE).long().clamp(0, SIDE - 1).T
        rows = w_plus[:, : self.network.sizes.rows]
        return self.network(rows, motion[None], maps[0, :, y, x].T[None]) - rows


def mover_of(prior: library.Prior, synthesis: Synthesis, home: PriorHome | None) -> Mover:
    """The prior's own, for its generator or a person's. Raises PriorAssetMissing, PriorUnavailable."""
    path = library.asset(prior.name, "latent_transformer", home=home)
    mover = _loaded(path, path.stat().st_mtime_ns)
    sizes, config = mover.network.sizes, synthesis.config
    fits = config.resolution >= SIDE and (sizes.w_dim, sizes.feature_dim) == (config.w_dim, config.width(SIDE))
    if not fits or sizes.rows > config.num_ws:
        raise PriorUnavailable(
            f"the latent transformer of prior {prior.name!r} was trained for a generator of another shape; attach one of its own",
            param="latent_transformer",
        )
    return mover


@functools.lru_cache(maxsize=2)
def _loaded(path: Path, _: int) -> Mover:
    return Mover.load(path)


def published(mover: Moves, synthesis: Synthesis, w_plus: Tensor, task: Task) -> Tensor:
    """w_plus after one pass at the published strength; handles that are their own targets are anchors."""
    way = task.targets - task.handles
    length = way.norm(dim=1).max().clamp(min=1e-6)
    change = mover.change(synthesis, w_plus, task.handles, F.pad(way / length, (0, 1)))
    return moved(w_plus, float(length) * 256 / PUBLISHED * change)


def landed(
    mover: Moves,
    synthesis: Synthesis,
    w_plus: Tensor,
    task: Task,
    *,
    passes: int = PASSES,
    dtype: torch.dtype = torch.float32,
    aim: Callable[[], Tensor] | None = None,
) -> Iterator[Step]:
    """Steps as those of `draggan`, of one pass of the synthesis each. dtype: of the maps that handles are looked for in.

    aim  asked before each pass for the targets [P, 2] as they are by then, where somebody moves them; None: they stay"""
    features = Features(synthesis, task.hold(synthesis, w_plus), dtype=dtype)
    side = features.side
    unit = mover.scale.to(w_plus) * torch.tensor([side / SIDE, side / SIDE, 1.0]).to(w_plus)
    targets, points, w = task.targets.to(w_plus) * side, task.handles.to(w_plus) * side, w_plus
    with torch.no_grad():
        first = features(w, points)
    tracker = Tracker(first, points)
    texture = tracker.texture(first, points)
    left = (targets - points).norm(dim=1)
    best = Step(w, points / side, left / side, torch.ones(len(points)).to(points), 0)
    yield best
    gain, astray, number = 1.0, 0, 0
    for number in range(1, passes + 1):
        if aim is not None and not torch.equal(there := aim().to(w_plus) * side, targets):
            targets, gain, astray = there, 1.0, 0
            best = replace(best, left=(targets - points).norm(dim=1) / side)
        asked = F.pad(targets - points, (0, 1)) / unit
        length = max(float(asked.norm(dim=1).max()), 1e-6)
        share = min(1.0, LONGEST / length)  # of the way, in this pass
        change = share * gain * length * mover.change(synthesis, w, points / side, asked / length)
        ahead = points + share * (targets - points)
        with torch.no_grad():
            found = tracker.find(features(moved(w, change), ahead), ahead)
        left = (targets - found.points).norm(dim=1)
        step = Step(moved(w, change), found.points / side, left / side, found.confidence, number)
        gone = found.points - points
        right = float((gone * (ahead - points)).sum() / gone.square().sum().clamp(min=1e-9))  # strength, for this one
        if task.off(step.left) < task.off(best.left):
            best, w, points, astray = step, step.w_plus, found.points, 0
            gain = min(max(gain * right, GAINS[0]), GAINS[1])
        else:
            gain, astray = gain * min(max(right, 0.1), 0.6), astray + 1
        if bool((left < ARRIVED).all()) or astray > PATIENCE or number == passes:
            break
        yield step
    yield replace(best, number=number, ends=ends(best, task, texture, ARRIVED / side))


def moved(w_plus: Tensor, change: Tensor) -> Tensor:
    """`change` [1, rows, D] added to the first rows."""
    return torch.cat([w_plus[:, : change.shape[1]] + change, w_plus[:, change.shape[1] :]], 1)
