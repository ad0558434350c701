"""Trains the latent transformer of a bundled prior. Imported ones have `portraitist priors calibrate NAME --motion`, which does the same.

    python -m portraitist_workers.priors.training.motion_training --prior FOLDER --out FOLDER

It measures `--count` faces into `--out`, trains, and writes the asset there. The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from portraitist.priors.assets import ASSETS

from ...generator.stylegan2 import StyleGAN2
from .. import library
from ..calibration import motion
from ..calibration.motion_answers import Cost
from .loop import run, save_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", type=Path, required=True, help="the folder that holds it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--save-to", type=Path, nargs="+", default=[], help="also write the asset into these folders")
    parser.add_argument("--count", type=int, default=550, help="so many faces are asked about")
    parser.add_argument("--steps", type=int, default=5335)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    prior = library.load(args.prior.name, args.prior)
    assert isinstance(prior.generator, StyleGAN2)
    known = motion.measure(prior.generator, args.count, args.out / "faces", seed=0, on_step=counted)
    lessons, state = motion.Lessons(known, Cost.of(prior), steps=args.steps, seed=0), args.out / "lessons.pt"
    if state.exists():
        lessons.load(torch.load(state, weights_only=True))

    def told() -> str:
        shares = (
            f"{n}: motion {moved:.3f}, change {change:.3f}"
            for n in (1, 3, 8)
            for moved, change in [lessons.explained(n)]
        )
        return f"step {lessons.done}, held out, by places: {'; '.join(shares)}"

    run(
        lambda: {"loss": lessons.step()},
        save=lambda: save_atomically(lessons.state(), state),
        told=told,
        going=lambda: lessons.done < lessons.steps,
    )
    for place in (args.out, *args.save_to):
        (place / ASSETS["latent_transformer"].file).write_bytes(lessons.mover().to_bytes())


def counted(done: int, count: int) -> None:
    if done % 25 == 0:
        print(f"{done} of {count} faces", flush=True)


if __name__ == "__main__":
    main()
