"""Pairs (render, what a tuned generator makes of it): where a perceptual loss is fooled first.

    python -m portraitist_workers.priors.training.tuned_pairs --pool DIR --out DIR [--sets 4] [--perceptual DIR]

Synthetic damage does not look like the pictures of a generator that was tuned against the very distance that is being
trained: it settles where that distance sees nothing. So the pairs are made on-policy (Ross, Gordon, Bagnell: A
Reduction of Imitation Learning ... to No-Regret Online Learning, AISTATS 2011): tune, collect, train the distance, tune
with the new one, collect again. Every set of renders is tuned as a person's photos are, and pictures are kept at
several stages. `face_networks.py --tuned-pairs DIR` trains with them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from portraitist.priors.prior import bundled

from ...faces.image_io import to_uint8
from ...faces.networks import load_network
from ...faces.perceptual import BundledPerceptual
from ...generator import StyleGAN2
from ...inversion.muon import Muon
from ...inversion.reconstruction import Reconstruction
from ...precision import optimisation_dtype
from .. import library
from .photographs import Photographs
from .pool import Pool

STAGES = (0, 10, 30, 80, 150, 250)  # updates
LR = 3e-3


def tune_and_collect(
    generator: StyleGAN2, photos: Tensor, w: Tensor, loss: Reconstruction, *, batch: int, seed: int
) -> np.ndarray:
    """uint8 [len(STAGES) * N, 2, R, R, 3]: each photo beside its reproduction at every stage."""
    rng = torch.Generator().manual_seed(seed)
    optimizer = Muon(generator, lr=LR)
    collected = []
    for step in range(STAGES[-1] + 1):
        if step in STAGES:
            with torch.no_grad():
                made = torch.cat([generator.images(part, dtype=optimisation_dtype()).float() for part in w.split(16)])
            collected.append(np.stack([to_uint8(photos), to_uint8(made)], 1))
        rows = torch.randperm(len(photos), generator=rng)[:batch]
        total = loss(generator.images(w[rows], dtype=optimisation_dtype()), photos[rows], step).mean()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
    return np.concatenate(collected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True, help="renders of training people")
    parser.add_argument("--out", type=Path, required=True, help="folder of pair files; new ones are added")
    parser.add_argument("--sets", type=int, default=4)
    parser.add_argument("--renders", type=int, default=48, help="per set")
    parser.add_argument(
        "--photographs", type=Path, help="folder with london/: half of each set are photos of training people"
    )
    parser.add_argument("--prior", type=Path, default=bundled(), help="folder of the prior that is tuned")
    parser.add_argument("--perceptual", type=Path, help="folder with another perceptual.safetensors than the package's")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    pool, distance = Pool(args.pool, limit=20_000), BundledPerceptual()
    photographs = Photographs(args.photographs) if args.photographs else None
    if args.perceptual:
        distance.network, _ = load_network("perceptual", args.perceptual)
    first = len(list(args.out.glob("pairs-*.npz")))
    for index in range(first, first + args.sets):
        prior = library.load(folder=args.prior)
        rng, photographed = np.random.default_rng((1, index)), args.renders // 2 if photographs else 0
        photos, _, _ = pool.batch(args.renders - photographed, prior.resolution, rng)
        if photographs:
            photos = torch.cat([photos, photographs.batch(photographed, prior.resolution, rng)])
        with torch.no_grad():
            w = torch.cat([prior.encoder(part) for part in photos.split(16)])
        # Different weights of the pixel terms: a tuned picture's faults depend on them.
        loss = Reconstruction(
            distance, l1_weight=(0.4, 0.1, 0.0)[index % 3], coarse_weight=(0.3, 0.1, 0.0)[index % 3], seed=index
        )
        generator = StyleGAN2(prior.generator.config)
        generator.load_state_dict(prior.generator.state_dict())
        pairs = tune_and_collect(generator, photos, w, loss, batch=12, seed=index)
        temporary = args.out / f"pairs-{index:03d}.tmp.npz"
        np.savez(temporary, pairs=pairs)
        temporary.replace(args.out / f"pairs-{index:03d}.npz")
        print(f"set {index}: {len(pairs)} pairs", flush=True)


if __name__ == "__main__":
    main()
