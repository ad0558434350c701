"""The adversarial phase: sharpens the generator that `prior` made, with the paired terms kept.

    python -m portraitist_workers.priors.training.adversarial --pool DIR --canvas DIR --state PRIOR.pt --out DIR
    python -m portraitist_workers.priors.training.adversarial --pool DIR --prior PRIOR [--labels LABELS.pt] --out DIR

Resumable like `prior`, and its state is read by whatever reads `prior`'s. Labels -> w stays as it is, so mapping, encoder and
directions stay valid. Only the synthesis learns. A finished prior can learn further (--prior, a folder). Then the encoder gives the w of
a render, or the labels -> w that `labelling` has learnt for it. That can learn too (--learn-labels). DIR is then a prior, too.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ...device import in_channels_last
from ...precision import optimisation_dtype
from . import loop
from .discriminator import Discriminator, compared
from .finished import Finished, add_start, started
from .losses import load_lpips, random_shift, random_view
from .pool import Pool
from .prior import BLINKING, Trainer, contact_sheet

VIEW = 128  # pixels a side of what the discriminator sees; of larger pictures the half-sized whole and windows by turns


@dataclass(frozen=True)
class Phase:
    batch: int = 16
    images: int = 64_000
    lr: float = 2e-4  # of the synthesis; falls to a tenth in the last third
    lr_discriminator: float = 6e-4
    adversarial: float = 0.4  # length of the adversarial gradient on the picture, in lengths of the paired one
    ramp: int = 8_000  # pictures over which it grows to that, an eighth of the phase at most
    perceptual: float = 0.4
    edges: float = 0.5
    penalty: float = 0.003  # gamma of R1 and R2 ...
    every: int = 4  # ... in every so manieth step, times as much, on half the batch
    grain: float = 0.015  # noise added to what the discriminator sees: the renders' grain follows no label
    labels: bool = False  # whether labels -> w learns along, held near the encoder's w
    averaged: float = 0.1  # share of the phase over which weights are averaged, about


class Sharpening:
    """`prior`'s trainer with a discriminator beside it."""

    def __init__(self, trainer: Trainer, phase: Phase) -> None:
        """Labels -> w learns along (`phase.labels`) with a `Finished` that has them."""
        self.trainer, self.phase = trainer, phase
        self.start = trainer.seen
        trainer.take_averages()
        learning = [*trainer.generator.synthesis.parameters()]
        if phase.labels:
            learning += trainer.labels.requires_grad_(True).parameters()
        self.optimizer = torch.optim.Adam(learning, lr=phase.lr, betas=(0.0, 0.99), eps=1e-8)
        self.discriminator = in_channels_last(Discriminator(VIEW))
        self.judge_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=phase.lr_discriminator, betas=(0.0, 0.99), eps=1e-8
        )
        self.steps = 0

    def step(self, pool: Pool, lpips: nn.Module | None) -> dict[str, float]:
        phase, trainer = self.phase, self.trainer
        done = (trainer.seen - self.start) / phase.images
        for group in self.optimizer.param_groups:
            group["lr"] = phase.lr * 0.1 ** max(0.0, 3 * done - 2)
        R = trainer.generator.config.resolution
        real, alpha, labels = pool.batch(phase.batch, R, trainer.rng, blinking=BLINKING)
        with torch.set_grad_enabled(phase.labels):
            w = trainer.codes(real, labels)
        made = trainer.generator.synthesis(w, noise="none", dtype=optimisation_dtype())

        fake = made.detach().requires_grad_()  # both judges give their gradient on the picture; it is passed on once
        paired = trainer.paired_losses(fake, real, alpha, lpips, edges=phase.edges, perceptual=phase.perceptual)
        (towards_pair,) = torch.autograd.grad(torch.stack(list(paired.values())).sum(), fake)
        figures, towards_real = self._judge(fake, real)
        share = phase.adversarial * min(1.0, (trainer.seen - self.start) / min(phase.ramp, phase.images / 8))
        balance = share * towards_pair.norm() / towards_real.norm().clamp(min=1e-12)
        self.optimizer.zero_grad(set_to_none=True)
        if phase.labels:
            assert isinstance(trainer, Finished)
            paired["near"] = trainer.held_near(w, real)
            paired["near"].backward(retain_graph=True)
        made.backward(towards_pair + balance * towards_real)
        self.optimizer.step()
        trainer.average(1 - min(1.0, phase.batch / (phase.averaged * phase.images)))
        trainer.seen += phase.batch
        self.steps += 1
        return {name: float(value.detach()) for name, value in (paired | figures).items()}

    def _judge(self, fake: Tensor, real: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """One step of the discriminator; its figures, and the gradient [B, 3, R, R] that would deceive it."""
        phase = self.phase
        seen = [self._shown(fake), self._shown(real)]
        if fake.shape[-1] > VIEW:
            seen = random_view(*seen, size=VIEW, rng=self.trainer.shift_rng)
        seen = random_shift(*seen, pixels=8, rng=self.trainer.shift_rng)
        penalty = 0.0 if self.steps % phase.every else phase.every * phase.penalty
        return compared(self.discriminator, self.judge_optimizer, seen, fake, penalty=penalty, few=phase.batch // 2)

    def _shown(self, pictures: Tensor) -> Tensor:
        return pictures + self.phase.grain * torch.randn(pictures.shape, generator=self.trainer.shift_rng)

    def state(self) -> dict:
        return self.trainer.state() | {
            "discriminator": self.discriminator.state_dict(),
            "judge_optimizer": self.judge_optimizer.state_dict(),
            "synthesis_optimizer": self.optimizer.state_dict(),
            "start": self.start,
            "steps": self.steps,
        }

    def load(self, state: dict) -> None:
        self.trainer.load(state)
        self.discriminator.load_state_dict(state["discriminator"])
        self.judge_optimizer.load_state_dict(state["judge_optimizer"])
        self.optimizer.load_state_dict(state["synthesis_optimizer"])
        self.start, self.steps = state["start"], state["steps"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=Path, required=True, help="folder of shards made by engine.render pool")
    parser.add_argument("--out", type=Path, required=True, help="where state and contact sheet go")
    add_start(parser)
    parser.add_argument(
        "--discriminator", type=Path, help="state of an earlier adversarial phase, whose discriminator goes on"
    )
    parser.add_argument("--batch", type=int, default=Phase.batch)
    parser.add_argument("--images", type=int, default=Phase.images, help="how many to see in all")
    parser.add_argument("--rate", type=float, default=Phase.lr, help="learning rate of the synthesis")
    parser.add_argument(
        "--learn-labels", action="store_true", help="labels -> w learns along, and is in OUT/labels.pt; with --labels"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    if args.learn_labels and not args.labels:
        parser.error("--learn-labels needs --labels, from which it begins")
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    trainer = started(parser, args)
    sharpening = Sharpening(
        trainer, Phase(batch=args.batch, images=args.images, lr=args.rate, labels=args.learn_labels)
    )
    path = args.out / "prior.pt"
    if path.exists():
        sharpening.load(torch.load(path, weights_only=False))  # our own file
    elif args.discriminator:
        sharpening.discriminator.load_state_dict(torch.load(args.discriminator, weights_only=False)["discriminator"])
    pool, lpips = Pool(args.pool), load_lpips()

    def save() -> None:
        loop.save_atomically(sharpening.state(), path)
        contact_sheet(trainer, pool, args.out / "sheet.png")
        if isinstance(trainer, Finished):
            trainer.write(args.out)

    def told() -> str:
        pool.refresh()
        return f"seen {trainer.seen}"

    loop.run(
        lambda: sharpening.step(pool, lpips),
        save=save,
        told=told,
        going=lambda: trainer.seen - sharpening.start < args.images,
    )


if __name__ == "__main__":
    main()
