"""labels -> w of a finished prior, learnt anew with its synthesis held.

    python -m portraitist_workers.priors.training.labelling --pool DIR [--pool DIR] --canvas DIR --prior DIR --out DIR

What ships has no labels -> w, and a synthesis that is to learn on from renders needs one: w from the encoder does not say exactly
where an outline is. The encoder's w come first, then what the pictures look like. OUT/labels.pt is read by `adversarial` and `encoder`
(--labels); resumable. Priors that share their W share it, too: the smaller one learns it four times as fast.
"""

from __future__ import annotations

import argparse
import copy
import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...generator import StyleGAN2
from ...precision import optimisation_dtype
from .. import library
from ..engine.canvas import Canvas
from . import loop
from .labels import LabelNetwork, label_network
from .losses import load_lpips, person_lpips, pyramid_l1, where_to_look
from .pool import Pool
from .prior import BLINKING

BY_ENCODER = 60_000  # pictures of which the encoder says the w, in batches of ...
BATCH_BY_ENCODER, BATCH = 64, 16
COARSE = (
    32  # px: finer pixels would ask for the w of a blurred picture, where a synthesis cannot show what the render does
)
PERCEPTUAL = 0.4
NEAR = 0.05  # weight of the distance to the encoder's w, in spreads of W: keeps what no picture tells
RATE, FALL = 1.5e-3, 0.03  # learning rate, and what is left of it at the end; the second two thirds of the run fall


def load(path: Path) -> LabelNetwork:
    """What `main` wrote. The file says its sizes, and has the looks of the people."""
    weights = torch.load(path, weights_only=True)["average"]
    people, code_dim = weights["codes"].shape
    labels = LabelNetwork(people // 2, code_dim, len(weights["third.weight"]))
    labels.load_state_dict(weights)
    return labels.requires_grad_(False)


class Labelling:
    """The network, its average, and what it is judged by."""

    def __init__(self, prior: library.Prior, canvas: Canvas, seed: int = 0) -> None:
        torch.manual_seed(seed)  # initial weights
        self.prior = prior
        assert isinstance(prior.generator, StyleGAN2)
        self.synthesis = prior.generator.synthesis
        self.labels = label_network(canvas, prior.w_std.numel())
        self.average = copy.deepcopy(self.labels).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.labels.parameters(), lr=RATE, betas=(0.9, 0.99))
        self.seen = 0

    def step(self, pools: list[Pool], lpips: nn.Module | None, share: float) -> dict[str, float]:
        """One update, at `share` of the run."""
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * FALL ** max(0.0, 1.5 * share - 0.5)
        rng = np.random.default_rng([1, self.seen])
        pool = pools[rng.integers(len(pools))]
        by_encoder = self.seen < BY_ENCODER
        image, alpha, labels = pool.batch(
            BATCH_BY_ENCODER if by_encoder else BATCH, self.prior.resolution, rng, blinking=BLINKING
        )
        w = self.labels(labels)
        with torch.no_grad():
            found = self.prior.encoder(image)
        losses = {"w": ((w - found) / self.prior.w_std).square().mean()}
        if not by_encoder:
            losses["w"] *= NEAR
            losses |= self._against_render(w, image, alpha, lpips)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        self.seen += len(image)
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.labels.parameters()), 0.02 if by_encoder else 0.002
        )
        return {name: float(value.detach()) for name, value in losses.items()}

    def _against_render(self, w: Tensor, image: Tensor, alpha: Tensor, lpips: nn.Module | None) -> dict[str, Tensor]:
        made = self.synthesis(w, noise="none", dtype=optimisation_dtype())
        shifts = torch.Generator().manual_seed(self.seen)
        losses = {"lpips": PERCEPTUAL * person_lpips(lpips, made, image, alpha, shifts)} if lpips is not None else {}
        made, image, alpha = (F.avg_pool2d(x, x.shape[-1] // COARSE) for x in (made, image, alpha))
        return losses | {"l1": pyramid_l1(made, image, where_to_look(alpha))}

    def state(self) -> dict:
        return {
            "labels": self.labels.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
        }

    def load(self, state: dict) -> None:
        for name in ("labels", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.seen = state["seen"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pool",
        type=Path,
        action="append",
        required=True,
        help="folder of shards made by engine.render pool; several are drawn from alike",
    )
    parser.add_argument("--canvas", type=Path, required=True, help="canvas cache made by engine.build")
    parser.add_argument("--prior", type=Path, required=True, help="folder of the finished prior")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    labelling, path = Labelling(library.load(folder=args.prior), Canvas.load(args.canvas)), args.out / "labels.pt"
    if path.exists():
        labelling.load(torch.load(path, weights_only=True))
    pools, lpips = [Pool(folder) for folder in args.pool], load_lpips()
    loop.run_for(
        args.minutes,
        lambda share: labelling.step(pools, lpips, share),
        told=lambda: f"seen {labelling.seen}",
        save=lambda: loop.save_atomically(labelling.state(), path),
    )


if __name__ == "__main__":
    main()
