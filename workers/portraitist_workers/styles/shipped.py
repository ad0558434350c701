"""Learns a style that ships, from faces of a bundled prior drawn by the rules in `drawn/`.

    python -m portraitist_workers.styles.shipped toon --base default --out DIR

The prior makes faces, `drawn/` draws each of them, and the prior's convolutions learn to make the drawing at once. Nothing from outside
takes part, so the licence is the prior's. Seven to ten minutes of one processor core at 128 px. A run that was cut off goes on where it
was, from DIR/BASE/NAME.unfinished.
"""

from __future__ import annotations

import argparse
import importlib
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch

from portraitist import __version__
from portraitist.atomic import write_atomically
from portraitist.styles.home import BUNDLED, SUFFIX
from portraitist.styles.record import StyleRecord

from ..generator import Generator
from ..precision import optimisation_dtype
from ..priors import library
from .delta import put_on, to_bytes
from .learning import Learning, Schedule
from .meaning import Meaning
from .pairs import drawn

PAIRS, STEPS = 1000, 1000


def learnt(
    name: str, base: str, *, unfinished: Path, pairs: int = PAIRS, steps: int = STEPS, seed: int = 0
) -> tuple[bytes, Generator]:
    """The style's file, and its generator as the file gives it. unfinished: a file from which a run that was cut off goes on."""
    began, prior = time.process_time(), library.load(base)
    draw = importlib.import_module(f"{__package__}.drawn.{name}").draw
    kept = torch.load(unfinished, weights_only=True) if unfinished.is_file() else None
    taught = drawn(prior.generator, draw, pairs, seed=seed, on_step=_said("pairs"))
    learning = Learning(
        prior.generator, taught, prior.w_std, Schedule(steps=steps), seed=seed, dtype=optimisation_dtype()
    )
    if kept:
        learning.load(kept["learning"])
        began -= kept["seconds"]
    told = _said("steps")

    def on_step(step: int, steps: int, loss: float) -> None:
        told(step, steps, f"loss {loss:.3f}")
        if step % 50 == 0:
            file = io.BytesIO()
            torch.save({"learning": learning.state(), "seconds": time.process_time() - began}, file)
            write_atomically(unfinished, file.getvalue())

    styled = learning.run(on_step)
    error, share = Meaning.of(prior.generator, seed=seed + 1).measured(styled)
    record = StyleRecord(
        name=name,
        base=base,
        base_sha256=prior.sha256,
        pictures=pairs,
        steps=steps,
        seed=seed,
        figures={"mouth_error": round(error, 4), "faces_found": round(share, 3)},
        seconds=round(time.process_time() - began, 1),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    data = to_bytes(styled, prior.generator, record)
    print(
        f"{name} on {base}: {len(data) / 2**20:.2f} MB, {record.seconds} s of processor time, {record.figures}",
        flush=True,
    )
    return data, put_on(data, prior.generator, prior.generator)


def _said(what: str) -> Callable[..., None]:
    def on_step(step: int, steps: int, more: str = "") -> None:
        if step % 100 == 0 or step == steps:
            print(f"{what} {step} of {steps} {more}", flush=True)

    return on_step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=BUNDLED)
    parser.add_argument("--base", default="default")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    folder = asked.out / asked.base
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{asked.name}.unfinished"
    data, _ = learnt(
        asked.name, asked.base, unfinished=unfinished, pairs=asked.pairs, steps=asked.steps, seed=asked.seed
    )
    unfinished.unlink(missing_ok=True)
    write_atomically(folder / f"{asked.name}{SUFFIX}", data)
    (folder / f"{asked.name}{SUFFIX}").chmod(0o644)


if __name__ == "__main__":
    main()
