"""Trains a parts generator on somebody's own pictures with class maps, the published way: adversarially, from nothing.

    portraitist train parts DATA --out DIR --size 128

DATA is laid out as `own_pictures.py` says. Resumable: the same command goes on where it stopped, with the same bits. DIR gets the state
(`training.pt`), a sheet to look at (`sheet.png`), and the averaged generator (`generator.safetensors`).
"""

from __future__ import annotations

import argparse
import copy
import itertools
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from portraitist.errors import InvalidRequest, PortraitistError

from ....faces.image_io import to_uint8
from ....generator.formats import native
from ....generator.parts import Parts, PartsConfig
from ....precision import optimisation_dtype
from .. import loop
from . import own_pictures
from .adversary import Adversary, PathLength, Weights, mask_consistency, mixed
from .discriminator import DualDiscriminator
from .own_pictures import OwnPictures

SIZES = (32, 64, 128, 256)
BATCH = 8
RATE = 2e-3
HALF_LIFE = 10_000  # pictures, of the average
WIDTHS = {4: 128, 8: 128, 16: 96, 32: 64, 64: 48, 128: 24, 256: 16}  # of the discriminator
CENTRE = 4096  # latents whose mean is the centre of truncation


def config(size: int, names: tuple[str, ...]) -> PartsConfig:
    """A small one, which processors can train: the published widths are ten times as large."""
    return PartsConfig(
        size,
        names,
        z_dim=128,
        code_dim=128,
        mapping_layers=4,
        coarse=size // 2,
        smallest=max(8, size // 8),
        shape_layers=3,
        texture_layers=3,
        local_channels=32,
        feature_channels=96,
        channels={16: 96, 32: 96, 64: 64, 128: 48, 256: 32},
    )


class OwnTraining:
    """Both networks, the generator's average, and how many pictures were seen. What is drawn for a step depends on its number alone."""

    def __init__(self, pictures: OwnPictures, size: int, *, seed: int = 0, weights: Weights | None = None) -> None:
        torch.manual_seed(seed)  # initial weights
        self.pictures, self.seed, self.weights = pictures, seed, weights or Weights()
        self.generator = Parts(config(size, pictures.names))
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        widths = {r: w for r, w in WIDTHS.items() if r <= size}
        discriminator = DualDiscriminator(size, len(pictures.names), widths, light=True)
        self.adversary = Adversary(discriminator, self.weights, RATE)
        share = self.weights.path_every / (self.weights.path_every + 1)
        self.optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=RATE * share, betas=(0.0, 0.99**share), eps=1e-8
        )
        self.path = PathLength()
        self.seen = 0

    def step(self) -> dict[str, float]:
        """One of the discriminator, one of the generator, and the penalties whose turn it is."""
        number, rng = self.seen // BATCH, torch.Generator().manual_seed(self.seen + self.seed * 2**40)
        real = self.pictures.batch(BATCH, np.random.default_rng([self.seed, self.seen]))
        made = self.generator.make(self._codes(BATCH, rng).flatten(1), noise="none", dtype=optimisation_dtype())
        fake = made.image, made.segmentation
        figures = self.adversary.learn(real, fake, number, few=BATCH // 2)
        losses = {
            "deceived": self.adversary.deceived(*fake),
            "masks": self.weights.masks * mask_consistency(made),
        }
        if number % self.weights.path_every == 0:
            codes = self._codes(BATCH // 2, rng)
            losses["path"] = self.weights.path * self.weights.path_every * self.path(self.generator, codes, rng)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.generator.parameters()), 1 - 0.5 ** (BATCH / HALF_LIFE)
            )
        self.seen += BATCH
        return {name: float(value.detach()) for name, value in (losses | figures).items()}

    def _codes(self, count: int, rng: torch.Generator) -> Tensor:
        """[count, codes, code_dim], sometimes mixed from two latents."""
        z = torch.randn(2 * count, self.generator.config.z_dim, generator=rng)
        mix = torch.rand((), generator=rng) < self.weights.mixing
        codes, others = self.generator.codes(self.generator.mapping(z)).chunk(2)
        return mixed(codes, others, self.generator.config.base_layers, rng) if mix else codes

    def state(self) -> dict:
        return {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "adversary": self.adversary.state(),
            "path": self.path.mean,
            "seen": self.seen,
            "parts": list(self.pictures.names),
        }

    def load(self, state: dict) -> None:
        """Raises InvalidRequest for a state of other parts or another size."""
        if state["parts"] != list(self.pictures.names):
            raise InvalidRequest(
                f"the training there is of the parts {', '.join(state['parts'])}: use another --out, or those classes",
                param="out",
            )
        try:
            for name in ("generator", "average", "optimizer"):
                getattr(self, name).load_state_dict(state[name])
        except RuntimeError:
            raise InvalidRequest("the training there is of another size: use another --out", param="out") from None
        self.adversary.load(state["adversary"])
        self.path.mean, self.seen = state["path"], state["seen"]

    @torch.no_grad()
    def finish(self, folder: Path) -> None:
        """Writes the averaged generator, and a sheet of its pictures and masks."""
        z = torch.randn(CENTRE, self.generator.config.z_dim, generator=torch.Generator().manual_seed(1))
        self.average.mapping.w_avg.copy_(self.average.mapping(z).mean(0))
        native.save(self.average, folder / "generator.safetensors", metadata={"seen": self.seen})
        made = self.average.make(self.average.mapping(z[:24]), noise="none")
        colours = np.random.default_rng(3).integers(40, 255, (len(self.pictures.names), 3), np.uint8)
        masks = colours[made.classes.numpy()]
        rows = [
            row
            for pair in zip(
                to_uint8(made.image).reshape(3, 8, *masks.shape[1:]), masks.reshape(3, 8, *masks.shape[1:]), strict=True
            )
            for row in pair
        ]
        cv2.imwrite(str(folder / "sheet.png"), np.vstack([np.hstack(list(row)) for row in rows])[..., ::-1])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="portraitist train parts", description="Train a generator of parts.")
    parser.add_argument("data", type=Path, help="folder with images/, masks/ and classes.json")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, choices=SIZES, default=128)
    parser.add_argument("--images", type=int, default=400_000, help="how many to see in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    try:
        training = OwnTraining(own_pictures.read(args.data, args.size), args.size, seed=args.seed)
        args.out.mkdir(parents=True, exist_ok=True)
        path = args.out / "training.pt"
        if path.exists():
            training.load(torch.load(path, weights_only=True))
            print(f"going on at {training.seen} pictures", flush=True)
    except PortraitistError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        raise SystemExit(2) from None
    saves = itertools.count()

    def save() -> None:
        loop.save_atomically(training.state(), path)
        if next(saves) % 4 == 0 or training.seen >= args.images:
            training.finish(args.out)

    loop.run(
        training.step,
        save=save,
        told=lambda: f"seen {training.seen} of {args.images}",
        going=lambda: training.seen < args.images,
    )


if __name__ == "__main__":
    main()
