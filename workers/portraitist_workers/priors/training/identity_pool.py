"""Render the same invented people again and again, for judging the identity network.

    python -m portraitist_workers.priors.training.identity_pool --canvas DIR --out DIR --mixes 50 --views 6 --people held_out

Within one identity the mix, the hair's donor and its colour are fixed; view, expression, light, camera, clothes and
background are drawn anew for each picture. Shards have the layout of the engine's pools (images, alpha, labels), with
the identity's number before the ordinary labels.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ..engine.canvas import Canvas
from ..engine.compose import Engine
from ..engine.render import choose_people, write_shard
from ..engine.sample import draw, draw_look, draw_mix

MIXES_PER_SHARD = 50


def render_identities(canvas: Canvas, people: np.ndarray, out: Path, *, mixes: int, views: int, size: int, seed: int) -> None:
    """Writes the missing shards; mix m depends on (seed, m) only."""
    out.mkdir(parents=True, exist_ok=True)
    engine = Engine(canvas, size)
    for number in range(-(-mixes // MIXES_PER_SHARD)):
        path = out / f"shard-{number:05d}.npz"
        if path.exists():
            continue
        start, images, labels = time.time(), [], []
        for mix in range(number * MIXES_PER_SHARD, min((number + 1) * MIXES_PER_SHARD, mixes)):
            rng = np.random.default_rng([seed, mix])
            fixed = draw_mix(rng, canvas, people) | {"hair": draw_look(rng)["hair"]}
            for _ in range(views):
                portrait = engine.render(replace(draw(rng, canvas, people), **fixed))
                images.append(portrait.image)
                labels.append([mix, *portrait.labels.to_vector(len(canvas.ids))])
        write_shard(path, images=np.stack(images), alpha=np.zeros((len(images), 1, 1), np.uint8), labels=np.asarray(labels, np.float32))
        print(f"{path.name}: {len(images) / (time.time() - start):.1f} pictures/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--canvas", type=Path, required=True, help="folder made by engine.build")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", choices=("training", "held_out"), default="held_out")
    parser.add_argument("--mixes", type=int, default=50)
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    canvas = Canvas.load(args.canvas)
    render_identities(canvas, choose_people(canvas, args.people), args.out, mixes=args.mixes, views=args.views,
                      size=args.size, seed=args.seed)


if __name__ == "__main__":
    main()
