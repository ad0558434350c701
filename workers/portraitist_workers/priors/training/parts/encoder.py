"""Trains the encoder picture -> codes of all parts, as `training.encoder` does for W.

    python -m portraitist_workers.priors.training.parts.encoder --pool DIR --canvas DIR --state parts.pt --out DIR --minutes 60

Resumable: a further run goes on from DIR/encoder.pt.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from ...engine.canvas import Canvas
from .. import loop
from ..encoder import Inversion
from ..photographs import Photographs
from .frames import Zooms
from .pictures import LabelledPool
from .taught import Taught


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True, help="made by `engine.render pool --masks`")
    parser.add_argument("--canvas", type=Path, required=True, help="canvas cache made by engine.build")
    parser.add_argument("--state", type=Path, required=True, help="parts.pt of `paired` or `sharpen`")
    parser.add_argument("--photographs", type=Path, help="folder with london/: photos of training people are read, too")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate at the start of this run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    pool = LabelledPool(args.pool, Zooms(Canvas.load(args.canvas)))
    photographs = Photographs(args.photographs) if args.photographs else None
    inversion, path = Inversion(Taught(args.state), pool, args.rate, photographs), args.out / "encoder.pt"
    if path.exists():
        inversion.load(torch.load(path, weights_only=True))
    loop.run_for(
        args.minutes,
        inversion.step,
        save=lambda: loop.save_atomically(inversion.state(), path),
        told=lambda: f"seen {inversion.seen}",
    )


if __name__ == "__main__":
    main()
