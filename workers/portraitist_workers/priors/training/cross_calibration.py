"""How far the people on whom the attribute network's deviations are scaled are from people as a whole.

    python -m portraitist_workers.priors.training.cross_calibration --pool DIR --folds DIR --out DIR --minutes M

A good part of an attribute's error is the person's own, the same in all their pictures. A sixth of the people is 13, who may be easy
or hard by chance. Here small networks of 64 px learn from all but one sixth each, and err on that sixth. The factors in
`--out`/factors.json correct the deviations that were calibrated on the last sixth. Multiplied by them, the deviations are those of all
people, with the same weight for everybody (cross-fitting; control variates). Pictures of equal doubt are compared. `face_networks
--factors` takes the factors.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...device import in_channels_last
from ...faces.networks import AttributeNetwork
from ..engine.render import FOLDS
from .attribute_training import ARGUMENTS, TARGETS, attribute_loss, batch, by_doubt, errors_and_deviations
from .face_networks import SEED, run_steps
from .pool import Pool

SMALL = 64  # pixels: five times as fast as 128, and as accurate at yaw, pitch and smile
WIDTHS = (96, 160, 224)


def errors_on_fold(pool: Path, fold: Path, out: Path, *, name: str, minutes: float) -> tuple[Tensor, Tensor]:
    """`errors_and_deviations` on the people of the pool `fold`, of a network that learnt from `pool` without them."""
    unseen = Pool(fold)
    seen = Pool(pool, without=unseen.people)
    torch.manual_seed(SEED)
    network = in_channels_last(AttributeNetwork(**ARGUMENTS, widths=WIDTHS))
    run_steps(
        name, network, lambda rng: attribute_loss(network, seen, rng, side=SMALL), out=out, minutes=minutes, peak=2e-3
    )
    rng = np.random.default_rng(2)
    return errors_and_deviations(network, *batch(unseen, 2000, rng, side=SMALL), rng)


def _rows(values: Tensor, form: str) -> None:
    """Prints [folds, A], an attribute a line."""
    for name, row in zip(TARGETS, values.T.tolist(), strict=True):
        print(f"{name:12s}", " ".join(form.format(value) for value in row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, required=True, help="renders of training people (engine pool)")
    parser.add_argument(
        "--folds",
        type=Path,
        required=True,
        help=f"folder of renders of each sixth's people: fold-0 ... fold-{FOLDS - 1}",
    )
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and factors.json")
    parser.add_argument("--minutes", type=float, default=10.0, help="processor time per sixth")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    folds = [
        errors_on_fold(args.pool, args.folds / f"fold-{k}", args.out, name=f"fold-{k}", minutes=args.minutes)
        for k in range(FOLDS)
    ]
    everybody, _ = by_doubt(*(torch.cat(part) for part in zip(*folds, strict=True)))
    each = torch.stack([(by_doubt(*fold)[0] / everybody).log().mean(1).exp() for fold in folds])
    factors = 1 / each[-1]
    print(
        "68 % of the errors are within these multiples of what they are within for everybody, for each sixth of the people:"
    )
    _rows(each, "{:.2f}")
    text = json.dumps(dict(zip(TARGETS, [round(factor, 4) for factor in factors.tolist()], strict=True)))
    (args.out / "factors.json").write_text(text + "\n")
    print("factors:", text)


if __name__ == "__main__":
    main()
