"""Renders with class maps as batches, and twins: one picture rendered twice, with another's hair the second time.

    python -m portraitist_workers.priors.training.parts.pictures twins --canvas DIR --out DIR [--count 8000]
    python -m portraitist_workers.priors.training.parts.pictures zooms --canvas DIR --pool DIR

A pool of twins is an ordinary pool in which pictures 2 i and 2 i + 1 are twins. `zooms` writes the label of `frames.py` beside the shards.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...engine.canvas import Canvas
from ...engine.compose import Engine
from ...engine.labels import Labels
from ...engine.masks import CLASSES
from ...engine.render import choose_people, write_shard
from ...engine.sample import draw, draw_look
from ..pool import Pool, map_member
from .frames import Zooms


@dataclass(frozen=True, eq=False)
class Pictures:
    """A batch.

    image   [B, 3, r, r] in [-1, 1]
    alpha   [B, 1, r, r] in [0, 1], the person
    shares  [B, K, r, r] of each pixel by class
    labels  [B, L + 1]
    """

    image: Tensor
    alpha: Tensor
    shares: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def at(self, rows: slice) -> Pictures:
        return Pictures(*(t[rows] for t in (self.image, self.alpha, self.shares, self.labels)))

    @staticmethod
    def joined(several: list[Pictures]) -> Pictures:
        names = ("image", "alpha", "shares", "labels")
        return Pictures(*(torch.cat([getattr(one, name) for one in several]) for name in names))


class LabelledPool(Pool):
    """A pool with class maps, shard by shard as they appear. Its labels end with `zoom`."""

    def __init__(self, folder: Path, zooms: Zooms) -> None:
        self.zooms, self.zoomed = zooms, 0
        super().__init__(folder)

    def refresh(self) -> bool:
        """Raises ValueError for shards without class maps."""
        new = super().refresh()
        for name in sorted(self.seen)[self.zoomed :]:
            number = self.zoomed
            if self.classes[number] is None:
                raise ValueError(
                    f"{self.folder} has pictures without class maps: make it with `engine.render pool --masks`"
                )
            zoom = _zooms(self.folder / name, self.labels[number], self.zooms)
            self.labels[number] = np.concatenate([self.labels[number], zoom[:, None]], 1)
            self.zoomed += 1
        return new

    def pictures(self, size: int, resolution: int, rng: np.random.Generator, *, blinking: float = 0.0) -> Pictures:
        """Random ones; the share `blinking` of them with eyes less than half open."""
        picks = self._pick(size, rng)
        for i in range(round(size * blinking)):
            if len(closed := self.blinks[picks[i][0]]):
                picks[i] = (picks[i][0], int(rng.choice(closed)))
        return self._read(picks, resolution)

    def twins(self, size: int, resolution: int, rng: np.random.Generator) -> tuple[Pictures, Pictures]:
        """Of a pool of twins: `size` pairs."""
        firsts = [(s, i - i % 2) for s, i in self._pick(size, rng)]
        return self._read(firsts, resolution), self._read([(s, i + 1) for s, i in firsts], resolution)

    def _read(self, picks: list[tuple[int, int]], resolution: int) -> Pictures:
        def stacked(arrays: list) -> Tensor:
            return torch.from_numpy(np.stack([arrays[s][i] for s, i in picks]))

        image = stacked(self.images).permute(0, 3, 1, 2).float() / 127.5 - 1
        alpha = stacked(self.alpha)[:, None].float() / 255
        shares = F.one_hot(stacked(self.classes).long(), len(CLASSES)).permute(0, 3, 1, 2).float()
        factor = image.shape[-1] // resolution
        image, alpha, shares = (F.avg_pool2d(x, factor) if factor > 1 else x for x in (image, alpha, shares))
        return Pictures(image, alpha, shares, stacked(self.labels))


def _zooms(shard: Path, labels: np.ndarray, zooms: Zooms) -> np.ndarray:
    """Kept beside the shard, since it takes some milliseconds a picture."""
    path = shard.with_name(shard.name.replace("shard-", "zoom-"))
    if (kept := map_member(path, "zoom") if path.exists() else None) is not None and len(kept) == len(labels):
        return np.array(kept)
    found = zooms(labels)
    write_shard(path, zoom=found)
    return found


def render_twins(
    canvas: Canvas, people: np.ndarray, out: Path, *, size: int, count: int, seed: int, shard: int = 500
) -> None:
    """Writes the missing shards, as `engine.render.render_pool` does. Pair i depends on (seed, i) only."""
    from ...engine.render import _describe

    out.mkdir(parents=True, exist_ok=True)
    _describe(canvas, out, size, people)
    engine = Engine(canvas, size)
    for number in range(-(-count // shard)):
        path = out / f"shard-{number:05d}.npz"
        if path.exists():
            continue
        begun = time.monotonic()
        pairs = [
            twin
            for i in range(number * shard, min((number + 1) * shard, count))
            for twin in _twins(np.random.default_rng([seed, i]), canvas, people)
        ]
        made = [engine.render(labels, classes=True) for labels in pairs]
        write_shard(
            path,
            images=np.stack([p.image for p in made]),
            alpha=np.stack([p.alpha for p in made]),
            labels=np.stack([p.labels.to_vector(len(canvas.ids)) for p in made]),
            classes=np.stack([p.classes for p in made]),  # type: ignore[misc]
        )
        print(f"{path.name}: {len(made) / (time.monotonic() - begun):.1f} pictures/s", flush=True)


def _twins(rng: np.random.Generator, canvas: Canvas, people: np.ndarray) -> tuple[Labels, Labels]:
    """The second has another of its people as donor, or else hair of another colour; mostly both."""
    first = draw(rng, canvas, people)
    donor = (first.donor + 1 + int(rng.integers(len(first.people) - 1))) % len(first.people)
    hair = draw_look(rng)["hair"] if rng.random() < 0.5 else first.hair
    return first, replace(first, donor=donor, hair=hair)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    twins, zooms = commands.add_parser("twins"), commands.add_parser("zooms")
    for command in (twins, zooms):
        command.add_argument("--canvas", type=Path, required=True, help="folder made by engine.build")
    twins.add_argument("--out", type=Path, required=True)
    twins.add_argument("--size", type=int, default=128)
    twins.add_argument("--count", type=int, default=8000, help="pairs")
    twins.add_argument("--seed", type=int, default=30)
    zooms.add_argument("--pool", type=Path, required=True)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    canvas = Canvas.load(args.canvas)
    if args.command == "twins":
        people = choose_people(canvas, "training")
        render_twins(canvas, people, args.out, size=args.size, count=args.count, seed=args.seed)
    else:
        LabelledPool(args.pool, Zooms(canvas))


if __name__ == "__main__":
    main()
