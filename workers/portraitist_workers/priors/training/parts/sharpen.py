"""An adversarial stage after `paired`: a discriminator sharpens the picture, and the paired terms stay.

    python -m portraitist_workers.priors.training.parts.sharpen --pool DIR --twins DIR --canvas DIR --state parts.pt --out DIR

It compares renders with their regressions, as for `default` (`..discriminator`). Some of what it is shown are mixtures, parts of two
people, which have no render and need one judge at least. It sees no masks: those of renders are hard and made ones soft, which tells them
apart at once. Labels -> codes are held, so encoder, directions and mapping stay valid. Resumable like `paired`.
"""

from __future__ import annotations

import argparse
import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ....device import in_channels_last
from ....precision import optimisation_dtype
from ...engine.canvas import Canvas
from .. import loop
from ..discriminator import Discriminator, compared
from ..losses import load_lpips, random_shift
from . import losses
from .adversary import mixed
from .frames import Zooms
from .paired import LEFT_OUT, LOCAL, PHASES, SWAPPED, Trainer
from .pictures import LabelledPool, Pictures
from .sheet import contact_sheet


@dataclass(frozen=True)
class Stage:
    images: int = 32_000
    batch: int = 12  # of which those that are whole renders are compared with them
    mixtures: int = 4  # made of the batch's codes, beside it
    lr: float = 2e-4  # falls to a tenth in the last third
    lr_discriminator: float = 6e-4
    adversarial: float = 0.4  # length of the adversarial gradient on the picture, in lengths of the paired one
    ramp: int = 8_000  # pictures over which it grows to that, an eighth of the stage at most
    penalty: float = 0.003  # gamma of R1 and R2 ...
    every: int = 4  # ... in every so manieth step, times as much, on half the pictures
    grain: float = 0.015  # noise added to what the discriminator sees: the renders' grain follows no label
    ema: float = 0.998


class Sharpening:
    """The paired trainer with a discriminator beside it."""

    def __init__(self, trainer: Trainer, stage: Stage) -> None:
        self.trainer, self.stage = trainer, stage
        self.phase = replace(trainer.phases[-1], batch=stage.batch)
        trainer.learning.load_state_dict(trainer.average.state_dict())
        trainer.router.requires_grad_(False)
        self.trained: list[Tensor] = [p for p in trainer.generator.parameters() if p.requires_grad]
        averaged = dict(zip(map(id, trainer.trained), trainer.averaged, strict=True))
        self.averaged = [averaged[id(p)] for p in self.trained]
        self.optimizer = torch.optim.Adam(self.trained, lr=stage.lr, betas=(0.0, 0.99), eps=1e-8)
        self.discriminator = in_channels_last(Discriminator(self.phase.resolution))
        self.judge = torch.optim.Adam(
            self.discriminator.parameters(), lr=stage.lr_discriminator, betas=(0.0, 0.99), eps=1e-8
        )
        self.seen = 0

    def step(self, pool: LabelledPool, twins: LabelledPool, lpips: nn.Module | None) -> dict[str, float]:
        stage, trainer, number = self.stage, self.trainer, self.seen // self.stage.batch
        for group in self.optimizer.param_groups:
            group["lr"] = stage.lr * 0.1 ** max(0.0, 3 * self.seen / stage.images - 2)
        rng, torch_rng = np.random.default_rng([31, self.seen]), torch.Generator().manual_seed(2**40 + self.seen)
        with torch.no_grad():
            target, w, present = trainer.batch(self.phase, pool, twins, rng, torch_rng)
            codes = trainer.generator.codes(w)
            mixtures = mixed(codes, codes.roll(1, 0), trainer.config.base_layers, torch_rng)[-stage.mixtures :]
            changes = trainer.changed(w, rng)
            w = torch.cat([w, mixtures.flatten(1), *(change.w for change in changes)])
            present = torch.cat([present, torch.ones(len(w) - stage.batch, present.shape[1])])
        made = trainer.generator.make(
            w,
            present=present,
            noise="none",
            dtype=optimisation_dtype(),
            until=self.phase.resolution,
            coarse=self.phase.coarse,
        )
        # Gradients on picture and masks are gathered, and passed on once.
        image, masks = made.image.detach().requires_grad_(), made.segmentation.detach().requires_grad_()
        leaves = replace(made, image=image, segmentation=masks)
        shown = leaves.at(slice(stage.batch))
        paired = trainer.losses(self.phase, shown, target, present[: stage.batch], lpips, torch_rng)
        changed = leaves.at(slice(-len(changes), None))
        paired["local"] = self.phase.local * losses.elsewhere(shown.at(LOCAL), changed, changes)
        self.optimizer.zero_grad(set_to_none=True)
        # What the depths are told reaches the weights already.
        torch.stack(list(paired.values())).sum().backward(retain_graph=True)
        figures, towards_real = self._judged(image, target, torch_rng, number)
        assert image.grad is not None and masks.grad is not None
        share = stage.adversarial * min(1.0, self.seen / min(stage.ramp, stage.images / 8))
        balance = share * image.grad.norm() / towards_real.norm().clamp(min=1e-12)
        torch.autograd.backward((made.image, made.segmentation), (image.grad + balance * towards_real, masks.grad))
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.averaged, self.trained, 1 - stage.ema)
        self.seen += stage.batch
        return {name: float(value.detach()) for name, value in (paired | figures).items()}

    def _judged(
        self, image: Tensor, target: Pictures, rng: torch.Generator, number: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One step of the discriminator; its figures, and the gradient on the pictures `image` that would deceive it."""
        stage = self.stage
        whole = range(LEFT_OUT, stage.batch - SWAPPED)  # what was painted over, or put together, shows no render
        mixtures = range(stage.batch, stage.batch + stage.mixtures)
        real = target.image[[*whole, *(i % len(whole) + LEFT_OUT for i in range(len(mixtures)))]]
        seen = random_shift(self._grainy(image[[*whole, *mixtures]], rng), self._grainy(real, rng), pixels=8, rng=rng)
        penalty = 0.0 if number % stage.every else stage.every * stage.penalty
        return compared(self.discriminator, self.judge, seen, image, penalty=penalty, few=len(whole) // 2)

    def _grainy(self, pictures: Tensor, rng: torch.Generator) -> Tensor:
        return pictures + self.stage.grain * torch.randn(pictures.shape, generator=rng)

    def state(self) -> dict:
        return self.trainer.state() | {
            "sharpening": self.optimizer.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "judge": self.judge.state_dict(),
            "sharpened": self.seen,
        }

    def load(self, state: dict) -> None:
        self.trainer.load(state)
        self.optimizer.load_state_dict(state["sharpening"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.judge.load_state_dict(state["judge"])
        self.seen = state["sharpened"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in (
        ("pool", "made by `engine.render pool --masks`"),
        ("twins", "made by `parts.pictures twins`"),
        ("canvas", "canvas cache made by engine.build"),
        ("state", "parts.pt of `paired`"),
        ("out", "where state and contact sheets go"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    parser.add_argument("--images", type=int, default=Stage.images, help="how many to see in all")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    canvas, path = Canvas.load(args.canvas), args.out / "parts.pt"
    trainer = Trainer(len(canvas.ids))
    trainer.load(torch.load(args.state, weights_only=True))
    trainer.seen = sum(phase.images for phase in PHASES)  # sheets are of the last phase's size
    sharpening = Sharpening(trainer, Stage(images=args.images))
    if path.exists():
        sharpening.load(torch.load(path, weights_only=True))
        print(f"going on at {sharpening.seen} pictures", flush=True)
    zooms = Zooms(canvas)
    pool, twins, lpips = LabelledPool(args.pool, zooms), LabelledPool(args.twins, zooms), load_lpips()
    saves = itertools.count()

    def save() -> None:
        loop.save_atomically(sharpening.state(), path)
        if next(saves) % 4 == 0:
            contact_sheet(trainer, pool, args.out / "sheet.png")

    def told() -> str:
        pool.refresh()
        twins.refresh()
        return f"seen {sharpening.seen}"

    loop.run(
        lambda: sharpening.step(pool, twins, lpips),
        save=save,
        told=told,
        going=lambda: sharpening.seen < args.images,
    )


if __name__ == "__main__":
    main()
