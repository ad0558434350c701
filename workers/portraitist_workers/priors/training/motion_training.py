"""Trains a prior's latent transformer on the pseudo-motion between its own faces (Endo 2022, section 3.3).

    python -m portraitist_workers.priors.training.motion_training --prior default --work FOLDER --minutes 60

Two latents lie near each other. The motion of some places between them, and their features, are the question. The second latent is
the answer. The published training takes 256 places, and is then used with one or a few. Here each batch draws how many there are.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...drag.flow import SIDE, feature_map, motion
from ...drag.transformer import LatentTransformer, Sizes
from ...generator.stylegan2 import StyleGAN2
from .. import library
from .loop import run_for, save_atomically

BATCH = 12
POOL = 360  # pairs that are kept, and asked about again with other places: drawing them takes most of the time
EVERY = 2  # steps from one batch of new pairs to the next: pairs that were asked about six times were learnt by heart
PLACES = 64  # at most
PSI = 0.7  # of the first latent
NEAR = 0.1  # of the change between two latents (published: 0.1)
SURE = 0.5  # of a place's motion, to be asked about
RATE = 5e-4
PAIRS = 96  # that the units of motion are measured on
DIM, DEPTH, HEADS, MLP = 256, 3, 8, 256


@dataclass(frozen=True, eq=False)
class Questions:
    """w [B, rows, D], moved [B, rows, D], places [B, N, 3] (motion in the units of `scale`), features [B, N, C]."""

    w: Tensor
    moved: Tensor
    motion: Tensor
    features: Tensor


class Pairs:
    """Draws pairs of faces of one generator."""

    def __init__(self, generator: StyleGAN2, seed: int) -> None:
        self.generator, self.rng = generator, torch.Generator().manual_seed(seed)
        self.rows = min(6, generator.num_ws)
        self.scale = torch.ones(3)
        self._pool: list[tuple[Tensor, ...]] = []

    def latents(self, count: int) -> tuple[Tensor, Tensor]:
        """w_plus [B, num_ws, D] twice: a face, and one near it whose first rows differ, in part each row in its own way.

        The published pairs lead from truncated latents towards others, so towards the mean: a network that has learnt only that explains
        a third of their change and moves nothing. Here the change is the difference of two latents, and means nothing on its own.
        """
        rows = self.rows
        w = torch.lerp(self.generator.mapping.w_avg.expand(count, -1), self._drawn(count), PSI)
        apart = (self._drawn(count * rows) - self._drawn(count * rows)).view(count, rows, -1)
        together = (self._drawn(count) - self._drawn(count))[:, None]
        share = torch.rand(count, 1, 1, generator=self.rng) ** 2  # from all rows alike to each on its own
        first = self.generator.synthesis.as_w_plus(w).clone()
        second = first.clone()
        second[:, :rows] += NEAR * torch.lerp(together, apart, share)
        return first, second

    def _drawn(self, count: int) -> Tensor:
        return self.generator.mapping(torch.randn(count, self.generator.config.z_dim, generator=self.rng))

    @property
    def ready(self) -> bool:
        return len(self._pool) >= 2 * BATCH

    @torch.no_grad()
    def grow(self, count: int) -> None:
        """New pairs into the pool, in place of the oldest."""
        first, second = self.latents(count)
        maps, other = (feature_map(self.generator.synthesis, w).contiguous() for w in (first, second))
        found = motion(maps, other)
        whole = torch.cat([found.flow, found.expansion[:, None]], 1).flatten(2) / self.scale[:, None]
        weights = (found.sure.flatten(1) > SURE).float() + 1e-4
        rows = slice(self.rows)
        self._pool += zip(first[:, rows], second[:, rows], whole, maps.flatten(2).bfloat16(), weights, strict=True)
        del self._pool[:-POOL]

    def draw(self, places: int) -> Questions:
        """A batch from the pool, about so many places of each pair."""
        picked = torch.randint(len(self._pool), (BATCH,), generator=self.rng).tolist()
        w, moved, whole, maps, weights = (
            torch.stack(part) for part in zip(*(self._pool[n] for n in picked), strict=True)
        )
        chosen = torch.multinomial(weights, places, generator=self.rng)[:, None]
        features = maps.gather(2, chosen.expand(-1, maps.shape[1], -1)).mT.float()
        return Questions(w, moved, whole.gather(2, chosen.expand(-1, 3, -1)).mT, features)

    @torch.no_grad()
    def measure(self) -> None:
        """The units: mean over pairs of the largest motion, and of the largest expansion (published: sigma_f, sigma_e)."""
        first, second = self.latents(PAIRS)
        largest = []
        for w, v in zip(first.split(BATCH), second.split(BATCH), strict=True):
            found = motion(feature_map(self.generator.synthesis, w), feature_map(self.generator.synthesis, v))
            flow = found.flow.norm(dim=1).flatten(1).quantile(0.99, dim=1)
            largest.append(torch.stack([flow, found.expansion.abs().flatten(1).quantile(0.99, dim=1)], 1))
        flow, expansion = torch.cat(largest).mean(0).tolist()
        self.scale = torch.tensor([flow, flow, expansion])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", default="default")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = library.load(args.prior).generator
    assert isinstance(generator, StyleGAN2)
    args.work.mkdir(parents=True, exist_ok=True)
    train(generator, args.work / f"{args.prior}.pt", args.minutes, args.seed)


def train(generator: StyleGAN2, path: Path, minutes: float, seed: int) -> LatentTransformer:
    """Goes on from `path` where that is there."""
    generator.requires_grad_(False)
    pairs = Pairs(generator, seed)
    w_dim, features = generator.w_dim, generator.config.width(SIDE)
    sizes = Sizes(w_dim, features, DIM, DEPTH, HEADS, DIM // HEADS, MLP, pairs.rows)
    network = LatentTransformer(sizes)
    with torch.no_grad():  # at first it changes nothing
        network.change.weight.zero_()
        network.change.bias.zero_()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.01)
    steps = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        pairs.scale, steps = state["scale"], state["steps"]
        pairs.rng.manual_seed(seed + steps)
    else:
        pairs.measure()

    def step(share: float) -> dict[str, float]:
        nonlocal steps
        places = int(round(math.exp(float(torch.rand((), generator=pairs.rng)) * math.log(PLACES))))
        if steps % EVERY == 0 or not pairs.ready:
            pairs.grow(BATCH)
        asked = pairs.draw(places)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (steps + 1) / 200) * (1 - share) ** 0.5
        change = (asked.moved - asked.w) / NEAR
        answered = (network(asked.w, asked.motion, asked.features) - asked.w) / NEAR
        loss = (answered - change).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        steps += 1
        explained = 1 - float(loss.detach()) / float(change.square().mean())
        return {"explained": explained, ("few" if places < 5 else "many"): explained}

    def save() -> None:
        state = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scale": pairs.scale,
            "steps": steps,
        }
        save_atomically(state, path)

    run_for(minutes, step, save=save, told=lambda: f"step {steps}")
    return network


if __name__ == "__main__":
    main()
