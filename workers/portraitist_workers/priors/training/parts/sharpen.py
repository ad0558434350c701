"""An adversarial stage after `paired`: the dual-branch discriminator sharpens, and the paired terms stay. `default-parts` ships without.

    python -m portraitist_workers.priors.training.parts.sharpen --pool DIR --twins DIR --canvas DIR --state parts.pt --out DIR

Half of what the discriminator is shown are regressions of renders. The other half are mixtures: parts of two people, which have no
render, and need one judge at least. Labels -> codes are held, so encoder, directions and mapping stay valid. Resumable like `paired`.
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

from ....precision import optimisation_dtype
from ...engine.canvas import Canvas
from .. import loop
from ..losses import load_lpips, random_shift
from . import losses
from .adversary import Adversary, Weights, mask_consistency, mixed, one_hot
from .discriminator import DualDiscriminator
from .frames import Zooms
from .own import WIDTHS
from .paired import LEFT_OUT, LOCAL, PHASES, SWAPPED, Trainer
from .pictures import LabelledPool, Pictures
from .sheet import contact_sheet


@dataclass(frozen=True)
class Stage:
    images: int = 24_000
    batch: int = 12  # of which those that are whole renders are real to the discriminator
    mixtures: int = 4  # made of the batch's codes, beside it
    lr: float = 2e-4  # falls to a tenth in the last third
    lr_discriminator: float = 6e-4
    adversarial: float = 0.4  # length of the adversarial gradient on picture and masks, in lengths of the paired one
    ramp: int = 8_000  # pictures over which it grows to that, an eighth of the stage at most
    consistency: float = 1.0  # weight of coarse against final masks; labels hold both already
    grain: float = 0.015  # noise added to what the discriminator sees: the renders' grain follows no label
    ema: float = 0.998


class Sharpening:
    """The paired trainer with an adversary beside it."""

    def __init__(self, trainer: Trainer, stage: Stage, weights: Weights | None = None) -> None:
        self.trainer, self.stage = trainer, stage
        self.phase = replace(trainer.phases[-1], batch=stage.batch)
        trainer.learning.load_state_dict(trainer.average.state_dict())
        trainer.router.requires_grad_(False)
        self.trained: list[Tensor] = [p for p in trainer.generator.parameters() if p.requires_grad]
        averaged = dict(zip(map(id, trainer.trained), trainer.averaged, strict=True))
        self.averaged = [averaged[id(p)] for p in self.trained]
        self.optimizer = torch.optim.Adam(self.trained, lr=stage.lr, betas=(0.0, 0.99), eps=1e-8)
        size = self.phase.resolution
        widths = {r: w for r, w in WIDTHS.items() if r <= size}
        discriminator = DualDiscriminator(size, len(trainer.config.parts), widths, light=True)
        self.adversary = Adversary(discriminator, weights or Weights(), stage.lr_discriminator)
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
        # Both judges give their gradient on picture and masks; it is passed on once.
        image, masks = made.image.detach().requires_grad_(), made.segmentation.detach().requires_grad_()
        leaves = replace(made, image=image, segmentation=masks)
        shown = leaves.at(slice(stage.batch))
        paired = trainer.losses(self.phase, shown, target, present[: stage.batch], lpips, torch_rng)
        changed = leaves.at(slice(-len(changes), None))
        paired["local"] = self.phase.local * losses.elsewhere(shown.at(LOCAL), changed, changes)
        total = torch.stack(list(paired.values())).sum() + stage.consistency * mask_consistency(made)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward(retain_graph=True)  # what the depths are told reaches the weights already
        figures, towards_real = self._judged(image, masks, target, torch_rng, number)
        share = stage.adversarial * min(1.0, self.seen / min(stage.ramp, stage.images / 8))
        towards = []
        for name, leaf, real in (("image", image, towards_real[0]), ("masks", masks, towards_real[1])):
            assert leaf.grad is not None
            balance = share * leaf.grad.norm() / real.norm().clamp(min=1e-12)
            figures[f"balance_{name}"] = balance.log10()
            towards.append(leaf.grad + balance * real)
        torch.autograd.backward((made.image, made.segmentation), tuple(towards))
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.averaged, self.trained, 1 - stage.ema)
        self.seen += stage.batch
        return {name: float(value.detach()) for name, value in (paired | figures).items()}

    def _judged(
        self, image: Tensor, masks: Tensor, target: Pictures, rng: torch.Generator, number: int
    ) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
        """One step of the discriminator; its figures, and the gradients on picture and masks that would deceive it."""
        stage = self.stage
        fakes = [*range(LEFT_OUT, LEFT_OUT + stage.mixtures), *range(stage.batch, stage.batch + stage.mixtures)]
        whole = slice(
            LEFT_OUT, stage.batch - SWAPPED
        )  # what was painted over, or put together, is nothing to learn from
        seen_image, seen_masks = random_shift(self._grainy(image[fakes], rng), masks[fakes], pixels=8, rng=rng)
        real = random_shift(self._grainy(target.image[whole], rng), one_hot(target.shares[whole]), pixels=8, rng=rng)
        figures = self.adversary.learn((real[0], real[1]), (seen_image, seen_masks), number, few=len(real[0]) // 2)
        deceived = self.adversary.deceived(seen_image, seen_masks)
        towards = torch.autograd.grad(deceived, (image, masks))
        return figures | {"deceived": deceived}, (towards[0], towards[1])

    def _grainy(self, pictures: Tensor, rng: torch.Generator) -> Tensor:
        return pictures + self.stage.grain * torch.randn(pictures.shape, generator=rng)

    def state(self) -> dict:
        return self.trainer.state() | {
            "sharpening": self.optimizer.state_dict(),
            "adversary": self.adversary.state(),
            "sharpened": self.seen,
        }

    def load(self, state: dict) -> None:
        self.trainer.load(state)
        self.optimizer.load_state_dict(state["sharpening"])
        self.adversary.load(state["adversary"])
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

    loop.run(
        lambda: sharpening.step(pool, twins, lpips),
        save=save,
        told=lambda: f"seen {sharpening.seen}",
        going=lambda: sharpening.seen < args.images,
    )


if __name__ == "__main__":
    main()
