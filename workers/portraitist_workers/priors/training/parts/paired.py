"""Trains a parts generator by paired regression: labels -> codes of the parts they describe -> picture and masks, against the render.

    python -m portraitist_workers.priors.training.parts.paired --pool DIR --twins DIR --canvas DIR --out DIR

Resumable: the same command goes on where it stopped, with the same bits. No discriminator is needed for locality, which comes from the
router. A tenth of the pictures has features left out, and shows skin in their place. Another tenth has the hair of its twin.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....generator.parts import Made, Parts, PartsConfig, taken
from ....precision import optimisation_dtype
from ...engine.canvas import Canvas
from ...engine.masks import HAIR
from .. import loop
from ..losses import edges_l1, load_lpips, person_lpips, pyramid_l1, where_to_look
from . import losses
from .frames import Zooms
from .looks import looks
from .pictures import LabelledPool, Pictures
from .router import Router
from .routes import PARTS, TONED, routes
from .sheet import contact_sheet
from .targets import drawn_presence, with_hair_of, without_features

BLINKING = 0.3
EYES_WEIGHT = 4.0
MASKS = 0.1  # weight of the final masks, and of the coarse ones
SHEET_EVERY = 4  # saves
LEFT_OUT, SWAPPED = 2, 2  # pictures of a batch with features left out, and with the hair of a twin
LOCAL = slice(LEFT_OUT, LEFT_OUT + 2)  # those that are made again with a part of another


@dataclass(frozen=True)
class Phase:
    resolution: int
    coarse: int  # px of the local generators' maps
    images: int
    lr: float
    lr_end: float
    batch: int = 16
    perceptual: float = 0.0
    edges: float = 0.0
    hidden: float = 0.05  # weight of what lies hidden
    local: float = 0.0  # weight of what changes elsewhere when a part is another's
    evenness: float = 0.0  # of the classes' weights
    ema: float = 0.998


PHASES = (
    Phase(32, 16, 40_000, 3e-3, 3e-3, hidden=0.3, evenness=1.0),
    Phase(32, 16, 50_000, 3e-3, 2e-3, hidden=0.3),
    Phase(64, 32, 50_000, 2e-3, 1.5e-3),
    Phase(64, 32, 30_000, 1.5e-3, 1.2e-3, perceptual=0.3, local=1.0),
    Phase(128, 32, 30_000, 1.2e-3, 1e-3, perceptual=0.3, local=1.0, ema=0.999),
    Phase(128, 32, 40_000, 1e-3, 5e-5, perceptual=0.4, edges=0.4, local=1.0, ema=0.998),
)


def config() -> PartsConfig:
    return PartsConfig(
        128,
        PARTS,
        z_dim=64,
        code_dim=64,
        mapping_layers=2,
        mapping_lr_multiplier=1.0,
        joint=True,
        toned=TONED,
        coarse=32,  # 64 px take three times the time, for hardly sharper edges
        smallest=16,
        centred=True,
        octaves=6,  # finer ones cannot be seen on 32 px
        local_channels=48,
        feature_channels=96,
        channels={32: 96, 64: 64, 128: 48},
    )


class Trainer:
    """Networks, their averages, the optimiser and how many pictures were seen: all that a restart needs.

    What is drawn for a step depends on its number alone.
    """

    def __init__(self, people: int, *, sizes: PartsConfig | None = None, seed: int = 0, share: float = 1.0) -> None:
        """`share`: of the phases' lengths, for a short run."""
        torch.manual_seed(seed)  # initial weights
        self.phases = [replace(phase, images=max(phase.batch, round(phase.images * share))) for phase in PHASES]
        self.generator = Parts(sizes or config())
        self.config = self.generator.config
        for name, weight in self.generator.render.named_parameters():
            if ".tomaps.weight" in name:
                weight.data.zero_()  # a block that begins changes nothing
        self.router = Router(people, routes(self.config.base_layers), self.config.code_dim)
        self.learning = nn.ModuleDict({"generator": self.generator, "router": self.router})
        self.generator.mapping.requires_grad_(False)  # fitted afterwards
        self.average = copy.deepcopy(self.learning).requires_grad_(False)
        self.trained: list[Tensor] = [p for p in self.learning.parameters() if p.requires_grad]
        self.averaged: list[Tensor] = [
            a for a, p in zip(self.average.parameters(), self.learning.parameters(), strict=True) if p.requires_grad
        ]
        self.optimizer = torch.optim.Adam(self.trained, lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
        frequencies = torch.tensor(losses.FREQUENCIES)
        self.weights = {e: losses.class_weights(frequencies, e) for e in {phase.evenness for phase in self.phases}}
        self.seen = 0

    def know(self, canvas: Canvas) -> Trainer:
        """Tells the router what the people look like. Returns itself."""
        found = looks(canvas)
        for networks in (self.learning, self.average):
            networks["router"].know(found)  # type: ignore[operator]
        return self

    def position(self) -> tuple[Phase, float]:
        """The current phase and how far through it we are, 0..1."""
        seen = self.seen
        for phase in self.phases:
            if seen < phase.images:
                return phase, seen / phase.images
            seen -= phase.images
        return self.phases[-1], 1.0

    def step(self, pool: LabelledPool, twins: LabelledPool, lpips: nn.Module | None) -> dict[str, float]:
        phase, done = self.position()
        for group in self.optimizer.param_groups:
            group["lr"] = phase.lr * (phase.lr_end / phase.lr) ** done * min(1.0, self.seen / 5000 + 0.1)
        rng, torch_rng = np.random.default_rng([29, self.seen]), torch.Generator().manual_seed(self.seen)
        target, w, present = self.batch(phase, pool, twins, rng, torch_rng)
        changes = self.changed(w, rng) if phase.local else []
        every = torch.cat([w, *(one.w for one in changes)])
        everywhere = torch.ones(len(every) - len(w), len(PARTS))
        all_made = self.generator.make(
            every,
            present=torch.cat([present, everywhere]),
            noise="none",
            dtype=optimisation_dtype(),
            until=phase.resolution,
            coarse=phase.coarse,
        )
        made = all_made.at(slice(len(w)))
        figures = self.losses(phase, made, target, present, lpips, torch_rng)
        if changes:
            figures["local"] = phase.local * losses.elsewhere(made.at(LOCAL), all_made.at(slice(len(w), None)), changes)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(figures.values())).sum().backward()
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.averaged, self.trained, 1 - phase.ema)
        self.seen += phase.batch
        return {name: float(value.detach()) for name, value in figures.items()}

    def changed(self, w: Tensor, rng: np.random.Generator) -> list[losses.Change]:
        """The pictures LOCAL of a batch, each with one part of the next picture, or its texture alone."""
        found = []
        for row in range(LOCAL.start, LOCAL.stop):
            part, shape = PARTS[rng.integers(len(PARTS))], bool(rng.random() < 0.7)
            after = taken(self.config, w[row : row + 1], w[row + 1 : row + 2], [part], shape=shape)
            concerned = (part, *TONED) if part == self.config.tone else (part,)
            found.append(losses.Change(after, [self.config.part(name) for name in concerned], shape))
        return found

    def batch(
        self,
        phase: Phase,
        pool: LabelledPool,
        twins: LabelledPool,
        rng: np.random.Generator,
        torch_rng: torch.Generator,
    ) -> tuple[Pictures, Tensor, Tensor]:
        """Targets, their w, and which parts are present [B, K]."""
        plain = pool.pictures(phase.batch - SWAPPED, phase.resolution, rng, blinking=BLINKING)
        first, second = twins.twins(SWAPPED, phase.resolution, rng)
        w = self.router(torch.cat([plain.labels, first.labels]))
        codes = self.generator.codes(w)
        hair = slice(self.config.base_layers + 2 * HAIR, self.config.base_layers + 2 * HAIR + 2)
        theirs = self.generator.codes(self.router(second.labels))[:, hair]
        swapped = torch.cat([codes[-SWAPPED:, : hair.start], theirs, codes[-SWAPPED:, hair.stop :]], 1)
        codes = torch.cat([codes[:-SWAPPED], swapped])
        present = torch.ones(phase.batch, len(PARTS))
        present[:LEFT_OUT] = drawn_presence(LEFT_OUT, len(PARTS), torch_rng)
        few, rest = plain.at(slice(0, LEFT_OUT)), plain.at(slice(LEFT_OUT, None))
        target = Pictures.joined([without_features(few, present[:LEFT_OUT]), rest, with_hair_of(first, second)])
        return target, codes.flatten(1), present

    def losses(
        self,
        phase: Phase,
        made: Made,
        target: Pictures,
        present: Tensor,
        lpips: nn.Module | None,
        rng: torch.Generator,
    ) -> dict[str, Tensor]:
        """Weighted; a term of weight 0 is left out."""
        weights = self.weights[phase.evenness]
        coarsely = F.avg_pool2d(target.shares, target.shares.shape[-1] // phase.coarse)
        found = {
            "l1": pyramid_l1(made.image, target.image, where_to_look(target.alpha, eyes=EYES_WEIGHT)),
            "masks": MASKS * losses.seen(made.segmentation, target.shares, weights),
            "coarse": MASKS * losses.seen_coarsely(made.depths, present, coarsely, weights),
        }
        if phase.hidden:
            whole = slice(LEFT_OUT, None)  # of what was left out the depths say nothing wrong
            found["hidden"] = phase.hidden * losses.hidden(made.depths[whole], coarsely[whole])
        if phase.edges:
            found["edges"] = phase.edges * edges_l1(made.image, target.image)
        if phase.perceptual and lpips is not None:
            found["lpips"] = phase.perceptual * person_lpips(lpips, made.image, target.image, target.alpha, rng)
        return found

    def state(self) -> dict:
        return {
            "learning": self.learning.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
        }

    def light(self) -> dict:
        """The averages in fp16 and the position, a ninth of the state: to go on elsewhere, not with the same bits."""
        average = {
            name: value.half() if value.is_floating_point() else value
            for name, value in self.average.state_dict().items()
        }
        return {"average": average, "seen": self.seen}

    def begin(self, light: dict) -> None:
        """From what `light` gave."""
        for networks in (self.learning, self.average):
            networks.load_state_dict(light["average"])
        self.seen = light["seen"]

    def load(self, state: dict) -> None:
        for name in ("learning", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.seen = state["seen"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True, help="made by `engine.render pool --masks`")
    parser.add_argument("--twins", type=Path, required=True, help="made by `parts.pictures twins`")
    parser.add_argument("--canvas", type=Path, required=True, help="canvas cache made by engine.build")
    parser.add_argument("--out", type=Path, required=True, help="where state and contact sheets go")
    parser.add_argument("--start", type=Path, help="average.pt of another machine's run, which goes on here")
    parser.add_argument("--share", type=float, default=1.0, help="of the phases' lengths, for a short run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    canvas, path = Canvas.load(args.canvas), args.out / "parts.pt"
    trainer = Trainer(len(canvas.ids), share=args.share)
    if path.exists():
        trainer.load(torch.load(path, weights_only=True))
        print(f"going on at {trainer.seen} pictures", flush=True)
    elif args.start:
        trainer.begin(torch.load(args.start, weights_only=True))
    else:
        trainer.know(canvas)
    zooms = Zooms(canvas)
    pool, twins, lpips = LabelledPool(args.pool, zooms), LabelledPool(args.twins, zooms), None

    def step() -> dict[str, float]:
        nonlocal lpips
        if trainer.position()[0].perceptual and lpips is None:
            lpips = load_lpips()
        return trainer.step(pool, twins, lpips)

    saves = itertools.count()

    def save() -> None:
        loop.save_atomically(trainer.state(), path)
        loop.save_atomically(trainer.light(), args.out / "average.pt")
        if next(saves) % SHEET_EVERY == 0:
            contact_sheet(trainer, pool, args.out / "sheet.png")

    def told() -> str:
        pool.refresh()
        twins.refresh()
        phase, done = trainer.position()
        return f"seen {trainer.seen}  {phase.coarse} -> {phase.resolution} px {done:.0%}"

    loop.run(step, save=save, told=told, going=lambda: trainer.position()[1] < 1)


if __name__ == "__main__":
    main()
