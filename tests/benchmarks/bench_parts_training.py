"""Two ways to train a generator of parts, at equal processor time -> docs/benchmarks/parts-training.md.

    python -m tests.benchmarks.bench_parts_training --canvas DIR --pool DIR --twins DIR --renders DIR [--minutes 20] [--hold 20]

One is `default-parts`' way: paired regression, with labels routed to their parts. The other is the published one, which `portraitist train
parts` runs: adversarially from nothing, on pictures and class maps alone. Both are at 64 px, of the same renders. The pool, the twins and
the unseen renders are made by `engine.render pool --size 64 --masks` and `training.parts.pictures twins --size 64`.

Resumable: what was trained lies in WORK, and the same command goes on. --hold ends a run after so many minutes of processor time.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from portraitist.segmentation import COLOURS
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import to_uint8
from portraitist_workers.faces.parser import load_parser
from portraitist_workers.generator.parts import Parts, taken
from portraitist_workers.priors.engine.canvas import Canvas
from portraitist_workers.priors.engine.masks import CLASSES
from portraitist_workers.priors.training import loop
from portraitist_workers.priors.training.losses import load_lpips
from portraitist_workers.priors.training.parts import own, paired
from portraitist_workers.priors.training.parts.export import with_gaussian
from portraitist_workers.priors.training.parts.frames import Zooms
from portraitist_workers.priors.training.parts.own_pictures import OwnPictures
from portraitist_workers.priors.training.parts.pictures import LabelledPool
from portraitist_workers.priors.training.pool import Pool

from . import distribution
from .bench_parts import locality, masks
from .bench_prior import likeness
from .options import like_a_worker
from .report import table, write
from .sheets import save, sheet

SIZE = 64
ARMS = "paired", "published"
SAMPLES = 1000
LOOKED_AT = 64  # of them: masks, changes of one part, faces
SHARES = 0.1, 0.15, 0.4, 0.35  # of the time, of the phases of the paired way
SAVE_SECONDS = 60
LEGEND = (
    "Rows: samples of each way, their segmentation, and the hair, eyes and lips of the next column's sample in them."
)
INTRO = (
    "{minutes:g} minutes of processor time each, on one thread. Both learn from the same {renders} renders and their class maps. The "
    "paired way also has their labels, and twins with another's hair. 1,000 samples of each, psi 1. KID, precision and recall are against "
    "1,000 renders that neither saw. Masks, changes of one part and faces are of the first {looked_at}. Weights are "
    "those of the last step: after so few steps, averages over steps would still hold much of the beginning."
)


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("canvas", "pool", "twins", "renders"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20, help="of processor time, of each way")
    parser.add_argument("--hold", type=float, default=float("inf"), help="minutes of processor time of this run")
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    zooms = Zooms(Canvas.load(args.canvas))
    pool, twins = LabelledPool(args.pool, zooms), LabelledPool(args.twins, zooms)
    left, arms = 60 * args.hold, {}
    for name, begin in zip(
        ARMS, (lambda: PairedWay(pool, twins, args.canvas), lambda: PublishedWay(pool)), strict=True
    ):
        arm: PairedWay | PublishedWay = begin()
        left -= trained(arm, args.work / f"parts-training-{name}.pt", 60 * args.minutes, left)
        if arm.spent < 60 * args.minutes:
            return print(f"{name}: {arm.spent:.0f} of {60 * args.minutes:.0f} s; the same command goes on")
        arms[name] = arm
    with torch.no_grad():
        compared(arms, pool, args)


class PairedWay:
    """`default-parts`' at 64 px. Its phases are shares of the time."""

    def __init__(self, pool: LabelledPool, twins: LabelledPool, canvas: Path) -> None:
        self.pool, self.twins, self.lpips = pool, twins, load_lpips()
        sizes = replace(paired.config(), resolution=SIZE, channels={32: 96, 64: 64})
        known = Canvas.load(canvas)
        self.trainer = Timed(len(known.ids), sizes=sizes).know(known)
        self.spent = 0.0

    def step(self, share: float) -> None:
        self.trainer.share = share
        self.trainer.step(self.pool, self.twins, self.lpips)

    @property
    def seen(self) -> int:
        return self.trainer.seen

    def state(self) -> dict:
        return self.trainer.state()

    def load(self, state: dict) -> None:
        self.trainer.load(state)

    def finished(self) -> Parts:
        """With a z -> w for the codes that it learnt."""
        networks = self.trainer.learning.eval()
        labels = torch.from_numpy(self.pool.all_labels())
        w = torch.cat([networks["router"](part) for part in labels.split(2048)])
        return with_gaussian(networks["generator"], w)


class Timed(paired.Trainer):
    """Where it is in its phases follows from the share of the time that is over."""

    share = 0.0

    def position(self) -> tuple[paired.Phase, float]:
        phases = [*paired.PHASES[:3], replace(paired.PHASES[3], lr_end=1e-4)]
        begun = 0.0
        for phase, length in zip(phases, SHARES, strict=True):
            if self.share < begun + length:
                return phase, (self.share - begun) / length
            begun += length
        return phases[-1], 1.0


class PublishedWay:
    """`portraitist train parts`, of pictures that are in memory already."""

    def __init__(self, pool: LabelledPool) -> None:
        images, classes = (np.concatenate(arrays) for arrays in (pool.images, pool.classes))
        self.training = own.OwnTraining(OwnPictures(images, classes, CLASSES), SIZE)
        self.spent = 0.0

    def step(self, share: float) -> None:
        self.training.step()

    @property
    def seen(self) -> int:
        return self.training.seen

    def state(self) -> dict:
        return self.training.state()

    def load(self, state: dict) -> None:
        self.training.load(state)

    def finished(self) -> Parts:
        return self.training.generator.eval()


def trained(arm: PairedWay | PublishedWay, path: Path, wanted: float, at_most: float) -> float:
    """Goes on until `wanted` seconds of processor time are spent, or `at_most` in this run. Returns those of this run."""
    if path.exists():
        kept = torch.load(path, weights_only=True)
        arm.load(kept["state"])
        arm.spent = kept["spent"]
    begun = last = time.process_time()
    saved = begun
    while arm.spent < wanted and last - begun < at_most:
        arm.step(arm.spent / wanted)
        now = time.process_time()
        arm.spent, last = arm.spent + now - last, now
        if now - saved > SAVE_SECONDS or arm.spent >= wanted or now - begun >= at_most:
            loop.save_atomically({"state": arm.state(), "spent": arm.spent}, path)
            saved = now
            print(f"{path.stem}: {arm.spent:.0f} s, {arm.seen} pictures", flush=True)
    return last - begun


def compared(arms: dict[str, PairedWay | PublishedWay], pool: LabelledPool, args: argparse.Namespace) -> None:
    unseen = Pool(args.renders)
    renders, *_ = unseen.batch(SAMPLES, SIZE, np.random.default_rng(0))
    real, network = distribution.features(renders)
    columns, shown = [], []
    for name, arm in arms.items():
        generator = arm.finished()
        z = torch.randn(SAMPLES, generator.config.z_dim, generator=torch.Generator().manual_seed(5))
        w = generator.mapping(z)
        pictures = torch.cat([generator.images(part, noise="none").clamp(-1, 1) for part in w.split(50)])
        rows = [("pictures seen in training", str(arm.seen)), ("weights of the generator", _weights(generator))]
        rows += likeness("samples", network, distribution.features(pictures)[0], real)
        rows += [("MTCNN finds exactly one face in", f"{_alone(pictures[:LOOKED_AT]):.0f} %")]
        rows += [
            (f"IoU with the parser: {label}" if label in ("mean", *CLASSES) else label, value)
            for label, value in masks(generator, w[:LOOKED_AT])
        ]
        rows += [
            (f"near / elsewhere: {part}", f"{near} / {far}")
            for part, near, far, *_ in locality(generator, w[:LOOKED_AT])
        ]
        columns.append(rows)
        shown += rows_of(name, generator, w[:10])
    labels = [label for label, _ in columns[0]]
    figures = [(label, *(dict(rows)[label] for rows in columns)) for label in labels]
    half = len(real) // 2
    figures += [
        (label, value, "") for label, value in likeness("renders among themselves", network, real[:half], real[half:])
    ]
    figures += [("the parser against the engine's masks on renders: mean IoU", _ceiling(unseen), "")]
    write(
        "parts-training",
        "Two ways to train a generator of parts",
        [
            INTRO.format(minutes=args.minutes, renders=len(pool), looked_at=LOOKED_AT),
            table(("", "paired regression", "as published"), figures),
            LEGEND,
            save(sheet(shown, scale=2), "parts-training", args.work),
        ],
    )


def rows_of(name: str, generator: Parts, w: Tensor) -> list[tuple[str, Tensor]]:
    """For the sheet."""
    made, colours = generator.make(w, noise="none"), torch.tensor(list(bytes.fromhex("".join(COLOURS)))).view(-1, 3)
    rows = [(name, made.image), ("segmentation", (colours[made.classes].permute(0, 3, 1, 2) / 127.5 - 1))]
    for part in ("hair", "eyes", "lips"):
        other = taken(generator.config, w, w.roll(-1, 0), [part])
        rows.append((f"{part} of\nthe next", generator.make(other, noise="none").image))
    return rows


def _weights(generator: Parts) -> str:
    return f"{sum(p.numel() for p in generator.weights().values()) / 1e6:.2f} million"


def _alone(pictures: Tensor) -> float:
    """Share in percent of pictures with one face."""
    found = [
        len(detect_faces(cv2.resize(one, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)))
        for one in to_uint8(pictures)
    ]
    return 100 * sum(count == 1 for count in found) / len(found)


def _ceiling(renders: Pool) -> str:
    """What the masks' IoU with the parser can be."""
    images = torch.from_numpy(np.array(renders.images[0][:200])).permute(0, 3, 1, 2).float() / 127.5 - 1
    truth = torch.from_numpy(np.array(renders.classes[0][:200])).long()
    seen = torch.cat([load_parser()(part).argmax(1) for part in images.split(20)])
    ious = [
        float(((seen == k) & (truth == k)).sum() / ((seen == k) | (truth == k)).sum().clamp(min=1))
        for k in range(len(CLASSES))
    ]
    return f"{float(np.mean(ious)):.3f}"


if __name__ == "__main__":
    main()
