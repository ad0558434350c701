"""Tuning a generator to one photo by Muon and by Adam: how near, in how much time -> docs/benchmarks/tuning.md.

    python -m tests.benchmarks.bench_tuning [--threads N]

One held-out photo of every test person, from the encoder's w_plus.
"""

from __future__ import annotations

import argparse
import functools
import time
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from portraitist.priors.prior import BUNDLED
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.inversion import pivotal
from portraitist_workers.inversion.muon import Muon
from portraitist_workers.inversion.reconstruction import Reconstruction
from portraitist_workers.precision import optimisation_dtype
from portraitist_workers.priors import library

from . import judges, metrics, people
from .bench_prior import held_out
from .options import like_a_worker
from .report import table, write

STEPS = (15, 30, 60)


def adam(generator, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam([p.requires_grad_() for p in generator.tunable().values()], lr=lr, betas=(0.9, 0.95))


METHODS = (("Adam", adam, 1e-3), ("Adam", adam, 2e-3), ("Adam", adam, 4e-3), ("Muon", Muon, 1e-3), ("Muon", Muon, 3e-3))


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    judges.distance()  # before the operations load theirs
    rows = []
    for name in BUNDLED:
        prior = library.load(name)
        photos = torch.cat([held_out(person, prior.resolution)[:1] for person in people.NAMES])
        with torch.no_grad():
            pivots = prior.encoder.w_plus(photos)
        for method, build, lr in METHODS:
            with mock.patch.object(pivotal, "Muon", build):
                cells = [cell(prior, photos, pivots, steps, lr) for steps in STEPS]
            rows.append((name, method, f"{lr:g}", *cells))
            print(*rows[-1], flush=True)
    write(
        "tuning",
        "Tuning to one photo",
        [
            f"One held-out photo of each of the {len(people.NAMES)} test people, every weight of the synthesis network free, from the "
            f"encoder's w_plus. In each cell: LPIPS, PSNR in dB, and processor seconds for a photo. {judges.describe()}",
            table(("prior", "by", "rate", *(f"{steps} steps" for steps in STEPS)), rows),
        ],
    )


def cell(prior: library.Prior, photos: Tensor, pivots: Tensor, steps: int, lr: float) -> str:
    tune = functools.partial(
        pivotal.tune_to_photo, loss=Reconstruction(load_perceptual()), steps=steps, lr=lr, dtype=optimisation_dtype()
    )
    shown, seconds = [], []
    for photo, pivot in zip(photos.split(1), pivots.split(1), strict=True):
        begun = time.process_time()
        tuned = tune(prior.generator, photo, pivot)
        seconds.append(time.process_time() - begun)
        with torch.no_grad():
            shown.append(tuned.synthesis(pivot).clamp(-1, 1))
    images = torch.cat(shown)
    return f"{float(judges.lpips(images, photos).mean()):.4f}, {float(metrics.psnr(images, photos).mean()):.1f}, {np.median(seconds):.1f}"


if __name__ == "__main__":
    main()
