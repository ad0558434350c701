"""What `priors calibrate --motion` teaches a prior that was imported, and in what time -> docs/benchmarks/move-imported.md.

`default` is exported as NVIDIA's pickle and imported again as if it were foreign. So the transformer that ships can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

import numpy as np
import torch

import portraitist
from portraitist.priors.record import PriorRecord
from portraitist.requests import CalibratePrior
from portraitist_workers.drag.moving import Mover, mover_of
from portraitist_workers.drag.transformer import LatentTransformer
from portraitist_workers.operations import MemoryContext, run
from portraitist_workers.operations.calibrate import FACES, STEPS
from portraitist_workers.precision import optimisation_dtype
from portraitist_workers.priors import library

from . import options
from .bench_move import by_draggan, by_draggan_steps, cases, judged, passes
from .drag_cases import World
from .drag_page import interval, mean
from .report import table, write

NAME = "twin"
PLACES = (1, 3, 8)
INTRODUCTION = """`default`, exported as NVIDIA's pickle and imported as if it were foreign. {samples} pictures calibrate it. Then its
latent transformer is asked about {faces} faces, and trained for {steps} steps ({dtype}). It knows the generator, and the
directions of head and backdrop that the calibration found. It has nothing of the renderer. The transformer that ships
learnt from 550 faces in 5,335 steps."""
TIMES = "Processor time of one thread, beside other programs."
LANDED = """Faces that no other program draws, parts of which are asked to go 3 or 6 % of the picture's width in random directions. Distance
to the target in % of the width by the face mesh, which takes no part, and as claimed by the tracker. At most ten passes. Untrained: the
same network as it begins, with its last layer drawn at random. Differences to the shipped one are paired bootstraps."""


class Times:
    """Processor seconds of each stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._seen = time.process_time()

    def __call__(self, progress: Any) -> None:
        now = time.process_time()
        self.spent[progress.stage] = self.spent.get(progress.stage, 0.0) + now - self._seen
        self._seen = now
        if progress.step % 100 == 0:
            print(f"{progress.stage} {progress.step} of {progress.steps}, {progress.eta} s left", flush=True)


def main() -> None:
    parser = options.common(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--faces", type=int, default=FACES)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--cases", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(args.threads or 1)
    work = args.work / "motion"
    work.mkdir(parents=True, exist_ok=True)
    os.environ["PORTRAITIST_HOME"] = str(work / "home")
    priors = portraitist.connect(home=work / "home").priors
    if NAME in priors:
        priors.remove(NAME)
    priors.export("default", work / "default.pkl", overwrite=True)
    prior = priors.add(work / "default.pkl", name=NAME, accept_licence=True)
    assert prior.record is not None
    times = Times()
    request = CalibratePrior(prior=NAME, generator_sha256=prior.record.generator_sha256, samples=args.samples)
    run(request, MemoryContext(times))
    request = request.model_copy(update={"samples": None, "motion": True, "faces": args.faces, "steps": args.steps})
    record = run(request, MemoryContext(times))
    assert isinstance(record, PriorRecord) and record.calibration is not None

    world = World("default")
    shipped = mover_of(world.prior, world.synthesis, None)
    taught = mover_of(library.load(NAME), world.synthesis, None)
    arms = {
        "nothing": lambda world, w, task: [next(iter(by_draggan_steps(world, w, task)))],
        "untrained": passes(untrained(taught), 10),
        "calibrated, 1 pass": passes(taught, 1),
        "calibrated": passes(taught, 10),
        "shipped, 1 pass": passes(shipped, 1),
        "shipped": passes(shipped, 10),
        "DragGAN": by_draggan,
    }
    chosen = cases(world, 20 if args.quick else args.cases)
    found = {
        "times": times.spent,
        "figures": {k: v for k, v in record.calibration.figures.items() if k.startswith("motion")},
        "bytes": priors.get(NAME).asset("latent_transformer").stat().st_size,
        "landed": {name: [judged(world, c, arm) for c in chosen] for name, arm in arms.items()},
    }
    (work / "figures.json").write_text(json.dumps(found, indent=1))
    write("move-imported", "Moving, by an imported prior", sections(args, found))


def untrained(taught: Mover) -> Mover:
    """A network of its shape that has learnt nothing; its changes are as large as the taught one's weights make them."""
    torch.manual_seed(0)
    network = LatentTransformer(taught.network.sizes).eval().requires_grad_(False)
    network.change.weight.mul_(taught.network.change.weight.norm() / network.change.weight.norm())
    return Mover(network, taught.scale)


def sections(args: argparse.Namespace, found: Any) -> list[str]:
    base = np.array([np.nan if c["judge"] is None else c["judge"] for c in found["landed"]["shipped"]])
    landed = []
    for name, rows in found["landed"].items():
        off = np.array([np.nan if c["judge"] is None else c["judge"] for c in rows])
        landed.append(
            [
                name,
                mean(rows, "judge"),
                "" if name == "shipped" else interval(off - base),
                mean(rows, "claim"),
                f"{sum(c['arrived'] for c in rows)} of {len(rows)}",
                mean(rows, "steps", 1),
                mean(rows, "identity", 3),
            ]
        )
    times = [[stage, f"{seconds:.0f}"] for stage, seconds in found["times"].items()]
    learnt = [[places, f"{100 * found['figures'][f'motion_{places}']:.0f}"] for places in PLACES]
    header = ("method", "judge, %", "minus shipped, 95 %", "claimed, %", "arrived", "passes", "identity")
    said = {"dtype": str(optimisation_dtype()).removeprefix("torch."), **vars(args)}
    return [
        INTRODUCTION.format(**said),
        "## What it takes\n\n" + TIMES + f" The asset has {found['bytes'] / 1e6:.1f} MB.",
        table(("stage", "seconds"), times),
        "## What it has learnt\n\nMedian share of the best answer's motion, for faces that were held out.",
        table(("points", "motion, %"), learnt),
        "## Where it lands\n\n" + LANDED,
        table(header, landed),
    ]


if __name__ == "__main__":
    main()
