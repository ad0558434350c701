"""How coarsely may a persona's change of the generator be quantised? -> docs/benchmarks/compact.md.

    python -m tests.benchmarks.bench_compact [--people ada]

Uses the personas of bench_personalize where they are there.
"""

from __future__ import annotations

import argparse
import copy
import io

import numpy as np
import torch

from portraitist_workers.persona import compact
from portraitist_workers.persona.rendering import render

from . import judges, metrics
from .methods import stored
from .options import common, to_options
from .report import table, write

STEPS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


def main() -> None:
    parser = common(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument(
        "--steps", type=int, default=None, help="tuning steps instead of the preset's, to try the suite out"
    )
    args = parser.parse_args()
    judges.distance()
    options = to_options(args)
    rows: dict[float, list[tuple[float, ...]]] = {s: [] for s in STEPS}
    for person in args.people.split(","):
        made = stored(person, "regression", options, args.work)
        model, photos = made.model(), made.accepted()
        prior = model.prior.generator
        tuned = copy.deepcopy(prior)
        saved = torch.load(io.BytesIO(made.tuned), weights_only=True)
        with torch.no_grad():
            for weight_name, weight in tuned.weights().items():
                weight.copy_(saved[weight_name])
        size = sum(p.numel() * 4 for p in prior.parameters())
        exact = render(tuned, model.anchors)
        base = judges.lpips(exact, photos)
        for step in STEPS:
            delta = compact.encode(tuned, prior, step=step)
            count = sum(t.numel() * t.element_size() for t in delta.values())
            images = render(compact.decode(delta, prior), model.anchors)
            rows[step].append(
                (
                    size / count,
                    count / 1024,
                    float((judges.lpips(images, photos) - base).mean()),
                    float(judges.lpips(images, exact).mean()),
                    float(metrics.psnr(images, exact).mean()),
                )
            )
        print(person, "done", flush=True)
    body = []
    for step, measured in rows.items():
        ratio, kilobytes, change, distance, psnr = np.mean(measured, 0)
        name = f"{step:g}" + (" (used)" if step == compact.STEP else "")
        body.append((name, f"{kilobytes:.0f}", f"{ratio:.1f}", f"{change:+.4f}", f"{distance:.4f}", f"{psnr:.1f}"))
    note = (
        "The generator's change is divided by `step` standard deviations of its channel, rounded and entropy-coded "
        "(persona/compact.py). Means over people and accepted photos. Targets: 1/8 of the fp32 bytes or less at an LPIPS change "
        f"of at most 0.01.\n\n{judges.describe()}"
    )
    header = (
        "step",
        "KB",
        "times smaller than fp32",
        "LPIPS to the photos: change",
        "LPIPS to the unquantised picture",
        "PSNR to it, dB",
    )
    write("compact", "Bytes per persona", [note, table(header, body)])


if __name__ == "__main__":
    main()
