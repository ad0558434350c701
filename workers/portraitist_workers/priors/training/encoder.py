"""Trains the inversion encoder: every render comes with the w that the label network gives it.

    python -m portraitist_workers.priors.training.encoder --pool DIR --canvas DIR --state PRIOR.pt --out DIR --minutes 10
    python -m portraitist_workers.priors.training.encoder --pool DIR --prior PRIOR --photographs DATA --out DIR --rate 3e-4

Inputs are shifted, scaled, blurred, compressed and re-lit, because photos are. The learning rate falls over the --minutes of one
run. A further run continues from the state in --out, also where the prior has changed since (then with a lower --rate). The encoder of a
finished prior (--prior, a folder) learns further. It keeps W, and learns to make the picture better from it. DIR is then a prior, too.
"""

from __future__ import annotations

import argparse
import copy
import os
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...device import in_channels_last
from ...faces.identity import load_identity
from ...faces.perceptual import load_perceptual
from ...generator import Generator
from ...inversion.encoder import Encoder
from ...inversion.reconstruction import Reconstruction, shrunk
from ...precision import autocast, optimisation_dtype
from . import loop
from .finished import Finished, add_start, started
from .losses import BACKGROUND_WEIGHT
from .photographs import Photographs
from .pool import Pool

SIDE = 128  # px of what the encoder sees
IN_W, IN_W_PLUS = 16, 4  # pictures of a batch that are synthesised, from w at 64 px and from w_plus in full
PHOTOGRAPHED = 2  # of each of those, where there are photographs
IDENTITY_WEIGHT = 0.5  # of 1 - the cosine between the person of W+'s picture and the one who was shown
OFFSET_WEIGHT = 0.02  # of the mean square of W+'s offsets in units of w_std: far from W, edits stop working


def augment(image: Tensor, rng: torch.Generator) -> Tensor:
    """Per-image shift (<= 4 %), scale, exposure, and for a part of the batch noise and loss of resolution."""
    B = len(image)
    u = torch.rand(B, 6, generator=rng)
    theta = torch.zeros(B, 2, 3)
    scale = 1 + (u[:, 0] - 0.5) * 0.1
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = (u[:, 1:3] - 0.5) * 0.16
    grid = F.affine_grid(theta, list(image.shape), align_corners=False)
    image = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    image = image * (1 + (u[:, 3] - 0.5) * 0.2).view(B, 1, 1, 1) + ((u[:, 4] - 0.5) * 0.1).view(B, 1, 1, 1)
    small = F.interpolate(F.avg_pool2d(image, 4), scale_factor=4, mode="bilinear", align_corners=False)
    lost = (u[:, 5] < 0.15).view(B, 1, 1, 1)
    return torch.where(lost, small, image) + torch.randn(image.shape, generator=rng) * 0.03 * (u[:, 5] > 0.7).view(
        B, 1, 1, 1
    )


class Teacher(Protocol):
    """A training that made a generator, and knows what labels mean in its W."""

    @property
    def generator_ema(self) -> Generator:
        """The average of what was learnt."""

    @property
    def labels_ema(self) -> nn.Module:
        """labels [B, L] -> w [B, D]"""

    def w(self, image: Tensor, labels: Tensor) -> Tensor:
        """A render's w [B, D]."""


class Inversion:
    """The encoder, what it is judged by, and its optimiser."""

    def __init__(self, trainer: Teacher, pool: Pool, rate: float, photographs: Photographs | None = None) -> None:
        """Of `photographs` nobody knows the w; the pictures made from what is found have to be right."""
        self.generator = trainer.generator_ema.eval().requires_grad_(False)
        self.distance, self.identity = Reconstruction(load_perceptual()), load_identity()
        self.target, self.pool, self.photographs, self.rate, self.seen = trainer.w, pool, photographs, rate, 0
        if isinstance(trainer, Finished):
            self.encoder = copy.deepcopy(trainer.encoder).requires_grad_(True)
        else:
            with torch.no_grad():
                w = torch.cat([trainer.labels_ema(torch.from_numpy(x)) for x in pool.labels])
            self.encoder = Encoder(self.generator.w_dim, self.generator.num_ws)
            self.encoder.w_mean.copy_(w.mean(0))
            self.encoder.w_std.copy_(w.std(0).clamp(min=1e-4))
        in_channels_last(self.encoder)
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
        self._seed()

    def _seed(self) -> None:
        self.rng, self.shifts = np.random.default_rng(self.seen + 1), torch.Generator().manual_seed(self.seen + 1)

    def step(self, share: float) -> dict[str, float]:
        """One update, at `share` of the run."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * max(0.02, 1 - share)
        picture, alpha, labels = self.pool.batch(32, self.generator.config.resolution, self.rng)
        if self.photographs:
            picture, alpha = self._with_photographs(picture, alpha)
        image, alpha = shrunk(picture, SIDE), shrunk(alpha, SIDE)
        with torch.no_grad():
            target = self.target(image, labels)
        with autocast():
            found = self.encoder(augment(image, self.shifts))
        rendered = slice(PHOTOGRAPHED, -PHOTOGRAPHED) if self.photographs else slice(None)
        off = ((found - target) / self.encoder.w_std)[rendered]
        in_w = F.smooth_l1_loss(off, torch.zeros_like(off), beta=0.5)
        # What the picture looks like matters more than the code: a coarse synthesis is cheap and says it.
        fake = self.generator.images(found[:IN_W], noise="none", dtype=optimisation_dtype(), until=64)
        weight = BACKGROUND_WEIGHT + (1 - BACKGROUND_WEIGHT) * shrunk(alpha[:IN_W], 64)
        in_pixels = ((fake - shrunk(image[:IN_W], 64)).abs() * weight).mean()
        with autocast():
            w_plus = self.encoder.w_plus(augment(image[-IN_W_PLUS:], self.shifts))
        offsets = (w_plus - w_plus.mean(1, keepdim=True)) / self.encoder.w_std
        made = self.generator.images(w_plus, noise="none", dtype=optimisation_dtype())
        last = picture[
            -IN_W_PLUS:
        ]  # in full: judged at 128 px, what default-256 made of photographs stayed .151 from them, not .128
        in_w_plus = self.distance(made, last, self.seen).mean()
        with autocast():  # of W's pictures, of 64 px, as well: measured, and W came out further from what was shown (LPIPS .189, .192)
            alike = (self.identity(made) * self.identity(last)).sum(1).float().mean()
        self.optimizer.zero_grad(set_to_none=True)
        total = (
            in_w
            + 3 * in_pixels
            + 2 * in_w_plus
            + IDENTITY_WEIGHT * (1 - alike)
            + OFFSET_WEIGHT * offsets.square().mean()
        )
        total.backward()
        self.optimizer.step()
        self.seen += len(image)
        return {
            "w": float(in_w.detach()),
            "pixels": float(in_pixels.detach()),
            "w_plus": float(in_w_plus.detach()),
            "identity": float(alike.detach()),
        }

    def _with_photographs(self, picture: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """The first and the last ones replaced, as they are among those that are synthesised."""
        assert self.photographs is not None
        real = self.photographs.batch(2 * PHOTOGRAPHED, picture.shape[-1], self.rng)
        whole = torch.ones_like(alpha[:PHOTOGRAPHED])
        return (
            torch.cat([real[:PHOTOGRAPHED], picture[PHOTOGRAPHED:-PHOTOGRAPHED], real[PHOTOGRAPHED:]]),
            torch.cat([whole, alpha[PHOTOGRAPHED:-PHOTOGRAPHED], whole]),
        )

    def state(self) -> dict:
        return {"encoder": self.encoder.state_dict(), "optimizer": self.optimizer.state_dict(), "seen": self.seen}

    def load(self, state: dict) -> None:
        mine = {
            k: v for k, v in self.encoder.state_dict().items() if k not in ("w_mean", "w_std")
        }  # those are this prior's
        known = {k: v for k, v in state["encoder"].items() if k in mine and v.shape == mine[k].shape}
        self.encoder.load_state_dict(known, strict=False)
        if len(known) == len(mine):  # else it is of a generator with other layers, whose offsets are learnt anew
            self.optimizer.load_state_dict(state["optimizer"])
        self.seen = state["seen"]
        self._seed()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=Path, required=True)
    add_start(parser)
    parser.add_argument("--photographs", type=Path, help="folder with london/: photos of training people are read, too")
    parser.add_argument(
        "--start", type=Path, help="encoder.pt of another prior with this W, from which a new one goes on"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate at the start of this run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    trainer = started(parser, args)
    inversion = Inversion(
        trainer, Pool(args.pool), args.rate, Photographs(args.photographs) if args.photographs else None
    )
    path = args.out / "encoder.pt"
    if start := path if path.exists() else args.start:
        inversion.load(torch.load(start, weights_only=True))

    def save() -> None:
        loop.save_atomically(inversion.state(), path)
        if isinstance(trainer, Finished):
            trainer.write(args.out, inversion.encoder)

    loop.run_for(args.minutes, inversion.step, save=save, told=lambda: f"seen {inversion.seen}")


if __name__ == "__main__":
    main()
