"""Edits of photographs at the photographs' own size, today's way and the way of another commit -> docs/benchmarks/photographs.md.

    python -m tests.benchmarks.bench_photographs --sources DATA --before CHECKOUT [--people DIR] [--threads N]

DATA holds london/: of its eight people who are held out there is a neutral and a smiling photograph each, taken in one sitting. Each is
asked for the expression of the other, and the result compared with that other. CHECKOUT is a folder with another commit. DIR holds
folders of ordinary photos of real people, one folder a person. Pictures of real people are in WORK alone.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from portraitist.requests import CreatePersona, Photo
from portraitist.results import PersonaRecord, Reach
from portraitist_workers import operations
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.attributes import as_dict, load_attributes
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import decode, to_tensor, to_uint8
from portraitist_workers.operations import MemoryContext
from portraitist_workers.persona.axes import Axes
from portraitist_workers.persona.control import measure_response
from portraitist_workers.persona.detailed import detailed
from portraitist_workers.persona.hull import nearest_alpha
from portraitist_workers.persona.judge import Judge, identity_scores
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render
from portraitist_workers.priors import library
from portraitist_workers.priors.engine.people import HELD_OUT

from . import judges, metrics, people
from .options import like_a_worker
from .report import ROOT, table, write
from .turned_figures import frame_of, gradient, likeness, yaw_of

SIDE = 512  # px at which faces are compared
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}
TURNS = (-15.0, -10.0, 10.0, 15.0)  # degrees from the photo's own yaw
EDITS: tuple[dict[str, float], ...] = ({"smile": 0.9}, *({"yaw": yaw} for yaw in TURNS))
RENDERED = ("bruno", "cora")
HELD_OUT_PHOTOS = 2  # of each person


@dataclass
class Task:
    """One edit. `target` is a photograph that shows what was asked for, where there is one."""

    person: str
    record: dict[str, Any]
    blobs: dict[str, bytes]
    name: str
    photo: bytes
    values: dict[str, float]
    relative: bool = False
    target: bytes | None = None
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Arm:
    name: str
    root: Path  # whose package it runs
    more: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="folder with london/")
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the commit to compare with")
    parser.add_argument("--people", type=Path, help="folder of folders of ordinary photos")
    parser.add_argument("--quick", action="store_true", help="fewer edits, and without the slow preset")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    judges.distance()
    args.work.mkdir(parents=True, exist_ok=True)
    arms = [
        Arm(f"before ({commit(args.before)})", args.before),
        Arm("now", ROOT),
        Arm('now, `preset="best"`', ROOT, {"preset": "best"}),
    ]
    pairs = london(args.sources)
    own = [task for name, photos in folders(args.people).items() for task in edits(name, photos, args.work)]
    if args.quick:
        pairs, own, arms = pairs[:8], own[::2], arms[:2]
    done = [run(arm, pairs if arm.more else pairs + own, args.work) for arm in arms]
    write(
        "photographs",
        "Edits of photographs",
        [
            "Everything at the photographs' own size, by the `edit` operation: whole pictures, with their marks. "
            + judges.describe(),
            *judged("expressions", pairs, arms, [d[: len(pairs)] for d in done], args.work),
            *judged("edits", own, arms[:2], [d[len(pairs) :] for d in done[:2]], args.work),
            *portraits(own, args.work),
        ],
    )


# -- tasks -----------------------------------------------------------------------------------------------------------------


def london(data: Path) -> list[Task]:
    """Neutral -> smiling and back, of people of whom one photograph is known: the prior's own directions move them."""
    tasks = []
    for person in HELD_OUT:
        shown = {kind: (data / "london" / kind / f"{person}.jpg").read_bytes() for kind in ("neutral", "smiling")}
        for here, there in (("neutral", "smiling"), ("smiling", "neutral")):
            values = {k: v for k, v in measured(shown[there]).items() if k in ("smile", "mouth_open")}
            record, blobs = known_by_one_photo(f"{person}-{here}", shown[here])
            tasks.append(Task(person, record, blobs, f"{person}-{here}", shown[here], values, target=shown[there]))
    return tasks


def known_by_one_photo(name: str, photo: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A persona that is the prior, with the photo's latent as its only anchor."""
    prior, estimator = library.load(), load_attributes()
    picture = decode(photo, name)
    face = to_tensor(crop(picture, ffhq_frame(detect_faces(picture)[0].points), prior.resolution)[None])
    with torch.no_grad():
        w, values, embedding = prior.encoder(face), estimator(face)[0], load_identity()(face)
        steps = prior.steps_for(estimator.names)
        response = measure_response(estimator.names, steps, w, lambda v: estimator(render(prior.generator, v))[0])
    axes = Axes(estimator.names, w[0].clone(), values[0], steps.clone())
    model = PersonaModel(prior, prior.generator, w, axes, response, embedding, load_identity().name, (name,))
    context = MemoryContext()
    record = PersonaRecord(
        persona_id=f"per_{name}",
        name=name,
        prior=prior.reference,
        organizer="regression",
        preset="balanced",
        attributes=list(estimator.names),
        photos=[],
        reach=[Reach(attribute=a, unit="", low=-90, high=90) for a in estimator.names],
        weights=context.put(model.to_bytes()),
    )
    return record.model_dump(), context.blobs


def folders(real: Path | None) -> dict[str, list[tuple[str, bytes, bool]]]:
    """Of each person the photos: name, file, whether it is held out."""
    found = {name: [(p.name, p.data, p.held_out) for p in people.load(name)] for name in RENDERED}
    for folder in sorted(p for p in real.iterdir() if p.is_dir()) if real else ():
        photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        step = max(len(photos) // HELD_OUT_PHOTOS, 1)
        apart = photos[step - 1 :: step][:HELD_OUT_PHOTOS]
        found[folder.name] = [(p.name, p.read_bytes(), p in apart) for p in photos]
    return found


def edits(name: str, photos: list[tuple[str, bytes, bool]], work: Path) -> list[Task]:
    record, blobs = persona(name, [(n, data) for n, data, held_out in photos if not held_out], work)
    chosen = [(n, data) for n, data, held_out in photos if held_out][:HELD_OUT_PHOTOS]
    return [
        Task(name, record, blobs, file, data, values, more={"relative": "yaw" in values}, relative="yaw" in values)
        for file, data in chosen
        for values in EDITS
    ]


def persona(name: str, photos: list[tuple[str, bytes]], work: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Learnt now, or by an earlier run from the same photos."""
    kept, reference = work / f"photographs-{name}.pickle", library.load().reference
    if kept.is_file():
        names, record, blobs = pickle.loads(kept.read_bytes())
        if names == [n for n, _ in photos] and record["prior"] == reference:
            return record, blobs
    context = MemoryContext()
    request = CreatePersona(
        persona_id=f"per_{name}",
        name=name,
        preset="fast",
        photos=[Photo(name=n, blob=context.put(d)) for n, d in photos],
    )
    made = operations.run(request, context)
    assert isinstance(made, PersonaRecord)
    record, blobs = made.model_dump(), {made.weights: context.blobs[made.weights]}
    kept.write_bytes(pickle.dumps(([n for n, _ in photos], record, blobs)))
    return record, blobs


# -- arms ------------------------------------------------------------------------------------------------------------------


def run(arm: Arm, tasks: Sequence[Task], work: Path) -> list[dict[str, Any]]:
    """All tasks by the arm's own package, in a process of its own."""
    asked, answered = work / "photographs-asked.pickle", work / "photographs-answered.pickle"
    asked.write_bytes(pickle.dumps([vars(task) | {"more": task.more | arm.more} for task in tasks]))
    path = os.pathsep.join(str(arm.root / part) for part in ("sdk", "workers"))
    program = Path(__file__).with_name("photograph_edits.py")
    subprocess.run(
        [sys.executable, program, asked, answered], check=True, env=os.environ | {"PYTHONPATH": path}, cwd=work
    )
    return pickle.loads(answered.read_bytes())


def judged(
    name: str, tasks: Sequence[Task], arms: Sequence[Arm], answers: Sequence[list[dict[str, Any]]], work: Path
) -> list[str]:
    """Tables of what the arms made of the tasks."""
    rows = []
    for index, (arm, done) in enumerate(zip(arms, answers, strict=True)):
        figures = [figures_of(task, one) for task, one in zip(tasks, done, strict=True)]
        for task, one in zip(tasks, done, strict=True):
            asked = "-".join(f"{k}{v:.0f}" if abs(v) > 1 else f"{k}{v:.1f}" for k, v in task.values.items())
            (work / f"photographs-{name}-{index}-{task.name}-{asked}.png").write_bytes(one["picture"])
        rows.append((arm, figures))
    names = list(rows[0][1][0])
    if name == "expressions":
        rows.insert(0, (Arm("the photo as it is", ROOT), [figures_of(task, None) for task in tasks]))
    heading = "Expressions" if name == "expressions" else "Edits of new photos"
    asked = (
        f"{len(tasks)} edits: {len({t.person for t in tasks})} people, neutral to smiling and back, who are known by this one photo. The "
        "smile and the opening of the mouth are those of the other photo, with which the result is compared."
        if name == "expressions"
        else f"{len(tasks)} edits of photos that {len({t.person for t in tasks})} personas (`fast`) did not learn from: a smile of 0.9, "
        "and the head turned by 10 and 15 degrees to either side. The turn is read by a detector's five points, which took no part."
    )
    by_person = [
        (arm.name if i == 0 else "", person, *(_median(figures, key, tasks, person) for key in names))
        for arm, figures in rows
        for i, person in enumerate(dict.fromkeys(t.person for t in tasks))
    ]
    return [
        f"## {heading}",
        asked + " Medians.",
        table(("", *names), [(arm.name, *(_median(figures, key) for key in names)) for arm, figures in rows]),
        table(("", "person", *names), by_person),
    ]


def _median(figures: list[dict], key: str, tasks: Sequence[Task] = (), person: str = "") -> str:
    chosen = [f[key] for i, f in enumerate(figures) if not tasks or tasks[i].person == person]
    value = float(np.nanmedian(chosen)) if np.isfinite(chosen).any() else float("nan")
    return "" if np.isnan(value) else f"{value:.3f}" if abs(value) < 3 else f"{value:.1f}"


# -- portraits --------------------------------------------------------------------------------------------------------------


def portraits(tasks: Sequence[Task], work: Path) -> list[str]:
    """Portraits of what a held-out photo shows, at the generator's size enlarged and with the detail of the person's photos."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for task in {t.name: t for t in tasks}.values():
        model = PersonaModel.from_bytes(task.blobs[task.record["weights"]])
        judge, photo = Judge(model), decode(task.photo, task.name)
        frame = frame_of(photo)
        with torch.no_grad():
            seen = model.prior.encoder(to_tensor(crop(photo, frame, model.prior.resolution)))
        w = torch.lerp(seen, (nearest_alpha(model.anchors, seen[0]) @ model.anchors)[None], 0.5)
        small_picture = to_uint8(render(model.generator, w))[0]
        begun = time.process_time()
        fine, _ = detailed(model, judge, w, small_picture)
        busy = time.process_time() - begun
        truth = crop(photo, frame, SIDE)
        sharp = [metrics.sharpness_of(truth, part) for part in metrics.SHARP_PARTS]
        pictures = {
            "enlarged": cv2.resize(small_picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC),
            "with detail": fine,
        }
        for arm, picture in pictures.items():
            with torch.no_grad():
                identity = float(identity_scores(load_identity()(to_tensor(small(picture))), model.embeddings))
            found.setdefault((arm, task.person), []).append(
                [
                    float(judges.lpips(to_tensor(picture), to_tensor(truth))),
                    identity,
                    *(metrics.sharpness_of(picture, p) / s for p, s in zip(metrics.SHARP_PARTS, sharp, strict=True)),
                    busy if arm == "with detail" else 0.0,
                ]
            )
        sheet = np.concatenate([truth, *pictures.values()], 1)
        Image.fromarray(sheet).save(work / f"photographs-portrait-{task.person}-{Path(task.name).stem}.png")
    rows = [
        (arm, person, *(f"{v:.3f}" for v in np.nanmedian(rows, 0))) for (arm, person), rows in sorted(found.items())
    ]
    names = ("LPIPS to the photo", "identity", *(f"sharpness: {p}" for p in metrics.SHARP_PARTS), "processor seconds")
    return [
        "## Portraits of 512 px",
        "New portraits of what a held-out photo shows, by a latent half way between the encoder's and the nearest mix of anchors. The "
        "pictures by the generator are enlarged, or have the fine detail of two of the person's photos. Compared with the held-out photo.",
        table(("", "person", *names), rows),
    ]


# -- figures ---------------------------------------------------------------------------------------------------------------


def figures_of(task: Task, done: dict[str, Any] | None) -> dict[str, float]:
    """What the table says of one edit; None: of the photo as it is."""
    photo = decode(task.photo, task.name)
    frame = frame_of(photo)
    result = photo if done is None else np.array(Image.open(io.BytesIO(done["picture"])).convert("RGB"))
    now = frame_of(result)  # a turned face lies elsewhere in the photo
    face = crop(result, now, SIDE)
    found: dict[str, float] = {}
    if task.target is not None:
        other = decode(task.target, task.name)
        truth = crop(other, frame_of(other), SIDE)
        found["LPIPS to the other"] = float(judges.lpips(to_tensor(face), to_tensor(truth)))
        found["identity: to the other"] = likeness(face, truth)
    found["identity: to the photo"] = likeness(face, crop(photo, frame, SIDE))
    side = round(frame.size)
    before, after = crop(photo, frame, side), crop(result, now, side)
    for part in metrics.SHARP_PARTS:
        found[f"sharpness: {part}"] = metrics.sharpness_of(after, part) / metrics.sharpness_of(before, part)
    name, asked = next(iter(task.values.items()))
    if task.relative:
        share = (yaw_of(result) - yaw_of(photo)) / asked
    else:
        was = values_of(crop(photo, frame, SIDE))[name]
        share = (values_of(face)[name] - was) / (asked - was)
    found["share of what was asked"] = share
    found["gradient at the border"] = gradient(result, frame) / gradient(photo, frame)
    found["seconds"] = float("nan") if done is None else done["seconds"]
    found["processor seconds"] = float("nan") if done is None else done["busy"]
    return found


@torch.no_grad()
def values_of(face: np.ndarray) -> dict[str, float]:
    return as_dict(load_attributes(), load_attributes()(to_tensor(small(face)))[0][0])


def measured(photo: bytes) -> dict[str, float]:
    picture = decode(photo, "photo")
    return values_of(crop(picture, frame_of(picture), SIDE))


def small(face: np.ndarray) -> np.ndarray:
    return cv2.resize(face, (128, 128), interpolation=cv2.INTER_AREA)


def commit(checkout: Path) -> str:
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
