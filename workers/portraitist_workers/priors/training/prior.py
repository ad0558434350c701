"""Trains the default generator by paired regression: engine labels -> w -> image, against the render itself.

    python -m portraitist_workers.priors.training.prior --pool DIR --canvas DIR --out DIR

Resumable: state is written every two minutes and on SIGTERM; the same command goes on where it stopped. Phases go up
in resolution, because identity and expression are learnt at low resolution at a fraction of the cost, and the skip
architecture makes partial synthesis free. From 256 px on labels -> w is held: mapping, encoder and directions of the
128 px prior stay valid.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...generator import GeneratorConfig, StyleGAN2
from ...precision import optimisation_dtype
from ..engine.canvas import Canvas
from . import loop
from .labels import label_network
from .losses import edges_l1, load_lpips, person_lpips, pyramid_l1, where_to_look
from .pool import Pool

W_DIM = 256
HELD_ABOVE = 128  # pixels a side; in larger generators labels -> w learns no more
BLINKING = 0.4  # share of a batch that is drawn from pictures with closed or half closed eyes, which are few


@dataclass(frozen=True)
class Phase:
    resolution: int
    batch: int
    images: int  # how many to see in this phase
    lr: float  # at its start ...
    lr_end: float  # ... and at its end (geometric)
    perceptual: float = 0.0  # weight of LPIPS; L1 first, LPIPS from the first step melts identities together
    edges: float = 0.0  # weight of the differences between neighbours
    ema: float = 0.998


PHASES = (  # small batches: early on, the number of updates counts, not their precision
    Phase(32, 16, 130_000, 3e-3, 2e-3),
    Phase(64, 16, 60_000, 2e-3, 1.5e-3),
    Phase(128, 16, 20_000, 1.5e-3, 1.2e-3),
    Phase(128, 16, 36_000, 1.2e-3, 1.2e-3, perceptual=0.3, ema=0.999),
    Phase(128, 16, 16_000, 1.2e-3, 1e-4, perceptual=0.3, ema=0.998),  # a look at what a falling rate brings
    Phase(128, 16, 110_000, 1.2e-3, 1e-3, perceptual=0.4, ema=0.999),
    Phase(128, 16, 122_000, 1e-3, 5e-5, perceptual=0.4, ema=0.998),  # the fall is worth as much as the steps before it
    Phase(128, 16, 64_000, 6e-4, 5e-5, perceptual=0.4, edges=0.5, ema=0.998),  # the shipped run's was on newer renders
    Phase(256, 8, 24_000, 6e-4, 1e-4, perceptual=0.4, edges=0.5, ema=0.998),
)


def config(resolution: int) -> GeneratorConfig:
    return GeneratorConfig(resolution, z_dim=W_DIM, w_dim=W_DIM, mapping_layers=4, channel_base=4096, channel_max=256)


class Trainer:
    """Networks, optimiser, position in the schedule; everything that has to survive a restart."""

    learning: tuple[str, ...] = ("generator", "labels")  # of each there is an average, too

    def __init__(self, canvas: Canvas, resolution: int = 128, seed: int = 0, *, share: float = 1.0) -> None:
        """`share`: of the phases' lengths, for a short run."""
        torch.manual_seed(seed)  # initial weights
        self.phases = [
            replace(phase, images=round(phase.images * share)) for phase in PHASES if phase.resolution <= resolution
        ]
        self.generator = StyleGAN2(config(resolution))
        self.labels = label_network(canvas, W_DIM)
        self.generator_ema, self.labels_ema = copy.deepcopy(self.generator), copy.deepcopy(self.labels)
        self.labels.requires_grad_(resolution <= HELD_ABOVE)
        learning = [p for p in (*self.generator.synthesis.parameters(), *self.labels.parameters()) if p.requires_grad]
        self.optimizer = torch.optim.Adam(learning, lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
        self.seen = 0
        self.rng = np.random.default_rng(seed)
        self.shift_rng = torch.Generator().manual_seed(seed)

    def position(self) -> tuple[Phase, float]:
        """The current phase and how far through it we are, 0..1."""
        seen = self.seen
        for phase in self.phases:
            if seen < phase.images:
                return phase, seen / phase.images
            seen -= phase.images
        return self.phases[-1], 1.0

    def step(self, pool: Pool, lpips: nn.Module | None) -> dict[str, float]:
        phase, done = self.position()
        for group in self.optimizer.param_groups:
            group["lr"] = phase.lr * (phase.lr_end / phase.lr) ** done * min(1.0, self.seen / 5000 + 0.1)
        image, alpha, labels = pool.batch(phase.batch, phase.resolution, self.rng, blinking=BLINKING)
        w = self.labels(labels)
        fake = self.generator.synthesis(w, noise="none", dtype=optimisation_dtype(), until=phase.resolution)
        losses = self.paired_losses(fake, image, alpha, lpips, edges=phase.edges, perceptual=phase.perceptual)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        self.average(phase.ema)
        self.seen += phase.batch
        return {k: float(v.detach()) for k, v in losses.items()}

    def w(self, image: Tensor, labels: Tensor) -> Tensor:
        """A render's w [B, D]."""
        return self.labels_ema(labels)

    def codes(self, image: Tensor, labels: Tensor) -> Tensor:
        """The w or w_plus from which the learning synthesis makes a render's picture."""
        return self.labels(labels)

    def paired_losses(
        self, fake: Tensor, image: Tensor, alpha: Tensor, lpips: nn.Module | None, *, edges: float, perceptual: float
    ) -> dict[str, Tensor]:
        """What compares a picture with its render, weighted; a term of weight 0 is left out."""
        losses = {"l1": pyramid_l1(fake, image, where_to_look(alpha))}
        if edges:
            losses["edges"] = edges_l1(fake, image) * edges
        if perceptual and lpips is not None:
            losses["lpips"] = person_lpips(lpips, fake, image, alpha, self.shift_rng) * perceptual
        return losses

    @torch.no_grad()
    def average(self, decay: float) -> None:
        for name in self.learning:
            ours, live = getattr(self, f"{name}_ema"), getattr(self, name)
            torch._foreach_lerp_(list(ours.parameters()), list(live.parameters()), 1 - decay)

    def take_averages(self) -> None:
        """The live networks go on from their averages."""
        for name in self.learning:
            getattr(self, name).load_state_dict(getattr(self, f"{name}_ema").state_dict())

    def state(self) -> dict:
        return self.networks_and_position() | {"optimizer": self.optimizer.state_dict()}

    def networks_and_position(self) -> dict:
        networks = [name + kind for name in self.learning for kind in ("", "_ema")]
        return {name: getattr(self, name).state_dict() for name in networks} | {
            "seen": self.seen,
            "rng": json.dumps(self.rng.bit_generator.state),
            "shift_rng": self.shift_rng.get_state(),
        }

    def load(self, state: dict) -> None:
        """Go on from `state`. From a smaller generator's, its averaged weights go on; the new blocks and the optimiser start
        anew, at the first phase of their size."""
        for name in ("labels", "labels_ema"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("generator", "generator_ema"):
            missing, unexpected = getattr(self, name).load_state_dict(state[name], strict=False)
            if unexpected:
                raise ValueError(
                    f"the state is of a generator of other sizes, with {unexpected[0]}: give its --resolution"
                )
        if missing:
            self.take_averages()
            self.seen = sum(
                phase.images for phase in self.phases if phase.resolution < self.generator.config.resolution
            )
        else:
            self.optimizer.load_state_dict(state["optimizer"])
            self.seen = state["seen"]
        self.rng.bit_generator.state = json.loads(state["rng"])
        self.shift_rng.set_state(state["shift_rng"])


def resume(path: Path, canvas: Canvas) -> Trainer:
    """The trainer whose state is in `path`, at that generator's resolution."""
    state = torch.load(path, weights_only=False)  # our own file
    blocks = (key.split(".")[2] for key in state["generator"] if key.startswith("synthesis.blocks."))
    trainer = Trainer(canvas, max(map(int, blocks)))
    trainer.load(state)
    return trainer


@torch.no_grad()
def contact_sheet(trainer: Trainer, pool: Pool, path: Path, *, until: int | None = None, count: int = 24) -> None:
    """Render beside its regression, made `until` this resolution, for a fixed set of images."""
    import cv2

    image, _, labels = pool.batch(count, trainer.generator.config.resolution, np.random.default_rng(1))
    fake = trainer.generator_ema.synthesis(trainer.w(image, labels), noise="none", until=until)
    fake = F.interpolate(fake, size=image.shape[-2:], mode="nearest")
    pairs = torch.stack([image, fake], 1).flatten(0, 1).clamp(-1, 1)  # [2N, 3, R, R]
    R, columns = image.shape[-1], 8
    grid = pairs.view(-1, columns, 3, R, R).permute(0, 3, 1, 4, 2).reshape(-1, columns * R, 3)
    cv2.imwrite(str(path), ((grid.numpy() + 1) * 127.5).round().astype(np.uint8)[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=Path, required=True, help="folder of shards made by engine.render pool")
    parser.add_argument("--canvas", type=Path, required=True, help="canvas cache made by engine.build")
    parser.add_argument("--out", type=Path, required=True, help="where state, log and contact sheets go")
    parser.add_argument("--resolution", type=int, default=128, help="128, or 256 (from renders of that size)")
    parser.add_argument("--start", type=Path, help="prior.pt of a smaller prior, which this one grows from")
    parser.add_argument("--share", type=float, default=1.0, help="of the phases' lengths, for a short run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    trainer, state_path = Trainer(Canvas.load(args.canvas), args.resolution, share=args.share), args.out / "prior.pt"
    if begin := state_path if state_path.exists() else args.start:
        trainer.load(torch.load(begin, weights_only=False))  # our own file
        print(f"going on at {trainer.seen} images", flush=True)
    pool, lpips = Pool(args.pool), None

    def step() -> dict[str, float]:
        nonlocal lpips
        if trainer.position()[0].perceptual and lpips is None:
            lpips = load_lpips()
        return trainer.step(pool, lpips)

    def save() -> None:
        loop.save_atomically(trainer.state(), state_path)
        contact_sheet(trainer, pool, args.out / "sheet.png", until=trainer.position()[0].resolution)

    def told() -> str:
        pool.refresh()
        phase, done = trainer.position()
        return f"seen {trainer.seen}  {phase.resolution} px {done:.0%}"

    loop.run(step, save=save, told=told, going=lambda: trainer.position()[1] < 1)


if __name__ == "__main__":
    main()
