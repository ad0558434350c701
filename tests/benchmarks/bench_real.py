"""Real people: who is recognised, what is measured, and how far somebody turns whose photos are frontal -> docs/benchmarks/real.md.

    python -m tests.benchmarks.bench_real --sources DATA --people DIR [--threads N]

DATA holds london/: two studio photographs each of 87 people. DIR holds folders of ordinary photos, one folder a person (photos may lie
in folders below it). The photos are not ours to show; WORK/real-NAME.png has the pictures.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from portraitist.requests import CreatePersona, Photo
from portraitist.results import PersonaRecord
from portraitist_workers import operations
from portraitist_workers.faces.attributes import load_attribute_network, load_attribute_points, load_attributes
from portraitist_workers.faces.geometry import bounded
from portraitist_workers.faces.grouping import find_person
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.operations import MemoryContext
from portraitist_workers.operations.synthesize import draw, set_values
from portraitist_workers.persona.judge import Judge, identity_scores
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render
from portraitist_workers.priors.engine.people import load_people

from . import people
from .options import like_a_worker
from .report import table, write
from .sheets import sheet

SWEEPS = {"yaw": (-20.0, -10.0, 0.0, 10.0, 20.0), "pitch": (-8.0, 0.0, 8.0), "smile": (0.0, 0.25, 0.5, 0.75, 1.0)}
DRAWS = 3
MIXES = ((1, 200), (4, 200), (8, 200))  # strangers in a folder, and how many such folders
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="folder with london/")
    parser.add_argument("--people", type=Path, required=True, help="folder of folders of ordinary photos")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    known = load_people(args.sources)
    studio = people.stack(
        people.photographed(args.sources, [f"{kind}/{p.id}.jpg" for p in known for kind in ("neutral", "smiling")], 128)
    )
    embedded = _in_parts(load_identity(), studio)
    owner = np.repeat(np.arange(len(known)), 2)
    folders = {
        f.name: sorted(p for p in f.rglob("*") if p.suffix.lower() in SUFFIXES)
        for f in sorted(args.people.iterdir())
        if f.is_dir()
    }
    made = {name: create(name, photos) for name, photos in folders.items()}
    write(
        "real",
        "Real people",
        [
            f"{len(known)} people in a studio, neutral and smiling (Face Research Lab London Set), and {len(made)} of whom there are "
            "ordinary photos. Of the former, the mean vector that the identity network takes off and the "
            "renders of the attribute network are made.",
            "## Recognising",
            recognised(embedded, owner, args.sources),
            mixed(made, embedded),
            "## Measuring",
            measured(studio),
            "## Learning and turning",
            *(text for name, pair in made.items() for text in learnt(name, *pair, args.work)),
        ],
    )


def create(name: str, photos: list[Path]) -> tuple[PersonaRecord, PersonaModel]:
    context = MemoryContext()
    request = CreatePersona(
        persona_id="per_real",
        name=name,
        attributes=list(load_attributes().names),
        seed=0,
        photos=[Photo(name=p.name, blob=context.put(p.read_bytes())) for p in photos],
    )
    record = operations.run(request, context)
    assert isinstance(record, PersonaRecord)
    return record, PersonaModel.from_bytes(context.blob(record.weights))


def recognised(embedded: Tensor, owner: np.ndarray, data: Path) -> str:
    """Pairs of photos: the error rate where misses and confusions are equal, and confusions at the working threshold by group."""
    cosines = (embedded @ embedded.T).numpy()
    a, b = np.triu_indices(len(owner), 1)
    same, score = owner[a] == owner[b], cosines[a, b]
    groups = {
        row["id"].zfill(3): f"{row['ethnicity'].replace('_', ' ')}, {row['gender']}"
        for row in csv.DictReader((data / "london" / "people.csv").open())
    }
    of = np.array([groups[p.id] for p in load_people(data)])[owner]
    limit = load_identity().same_person
    rows = [("all", int((~same).sum()), *_shares(score, same, limit))]
    for group in sorted(set(of)):
        inside = (of[a] == group) & (of[b] == group)
        if (inside & ~same).sum() >= 20:
            rows.append((f"within {group}", int((inside & ~same).sum()), *_shares(score[inside], same[inside], limit)))
    return "\n\n".join(
        [
            f"By {load_identity().name}, pairs of photos. A folder's photos are judged by means over the person's photos, not by one pair.",
            table(
                ("pairs", "of two people", "equal error rate", f"two people above {limit:g}", "one person below it"),
                rows,
            ),
        ]
    )


def _shares(score: np.ndarray, same: np.ndarray, limit: float) -> tuple[str, str, str]:
    steps = np.sort(score)
    missed = np.searchsorted(np.sort(score[same]), steps) / same.sum()
    confused = 1 - np.searchsorted(np.sort(score[~same]), steps) / (~same).sum()
    at = int(np.abs(missed - confused).argmin())
    return (
        f"{(missed[at] + confused[at]) / 2:.2%}",
        f"{(score[~same] >= limit).mean():.1%}",
        f"{(score[same] < limit).mean():.1%}",
    )


def mixed(made: dict[str, tuple[PersonaRecord, PersonaModel]], strangers: Tensor) -> str:
    """Each person's photos with photos of strangers among them."""
    rows, rng = [], np.random.default_rng(0)
    for name, (_, model) in made.items():
        own = model.embeddings
        for count, folders in MIXES:
            inside = lost = 0
            for _ in range(folders):
                others = strangers[torch.from_numpy(rng.choice(len(strangers), count, replace=False))]
                faces = torch.cat([own, others]).numpy()
                found = find_person(faces, range(len(faces)), [100.0] * len(faces), load_identity().same_person).face_of
                inside += sum(photo >= len(own) for photo in found)
                lost += len(own) - sum(photo < len(own) for photo in found)
            rows.append(
                (
                    name,
                    f"{len(own)} and {count}",
                    folders,
                    f"{inside} of {folders * count}",
                    f"{lost} of {folders * len(own)}",
                )
            )
    return table(("person", "own photos and strangers'", "folders", "strangers taken", "own photos left out"), rows)


def measured(studio: Tensor) -> str:
    """Neutral against smiling photographs of the same people, by both readings and joined."""
    rows = []
    for label, estimator in (
        ("attribute network", load_attribute_network()),
        ("face mesh", load_attribute_points()),
        ("joined", load_attributes()),
    ):
        values = bounded(_in_parts(lambda x, e=estimator: e(x)[0], studio)).numpy().reshape(-1, 2, len(estimator.names))
        smile, mouth, yaw = (values[:, :, estimator.names.index(n)] for n in ("smile", "mouth_open", "yaw"))
        rows.append(
            (
                label,
                f"{np.median(smile[:, 0]):.2f}",
                f"{np.median(smile[:, 1]):.2f}",
                f"{(smile[:, 1] > smile[:, 0]).mean():.0%}",
                f"{np.median(mouth[:, 0]):.2f}",
                f"{np.median(mouth[:, 1]):.2f}",
                f"{np.abs(yaw).mean():.1f}°",
            )
        )
    return table(
        (
            "",
            "smile, neutral photos",
            "smile, smiling photos",
            "smiling is more",
            "mouth_open, neutral",
            "mouth_open, smiling",
            "mean yaw (all look ahead)",
        ),
        rows,
    )


@torch.no_grad()
def learnt(name: str, record: PersonaRecord, model: PersonaModel, work: Path) -> list[str]:
    """What came of one person's photos."""
    judge, points = Judge(model), load_attribute_points()
    names = judge.attributes.names
    rows, pictures = [], []
    for attribute, values in SWEEPS.items():
        column = names.index(attribute)
        likeness, by_points, steered = [], [], []
        for seed in range(1, DRAWS + 1):
            w = draw(model, len(values), seed, shared=True)
            images = render(model.generator, set_values(model, judge, w, [{attribute: v} for v in values]))
            likeness.append(identity_scores(judge.identity(images), model.embeddings))
            by_points.append(bounded(points(images)[0])[:, column])
            steered.append(bounded(judge.attributes(images)[0])[:, column])
            pictures.append((f"{attribute}\n{', '.join(f'{v:g}' for v in values)}", images))
        for label, found, digits in (
            ("likeness", likeness, 3),
            ("by points", by_points, 2),
            ("by what steers", steered, 2),
        ):
            mean = torch.stack(found).mean(0).tolist()
            rows.append(
                (
                    attribute if label == "likeness" else "",
                    label,
                    *(f"{v:.{digits}f}" for v in mean),
                    *[""] * (5 - len(values)),
                )
            )
    sheet(pictures).save(work / f"real-{name}.png")
    taken = sum(v.accepted for v in record.photos)
    reach = ", ".join(
        f"{r.attribute} {r.low:g} to {r.high:g} (photos: {r.photos_low:g} to {r.photos_high:g})" for r in record.reach
    )
    heading = f"### {name}\n\n{taken} of {len(record.photos)} photos taken, {record.figures['seconds']:.0f} s. Their photos score "
    return [
        heading
        + f"{judge.scale.mean():.3f} among each other (5th percentile {judge.scale.quantile(0.05):.3f}). Reach: {reach}.",
        f"Mean of {DRAWS} draws, not clamped to the reach, at the values "
        + "; ".join(f"{a} {', '.join(f'{v:g}' for v in vs)}" for a, vs in SWEEPS.items())
        + ".",
        table(("", "", *"12345"), rows),
    ]


def _in_parts(function, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([function(part) for part in images.split(16)])


if __name__ == "__main__":
    main()
