"""How well the bundled priors find photographs of real people whom no training saw -> docs/benchmarks/inversion.md.

    python -m tests.benchmarks.bench_inversion --sources DATA [--renders DIR128 DIR256] [--threads N]

DATA holds london/: one studio photograph of each of the eight people of the set who are held out, neutral and smiling by turns. The
pictures are not ours to show here; WORK/inversion-NAME.png has them. --renders are pools of the engine for comparing sharpness.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.priors.prior import BUNDLED
from portraitist_workers.faces.image_io import to_tensor, to_uint8
from portraitist_workers.faces.parser import load_parser
from portraitist_workers.priors import library
from portraitist_workers.priors.engine.people import HELD_OUT

from . import judges, people
from .bench_prior import held_out, invert, inverted
from .options import like_a_worker
from .report import table, write
from .sheets import sheet

PARTS = ("skin", "hair")
GRAIN = 2  # of 255, strength of the non-local means


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="folder with london/")
    parser.add_argument("--renders", type=Path, nargs="*", default=[], help="pools of the sizes of the priors")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    judges.distance()  # before the operations load theirs
    rows, sharp = [], []
    for name in BUNDLED:
        prior = library.load(name)
        R = prior.resolution
        photos = real(args.sources, R)
        stages = invert(prior, photos)
        for i, row in enumerate(
            inverted([*stages, ("the photograph without its grain", without_grain(photos))], photos)
        ):
            rows.append((name if i == 0 else "", *row))
        args.work.mkdir(parents=True, exist_ok=True)
        sheet([("photographs", photos), *((label.replace(", ", "\n"), images) for label, images in stages)]).save(
            args.work / f"inversion-{name}.png"
        )
        compared = [
            ("photographs of real people", photos),
            ("by the encoder", stages[0][1]),
            ("tuned to", stages[-1][1]),
            ("photos of the test people", torch.cat([held_out(person, R) for person in people.NAMES])),
            *rendered(args.renders, R),
        ]
        sharp += [
            (f"{R} px" if i == 0 else "", label, *sharpness(pictures)) for i, (label, pictures) in enumerate(compared)
        ]
    write(
        "inversion",
        "Photographs of real people",
        [
            f"One studio photograph each of the {len(HELD_OUT)} participants of the Face Research Lab London Set whom no training saw, "
            f"neutral and smiling by turns. {judges.describe()}",
            f"Without its grain: after non-local means of strength {GRAIN} (of 255). About as near comes what foresees a "
            "face and no noise.",
            table(("prior", "", "LPIPS", "PSNR, dB", "identity: cosine to the photo"), rows),
            "## Sharpness",
            "Root mean square of what a 3 x 3 mean takes away, in skin and hair as the parser sees them; pictures are in [-1, 1].",
            table(("", "", *PARTS), sharp),
        ],
    )


def real(data: Path, side: int) -> Tensor:
    """[8, 3, side, side]"""
    taken = [f"{('neutral', 'smiling')[i % 2]}/{person}.jpg" for i, person in enumerate(HELD_OUT)]
    return people.stack(people.photographed(data, taken, side))


def rendered(pools: list[Path], side: int) -> list[tuple[str, Tensor]]:
    """Renders of the pool whose pictures have `side` px."""
    if not pools:
        return []
    from portraitist_workers.priors.training.pool import Pool

    return [
        ("renders of the engine", pool.batch(64, side, np.random.default_rng(0))[0])
        for pool in map(Pool, pools)
        if pool.images[0].shape[1] == side
    ]


def without_grain(photos: Tensor) -> Tensor:
    """[N, 3, R, R] after non-local means (Buades, Coll, Morel 2005)."""
    smooth = [cv2.fastNlMeansDenoisingColored(photo, None, GRAIN, GRAIN, 5, 15) for photo in to_uint8(photos)]
    return to_tensor(np.stack(smooth))


def sharpness(pictures: Tensor) -> list[str]:
    """Of each of PARTS, over all pictures [N, 3, R, R]."""
    parser = load_parser()
    shown = torch.cat([parser(part) for part in pictures.split(16)])
    grey = pictures.mean(1, keepdim=True)
    detail = (grey - F.avg_pool2d(F.pad(grey, (1, 1, 1, 1), mode="reflect"), 3, 1)).square()
    out = []
    for part in PARTS:
        inside = -F.max_pool2d(-shown[:, parser.names.index(part)][:, None], 9, 1, 4)  # not its outline
        out.append(f"{float(((detail * inside).sum() / inside.sum()).sqrt()):.3f}")
    return out


if __name__ == "__main__":
    main()
