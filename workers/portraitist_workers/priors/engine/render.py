"""Command line of the labelled-portrait engine.

    python -m portraitist_workers.priors.engine.render pool   --canvas DIR --out POOL --size 128 --count 50000 --seed 0
    python -m portraitist_workers.priors.engine.render sheet  --canvas DIR --out sheet.png
    python -m portraitist_workers.priors.engine.render people --canvas DIR --out . --seed 0

A pool is a folder of shards `shard-00000.npz`:

* `images` [N, S, S, 3] uint8 RGB
* `alpha` [N, S, S] uint8 (the person with hair)
* `labels` [N, L] float32 (labels.label_fields)
* `age` [N] float32 in years (the mean of the people by weight; NaN where one's is not known)
* `seeds` [N] int64
* with --masks, `classes` [N, S, S] uint8
* with --geometry, `uv` [N, S, S, 2] and `depth` [N, S, S] float16 (compose.Portrait)

`pool.json` holds the label layout and the people. A shard appears under its name only when complete. Shards that exist are skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from .canvas import Canvas
from .compose import Engine
from .labels import label_fields, normalisation
from .masks import CLASSES
from .sample import draw

FOLDS = 6  # of the training people, to measure on people that a network did not learn from
PEOPLE = {
    "held_out": "the eight of tests and benchmarks",
    "training": "all others",
    **{f"fold-{k}": f"each {FOLDS}th of those, beginning with number {k}" for k in range(FOLDS)},
    "learning": "those without the last fold, on whom the attribute network is told how far off it is",
}


def choose_people(canvas: Canvas, which: str) -> np.ndarray:
    """Indices of the people of `PEOPLE[which]`."""
    held_out = np.asarray(canvas.held_out)
    training = np.flatnonzero(~held_out)
    fold = np.arange(len(training)) % FOLDS
    sets = {"held_out": np.flatnonzero(held_out), "training": training, "learning": training[fold != FOLDS - 1]}
    return sets[which] if which in sets else training[fold == int(which.removeprefix("fold-"))]


def render_pool(
    canvas: Canvas,
    out: Path,
    *,
    size: int,
    count: int,
    seed: int,
    shard: int,
    people: np.ndarray,
    masks: bool = False,
    geometry: bool = False,
    part: tuple[int, int] = (0, 1),
) -> None:
    """Writes the shards of a pool that are not there yet. Picture i depends on (seed, i) only.

    `part` = (k, n): this process makes every n-th shard, so that n processes can share a pool.
    """
    out.mkdir(parents=True, exist_ok=True)
    _describe(canvas, out, size, people)
    engine = Engine(canvas, size)
    for number in range(part[0], -(-count // shard), part[1]):
        path = out / f"shard-{number:05d}.npz"
        if path.exists():
            continue
        start = time.time()
        indices = range(number * shard, min((number + 1) * shard, count))
        drawn = (draw(np.random.default_rng([seed, i]), canvas, people) for i in indices)
        pictures = [engine.render(labels, classes=masks, geometry=geometry) for labels in drawn]
        arrays = {
            "images": np.stack([p.image for p in pictures]),
            "alpha": np.stack([p.alpha for p in pictures]),
            "labels": np.stack([p.labels.to_vector(len(canvas.ids)) for p in pictures]),
            "age": np.array(
                [np.dot(p.labels.weights, canvas.age[list(p.labels.people)]) for p in pictures], np.float32
            ),
            "seeds": np.array([p.labels.seed for p in pictures]),
        }
        if masks:
            arrays["classes"] = np.stack([cast(np.ndarray, p.classes) for p in pictures])
        if geometry:
            arrays["uv"] = np.stack([cast(np.ndarray, p.uv) for p in pictures]).astype(np.float16)
            arrays["depth"] = np.stack([cast(np.ndarray, p.depth) for p in pictures]).astype(np.float16)
        write_shard(path, **arrays)
        print(f"{path.name}: {len(pictures)} pictures, {len(pictures) / (time.time() - start):.1f}/s", flush=True)


def write_shard(path: Path, **arrays: np.ndarray) -> None:
    """A shard appears under its name only when complete."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    with open(unfinished, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stubs take them for `allow_pickle`, too
    os.replace(unfinished, path)


def contact_sheet(
    canvas: Canvas,
    people: np.ndarray,
    *,
    size: int,
    columns: int,
    rows: int,
    seed: int,
    masks: bool = False,
    **fixed: Any,
) -> np.ndarray:
    """Random portraits side by side, uint8 RGB; with `masks`, class maps beside them."""
    engine = Engine(canvas, size)
    cells = []
    for i in range(columns * rows):
        picture = engine.render(draw(np.random.default_rng([seed, i]), canvas, people, **fixed), classes=masks)
        cell = picture.image
        if picture.classes is not None:
            colours = cv2.applyColorMap((picture.classes * 25).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
            cell = np.hstack([cell, colours])
        cells.append(cell)
    return np.vstack([np.hstack(cells[r * columns : (r + 1) * columns]) for r in range(rows)])


def _describe(canvas: Canvas, out: Path, size: int, people: np.ndarray) -> None:
    mean, spread = normalisation()
    fields = {name: [where.start, where.stop] for name, where in label_fields(len(canvas.ids)).items()}
    text = json.dumps(
        {
            "size": size,
            "fields": fields,
            "mean": mean.tolist(),
            "spread": spread.tolist(),
            "classes": CLASSES,
            "ids": list(canvas.ids),
            "people": [int(p) for p in people],
        }
    )
    unfinished = out / f"pool.{os.getpid()}.tmp"
    unfinished.write_text(text)
    os.replace(unfinished, out / "pool.json")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="portraitist_workers.priors.engine.render", description="Render portraits.")
    commands = parser.add_subparsers(dest="command", required=True)
    pool = commands.add_parser("pool", help="many random portraits with labels")
    sheet = commands.add_parser("sheet", help="a contact sheet to look at")
    examples = commands.add_parser("people", help="the example and test people, in natural frames")
    for command in (pool, sheet, examples):
        command.add_argument("--canvas", type=Path, required=True, help="folder made by build.py")
        command.add_argument("--out", type=Path, required=True)
        command.add_argument("--seed", type=int, default=0)
    for command in (pool, sheet):
        command.add_argument("--size", type=int, default=128, help="pixels a side")
        command.add_argument(
            "--people",
            choices=PEOPLE,
            default="training",
            help="; ".join(f"{name}: {meaning}" for name, meaning in PEOPLE.items()),
        )
        command.add_argument("--masks", action="store_true", help="also class maps")
    pool.add_argument(
        "--geometry", action="store_true", help="also the place on the common face of every pixel, and its depth"
    )
    pool.add_argument("--count", type=int, default=50_000)
    pool.add_argument("--shard", type=int, default=1000, help="pictures per file")
    pool.add_argument("--part", default="0/1", help="k/n: make every n-th shard, beginning with k")
    sheet.add_argument("--columns", type=int, default=8)
    sheet.add_argument("--rows", type=int, default=8)
    options = parser.parse_args(arguments)

    cv2.setNumThreads(1)
    canvas = Canvas.load(options.canvas)
    if options.command == "people":
        from .examples import render_examples

        render_examples(canvas, options.out, seed=options.seed)
        return
    people = choose_people(canvas, options.people)
    if options.command == "sheet":
        picture = contact_sheet(
            canvas,
            people,
            size=options.size,
            columns=options.columns,
            rows=options.rows,
            seed=options.seed,
            masks=options.masks,
        )
        cv2.imwrite(str(options.out), picture[..., ::-1])
    else:
        k, n = (int(part) for part in options.part.split("/"))
        render_pool(
            canvas,
            options.out,
            size=options.size,
            count=options.count,
            seed=options.seed,
            shard=options.shard,
            people=people,
            masks=options.masks,
            geometry=options.geometry,
            part=(k, n),
        )


if __name__ == "__main__":
    main()
