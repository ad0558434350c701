"""Teaches a finished prior to close its eyes: its direction of `eyes_open`, taken as far as asked, moves the lids as the engine does.

    python -m portraitist_workers.priors.training.eyelids pairs --canvas DIR --out PAIRS --size 128 --count 4000
    python -m portraitist_workers.priors.training.eyelids train --pairs PAIRS --prior PRIOR --out DIR --minutes 15

Lids are a hundredth of the picture, in a tenth of the pictures, so a generator learns them last. A pair is one portrait rendered twice,
with the eyes open and (half) closed. The encoder says where the open one lies in W, the prior's own direction where the closed one has to
be. There the generator learns the lids from the render; everything else, and the open picture as a whole, is held to what it made before.
And the encoder, which takes closed eyes for open ones as long as no w closes them, learns to name that w. Mapping and directions stay.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.priors.assets import carry_over
from portraitist.priors.prior import bundled

from ...generator import StyleGAN2
from ...generator.formats import native
from ...generator.layers import ModulatedConv
from ...generator.synthesis import Synthesis
from ...inversion import encoder as encoder_file
from ...inversion.reconstruction import shrunk
from ...precision import autocast, optimisation_dtype
from .. import library
from ..engine.canvas import Canvas
from ..engine.compose import Engine
from ..engine.render import choose_people, write_shard
from ..engine.sample import draw
from . import loop
from .encoder import SIDE, augment
from .export import LICENCE
from .losses import enlarged_face, load_lpips
from .pool import map_member

BATCH, HELD, EMA = 8, 4, 0.99  # pairs; of HELD of them the open picture is looked at, too
RATES = {"synthesis": 1e-3, "encoder": 3e-4, "along": 2e-2}
COARSE = 8  # pixels a side; blocks up to there say nothing of lids, and stay
READ = 0.3  # weight of how far the encoder takes the eyes to be open: a small part of w, and the one it has to learn
RIDGE = 1.0  # of the mean variance of W
PERCEPTUAL, FACE_SIDE = 0.4, 128  # weight of LPIPS on the eyes and the mouth, enlarged to so many pixels
SEEN = 0.03  # of [-1, 1]: pixels that differ by more are lids, or in their shade


def render_pairs(
    canvas: Canvas, people: np.ndarray, out: Path, *, size: int, count: int, seed: int, shard: int = 500
) -> None:
    """Writes the missing shards: images uint8 [N, 2, S, S, 3], open then closed; eyes_open float32 [N, 2]. Pair i depends on
    (seed, i) only."""
    engine = Engine(canvas, size)
    out.mkdir(parents=True, exist_ok=True)
    for number in range(-(-count // shard)):
        path = out / f"shard-{number:05d}.npz"
        if path.exists():
            continue
        begun, images, eyes = time.monotonic(), [], []
        for i in range(number * shard, min((number + 1) * shard, count)):
            rng = np.random.default_rng([seed, i])
            blink = 1.0 if rng.random() < 0.5 else float(rng.uniform(0.2, 1.0))
            labels = draw(rng, canvas, people, blink=0.0)
            images.append([engine.render(replace(labels, blink=b)).image for b in (0.0, blink)])
            eyes.append([1.0, 1.0 - blink])
        write_shard(path, images=np.asarray(images), eyes_open=np.asarray(eyes, np.float32))
        print(f"{path.name}: {2 * len(images) / (time.monotonic() - begun):.1f} pictures/s", flush=True)


class Pairs:
    """All shards of a folder, mapped."""

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("shard-*.npz"))
        if not files:
            raise FileNotFoundError(f"{folder} has no shards: make them with `eyelids pairs --out {folder}`")
        self.images = [map_member(path, "images") for path in files]
        self.eyes = [map_member(path, "eyes_open") for path in files]

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Open and closed pictures [B, 3, R, R] in [-1, 1], and by how much eyes_open changes [B, 1]."""
        picks = [(s, int(rng.integers(len(self.images[s])))) for s in rng.integers(len(self.images), size=size)]
        images = (
            torch.from_numpy(np.stack([self.images[s][i] for s, i in picks])).permute(1, 0, 4, 2, 3).float() / 127.5 - 1
        )
        eyes = torch.from_numpy(np.stack([self.eyes[s][i] for s, i in picks]))
        return images[0], images[1], (eyes[:, 1] - eyes[:, 0])[:, None]


def lids(opened: Tensor, closed: Tensor) -> Tensor:
    """Where two renders [B, 3, R, R] of one portrait differ, with a soft edge. [B, 1, R, R] in [0, 1]"""
    R = opened.shape[-1]
    reach = R // 32 + 1 - R // 32 % 2
    differs = ((opened - closed).abs().amax(1, keepdim=True) > SEEN).float()
    differs = F.max_pool2d(differs, reach, 1, reach // 2)
    return F.avg_pool2d(differs, reach, 1, reach // 2, count_include_pad=False)


def smoothed(image: Tensor) -> Tensor:
    """[B, 3, R, R] without detail finer than a sixteenth of the side."""
    return F.interpolate(
        F.avg_pool2d(image, image.shape[-1] // 16), size=image.shape[-2:], mode="bicubic", align_corners=False
    )


@torch.no_grad()
def reading(prior: library.Prior, step: Tensor, *, count: int = 8192) -> tuple[Tensor, Tensor]:
    """(mean [D], q [D]): (w - mean) @ q is how far w lies along `step` [D], 1 for the whole of it.

    q is the linear discriminant, C^-1 step, with C the covariance of W. So whatever else W holds disturbs least."""
    z = torch.randn(count, prior.generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    w = prior.generator.mapping(z)
    covariance = (w - w.mean(0)).T @ (w - w.mean(0)) / count
    ridge = RIDGE * covariance.diagonal().mean() * torch.eye(len(step))
    q = torch.linalg.solve(covariance + ridge, step)
    return w.mean(0), q / (q @ step)


class Networks(torch.nn.Module):
    """What learns. `along`: what the styles of the taught layers gain per unit of `reading`."""

    def __init__(self, synthesis: Synthesis, encoder: encoder_file.Encoder, along: torch.nn.ParameterList) -> None:
        super().__init__()
        self.synthesis, self.encoder, self.along = synthesis, encoder, along


class Lesson:
    """Generator and encoder as they were, as they learn, and as averages of that."""

    def __init__(self, prior: library.Prior, pairs: Pairs, lpips: torch.nn.Module | None) -> None:
        self.prior, self.pairs, self.lpips = prior, pairs, lpips
        self.eyes = prior.steps_for(("eyes_open",))  # [1, D]
        self.w_mean, self.reading = reading(prior, self.eyes[0])
        assert isinstance(prior.generator, StyleGAN2)
        synthesis = prior.generator.synthesis
        layers = synthesis.layers()
        self.taught = [
            i
            for i, layer in enumerate(layers)
            if isinstance(layer.module, ModulatedConv) and layer.module.resolution > COARSE
        ]
        # What a style gains per unit of `reading`. W's way to the lids is faint: through the affine layers as a whole it grows too slowly.
        along = torch.nn.ParameterList(torch.zeros_like(layers[i].affine.bias) for i in self.taught)
        self.before = Networks(synthesis, prior.encoder, along).requires_grad_(False)
        self.learning, self.average = copy.deepcopy(self.before).requires_grad_(True), copy.deepcopy(self.before)
        for resolution, block in self.learning.synthesis.blocks.items():
            block.requires_grad_(int(resolution) > COARSE)
        self.optimizer = torch.optim.Adam(
            [{"params": [p for p in getattr(self.learning, name).parameters() if p.requires_grad]} for name in RATES],
            betas=(0.9, 0.99),
        )
        self.seen = 0

    def step(self, share: float) -> dict[str, float]:
        """One update, at `share` of the run."""
        for group, rate in zip(self.optimizer.param_groups, RATES.values(), strict=True):
            group["lr"] = rate * min(1.0, self.seen / 400 + 0.1) * min(1.0, 2 * (1 - share) + 0.01)
        opened, closed, change = self.pairs.batch(BATCH, np.random.default_rng(self.seen))
        with torch.no_grad():
            w, w_plus = self.before.encoder(opened), self.before.encoder.w_plus(opened)
        losses = self._generated(opened, closed, w, change) | self._encoded(opened, closed, w, w_plus, change)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.learning.parameters()), 1 - EMA)
        self.seen += BATCH
        return {name: float(value.detach()) for name, value in losses.items()}

    def _generated(self, opened: Tensor, closed: Tensor, w: Tensor, change: Tensor) -> dict[str, Tensor]:
        region = lids(opened, closed)
        with torch.no_grad():
            held = self.before.synthesis(w, noise="none", dtype=optimisation_dtype()).float()
            wanted = closed + smoothed(held - opened)  # the render's lids in the light of the reproduction
            wanted = (held + region * (wanted - held)).clamp(-1, 1)
        moved, same = self._made(torch.cat([w + change * self.eyes, w[:HELD]])).split([BATCH, HELD])
        difference = (moved - wanted).abs()
        losses = {
            "lids": _mean(difference, region),
            "rest": 3 * (difference * (1 - region)).mean(),
            "same": 3 * (same - held[:HELD]).abs().mean(),
            "same_lids": _mean((same - held[:HELD]).abs(), region[:HELD]),
        }
        if self.lpips is not None:
            with autocast():
                losses["lpips"] = (
                    PERCEPTUAL
                    * self.lpips(enlarged_face(moved, FACE_SIDE), enlarged_face(wanted, FACE_SIDE)).float().mean()
                )
        return losses

    def _made(self, w: Tensor) -> Tensor:
        synthesis = self.learning.synthesis
        styles, amount = synthesis.styles(w), (w - self.w_mean) @ self.reading
        for i, gain in zip(self.taught, self.learning.along, strict=True):
            styles[i] = styles[i] + amount[:, None] * gain
        return synthesis(styles, noise="none", dtype=optimisation_dtype())

    def _encoded(self, opened: Tensor, closed: Tensor, w: Tensor, w_plus: Tensor, change: Tensor) -> dict[str, Tensor]:
        encoder, std = self.learning.encoder, self.prior.encoder.w_std
        shown = augment(shrunk(torch.cat([opened, closed]), SIDE), torch.Generator().manual_seed(self.seen))
        with autocast():
            found = encoder.w_plus(shown)
        step = torch.cat([torch.zeros_like(w), change * self.eyes])
        wanted = w_plus.repeat(2, 1, 1) + step[:, None]
        off = found.mean(1) - wanted.mean(1)
        return {
            "w": F.smooth_l1_loss(off / std, torch.zeros_like(off), beta=0.5),
            "read": READ * (off @ self.reading).abs().mean(),
            "w_plus": F.smooth_l1_loss((found - wanted) / std, torch.zeros_like(found), beta=0.5),
        }

    def state(self) -> dict:
        return {
            "learning": self.learning.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
        }

    def load(self, state: dict) -> None:
        for name in ("learning", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.seen = state["seen"]

    def write(self, out: Path, metadata: dict) -> None:
        """generator.safetensors, whose header says `metadata`, and encoder.safetensors, from the averages."""
        generator = copy.deepcopy(self.prior.generator)
        assert isinstance(generator, StyleGAN2)
        generator.synthesis.load_state_dict(self.average.synthesis.state_dict())
        layers = generator.layers()
        with torch.no_grad():  # what was learnt along the reading becomes part of the affine layers
            for i, gain in zip(self.taught, self.average.along, strict=True):
                affine = layers[i].affine
                affine.weight.add_(torch.outer(gain, self.reading) / affine.weight_gain)
                affine.bias.sub_(gain * (self.w_mean @ self.reading) / affine.bias_gain)
        native.save(generator, out / "generator.safetensors", metadata=metadata | {"eyelids_seen": self.seen})
        encoder_file.save(self.average.encoder, out / "encoder.safetensors", metadata={"licence": LICENCE})


def _mean(difference: Tensor, region: Tensor) -> Tensor:
    """Of [B, 3, R, R] over the region [B, 1, R, R]."""
    return (difference * region).sum() / (3 * region.sum()).clamp(min=1)


def train(pairs: Path, prior: Path, out: Path, minutes: float) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lesson, path = Lesson(library.load(folder=prior), Pairs(pairs), load_lpips()), out / "lesson.pt"
    _, metadata = native.load(prior / "generator.safetensors")
    carry_over(prior, out, made=("generator", "encoder"))
    if path.exists():
        lesson.load(torch.load(path, weights_only=True))

    def save() -> None:
        loop.save_atomically(lesson.state(), path)
        lesson.write(out, metadata)

    loop.run_for(minutes, lesson.step, save=save, told=lambda: f"seen {lesson.seen}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    pairs = commands.add_parser("pairs", help="render portraits with open and closed eyes")
    pairs.add_argument("--canvas", type=Path, required=True, help="folder made by engine.build")
    pairs.add_argument("--size", type=int, default=128, help="pixels a side: the prior's")
    pairs.add_argument("--count", type=int, default=4000)
    pairs.add_argument("--seed", type=int, default=41)
    pairs.add_argument("--people", choices=("training", "held_out"), default="training", help="held_out: to judge by")
    learn = commands.add_parser("train", help="teach a prior")
    learn.add_argument("--pairs", type=Path, required=True)
    learn.add_argument("--prior", type=Path, default=bundled(), help="folder of a prior whose mapping has learnt")
    learn.add_argument("--minutes", type=float, default=15)
    learn.add_argument("--threads", type=int, default=os.cpu_count())
    for command in (pairs, learn):
        command.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.command == "pairs":
        cv2.setNumThreads(1)
        canvas = Canvas.load(args.canvas)
        render_pairs(
            canvas, choose_people(canvas, args.people), args.out, size=args.size, count=args.count, seed=args.seed
        )
    else:
        torch.set_num_threads(args.threads)
        train(args.pairs, args.prior, args.out, args.minutes)


if __name__ == "__main__":
    main()
