"""Trains a prior's latent transformer (Endo 2022, arXiv 2208.12408) to answer what `motion_answers` asks.

    python -m portraitist_workers.priors.training.motion_training --prior default --out FOLDER

First it measures how points of `--count` faces answer to the latent, and keeps that in FOLDER. Then it trains for so many `--minutes`, and
writes the asset there. The same command goes on where it was stopped. Any calibrated prior can have one (docs/priors/import.md).
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from portraitist.priors.assets import ASSETS

from ...drag.moving import Mover
from ...drag.transformer import LatentTransformer, Sizes
from ...generator.stylegan2 import StyleGAN2
from .. import library
from .loop import run_for, save_atomically
from .motion_answers import UNITS, Cost, Known, Questions, asked, faces

SHARD = 25  # faces in a file
HELD_OUT = 50  # of all faces
BATCH, PLACES = 64, 12  # places at most
RATE = 1e-3
DIM, DEPTH, HEADS = 192, 3, 8
CHANGE = 1.0  # weight of the change itself, beside that of the motion that it makes


def measure(prior: library.Prior, folder: Path, count: int) -> None:
    """How `count` faces answer, in files of SHARD each."""
    generator = prior.generator
    assert isinstance(generator, StyleGAN2)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-count // SHARD)):
        path = folder / f"faces-{number:03d}.pt"
        if path.exists():
            continue
        rng = torch.Generator().manual_seed(number)
        with torch.no_grad():
            drawn = faces(generator, SHARD, rng)
        known = Known.joined([Known.of(generator, w[None].contiguous(), rng) for w in drawn])
        save_atomically(asdict(known), path)
        print(f"{(number + 1) * SHARD} of {count} faces", flush=True)


def measured(folder: Path) -> Known:
    return Known.joined([Known(**torch.load(path, weights_only=True)) for path in sorted(folder.glob("faces-*.pt"))])


def begun(known: Known, w_dim: int) -> LatentTransformer:
    """A network that changes nothing yet."""
    rows, channels = known.w.shape[1], known.features.shape[-1]
    network = LatentTransformer(Sizes(w_dim, channels, DIM, DEPTH, HEADS, DIM // HEADS, DIM, rows))
    with torch.no_grad():
        network.features.weight.div_(known.features.float().std())
        network.position.mul_(0.3)
        network.change.weight.zero_()
        network.change.bias.zero_()
    return network


def train(prior: library.Prior, known: Known, path: Path, minutes: float, seed: int = 0) -> Mover:
    """Goes on from `path` where that is there."""
    cost = Cost.of(prior)
    torch.manual_seed(seed)
    network = begun(known, prior.generator.w_dim)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.05)
    rng, steps = torch.Generator().manual_seed(seed), 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        steps = state["steps"]
        rng.manual_seed(seed + steps)

    def step(share: float) -> dict[str, float]:
        nonlocal steps
        places = round(math.exp(float(torch.rand((), generator=rng)) * math.log(PLACES)))
        chosen = torch.randint(HELD_OUT, len(known.w), (BATCH,), generator=rng)
        questions = asked(known, chosen, places, cost.space, rng)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (steps + 1) / 200) * max(0.02, (1 + math.cos(math.pi * share)) / 2)
        motion, change = questions.missed(answered(network, questions), cost)
        optimizer.zero_grad()
        (
            motion.log1p().mean() + CHANGE * change.log1p().mean()
        ).backward()  # where nearly anything moves a point, no gradient is huge
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        steps += 1
        return {"motion": 1 - float(motion.detach().median()), "change": 1 - float(change.detach().median())}

    def save() -> None:
        save_atomically({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "steps": steps}, path)

    def told() -> str:
        shares = "; ".join(
            f"{n}: motion {motion:.3f}, change {change:.3f}"
            for n in (1, 3, 8)
            for motion, change in [explained(network, known, n, cost)]
        )
        return f"step {steps}, held out, by places: {shares} "

    run_for(minutes, step, save=save, told=told)
    return Mover(network.eval().requires_grad_(False), torch.tensor(UNITS))


def answered(network: LatentTransformer, asked: Questions) -> Tensor:
    """[B, rows, D]."""
    with torch.autocast("cpu", torch.bfloat16):
        said = network.said(asked.w, asked.motion, asked.features)
    return said.float()


@torch.no_grad()
def explained(network: LatentTransformer, known: Known, places: int, cost: Cost) -> tuple[float, float]:
    """Shares of the best answers' motion, and of the answers themselves, that the network gives: medians, of faces that were held out."""
    rng = torch.Generator().manual_seed(places)
    questions = asked(known, torch.arange(HELD_OUT).repeat(4), places, cost.space, rng)
    motion, change = questions.missed(answered(network, questions), cost)
    return 1 - float(motion.median()), 1 - float(change.median())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", default="default", help="a bundled or imported one, or a folder that holds one")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--save-to", type=Path, nargs="+", default=[], help="also write the asset into these folders")
    parser.add_argument("--count", type=int, default=550, help="so many faces are asked about")
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    folder = Path(args.prior) if Path(args.prior).is_dir() else None
    prior = library.load(args.prior if folder is None else folder.name, folder)
    prior.generator.requires_grad_(False)
    measure(prior, args.out / "faces", args.count)
    mover = train(prior, measured(args.out / "faces"), args.out / "network.pt", args.minutes)
    for place in (args.out, *args.save_to):
        mover.save(place / ASSETS["latent_transformer"].file)


if __name__ == "__main__":
    main()
