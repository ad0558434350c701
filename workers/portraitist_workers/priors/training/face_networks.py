"""Train the bundled face networks on the engine's renders.

    python -m portraitist_workers.priors.training.face_networks --pool DIR --out DIR --minutes M \\
        [--calibration DIR] [--factors FILE] [--held-out DIR] \\
        [--photographs DIR] [--tuned-pairs DIR] [--start DIR] [--only perceptual attributes parser] [--save-to DIR]

Each network gets `--minutes` of processor time, with the learning rate falling to zero at their end. Checkpoints are written
to `--out`; the same command continues from them. The finished file with its measured accuracy goes to
`--save-to` (default: into the package). The perceptual network needs LPIPS's SqueezeNet in torch hub's cache.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...device import in_channels_last
from ...faces.networks import FOLDER, read_network, save_network
from . import loop
from .pool import Pool

SEED = 0


def run_steps(
    name: str,
    modules: nn.Module,
    loss: Callable[[np.random.Generator], Tensor],
    *,
    out: Path,
    minutes: float,
    peak: float,
) -> int:
    """AdamW on `modules` for `minutes`, resuming from `out`/`name`.pt. `loss(rng)` makes one batch's loss. Returns steps."""
    path = out / f"{name}.pt"
    optimizer = torch.optim.AdamW(
        [p for p in modules.parameters() if p.requires_grad], lr=peak, weight_decay=0.02, betas=(0.9, 0.98)
    )
    step, spent = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        modules.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
        print(f"{name}: continuing at step {step}, {spent / 60:.1f} min", flush=True)
    last = time.process_time()

    def update() -> dict[str, float]:
        nonlocal step, spent, last
        share = spent / (minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * share))
        value = loss(np.random.default_rng((SEED, step)))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(modules.parameters(), 5.0)
        optimizer.step()
        step += 1
        now = time.process_time()
        spent += now - last
        last = now
        return {"loss": float(value.detach())}

    def save() -> None:
        loop.save_atomically(
            {"modules": modules.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent}, path
        )

    modules.train()
    loop.run(
        update, save=save, told=lambda: f"{name}: step {step}, {spent / 60:.1f} min", going=lambda: spent < minutes * 60
    )
    modules.eval()
    return step


def train_perceptual(
    pool: Pool,
    photographs: Path | None,
    held_out: Pool | None,
    tuned: Path | None,
    out: Path,
    minutes: float,
    save_to: Path,
    *,
    start: Path | None = None,
) -> None:
    from .distortions import distort
    from .perceptual_distillation import Distillation, Pictures, TunedPairs, agreement, fit_gains, pair_terms
    from .photographs import Photographs

    rng = np.random.default_rng(SEED)
    pictures = Pictures(pool, Photographs(photographs) if photographs else None)
    learnt, before = read_network("perceptual", start) if start else (None, {"steps": 0})
    task = Distillation.start(pictures.batch(384, rng), rng, out / "perceptual_axes.pt", student=learnt)
    in_channels_last(task.student)
    pairs = TunedPairs(tuned) if tuned else None

    def loss(rng: np.random.Generator) -> Tensor:
        return task.loss(pictures.batch(6, rng), None if pairs is None else pairs.batch(6, rng), rng)

    steps = run_steps("perceptual", task.student, loss, out=out, minutes=minutes, peak=1.5e-3 if start else 3e-3)

    def terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return pair_terms(task.student, task.teacher, a, b)

    seen = pictures.batch(1024, rng)
    known = [terms(seen, distort(seen, rng))]
    if pairs:
        known += [terms(*pairs.batch(64, rng).unbind(1)) for _ in range(8)]
    fit_gains(task.student, torch.cat([t for t, _ in known]), torch.cat([d for _, d in known]))
    unseen = (held_out or pool).batch(1024, 128, rng)[0]
    measured = agreement(task.student, *terms(unseen, distort(unseen, rng))) | {
        "on": "held-out people" if held_out else "training people",
        "steps": before["steps"] + steps,
        "teacher": "LPIPS v0.1 squeeze",
    }
    if pairs:
        tested = [terms(*test.unbind(1)) for test in pairs.test]
        measured["tuned_pairs"] = agreement(task.student, *(torch.cat(part) for part in zip(*tested, strict=True)))
    print("perceptual:", measured, flush=True)
    save_network(save_to / "perceptual.safetensors", "perceptual", task.student, {}, measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True, help="renders of training people (engine pool)")
    parser.add_argument(
        "--calibration",
        type=Path,
        help="renders of people that are not in --pool, for the attributes' predicted deviations",
    )
    parser.add_argument("--factors", type=Path, help="factors.json of cross_calibration: from those people to all")
    parser.add_argument("--held-out", type=Path, help="renders of held-out people, for the measured figures")
    parser.add_argument(
        "--photographs",
        type=Path,
        help="folder with london/, whose training people's photos the perceptual network sees",
    )
    parser.add_argument("--tuned-pairs", type=Path, help="folder made by tuned_pairs.py, for the perceptual network")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints")
    parser.add_argument("--save-to", type=Path, default=FOLDER, help="finished networks (default: the package)")
    parser.add_argument(
        "--start", type=Path, help="folder of finished networks; attribute and perceptual network go on from theirs"
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="processor time per network")
    parser.add_argument("--only", nargs="+", default=["perceptual", "attributes", "parser"])
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    args.out.mkdir(parents=True, exist_ok=True)
    pool = Pool(args.pool, limit=60_000)
    held_out = Pool(args.held_out) if args.held_out else None
    if "perceptual" in args.only:
        train_perceptual(
            pool, args.photographs, held_out, args.tuned_pairs, args.out, args.minutes, args.save_to, start=args.start
        )
    if "attributes" in args.only:
        from .attribute_training import train_attributes

        calibration = Pool(args.calibration) if args.calibration else None
        factors = json.loads(args.factors.read_text()) if args.factors else {}
        train_attributes(pool, calibration, factors, held_out, args.out, args.minutes, args.save_to, start=args.start)
    if "parser" in args.only:  # needs a pool rendered with --masks
        from .parser_training import train_parser

        train_parser(pool, held_out, args.out, args.minutes, args.save_to)


if __name__ == "__main__":
    main()
