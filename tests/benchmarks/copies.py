"""Whether the prior's samples are copies of a single person that it learnt from, by the identity network."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.networks import SIDE
from portraitist_workers.priors.engine.people import load_people, training_people

from . import people


def copy_check(drawn: Tensor, data: Path) -> list[tuple[str, str]]:
    """Rows of a table: how near `drawn` [N, 3, R, R] come to the photos in `data`/london of those whom training used.

    The yardstick is the distance 1 - cosine between a person's neutral and smiling photo, same camera and light.
    """
    embed = load_identity()
    both = [pair for person in training_people(load_people(data)) if (pair := _photos(data, person.id)) is not None]
    sources = torch.stack([F.normalize(embed(pair), dim=1) for pair in both])  # [P, 2, D]
    same = 1 - (sources[:, 0] * sources[:, 1]).sum(1)
    samples = F.normalize(torch.cat([embed(part) for part in drawn.split(64)]), dim=1)
    nearest = 1 - torch.einsum("nd,ped->npe", samples, sources).flatten(1).max(1).values
    bound = float(same.quantile(0.01))
    taken = float((1 - nearest > embed.same_person).float().mean())
    near = [float(nearest.quantile(q)) for q in (0.0, 0.01, 0.5)]
    return [
        ("people it learnt from, two photos of each", str(len(both))),
        ("distance between a person's two photos: 1st percentile, median", f"{bound:.3f}, {float(same.median()):.3f}"),
        (
            "a sample's distance to the nearest of them: least, 1st percentile, median",
            ", ".join(f"{d:.3f}" for d in near),
        ),
        (
            "samples nearer than the 1st percentile of same-person distance",
            f"{int((nearest < bound).sum())} (wanted: 0)",
        ),
        ("samples that a verification would take for one of them", f"{100 * taken:.1f} %"),
    ]


def _photos(data: Path, person: str) -> Tensor | None:
    """[2, 3, SIDE, SIDE]: neutral and smiling, aligned; None where a face is not found."""
    aligned = people.photographed(data, [f"{kind}/{person}.jpg" for kind in ("neutral", "smiling")], SIDE)
    return people.stack(aligned) if len(aligned) == 2 else None
