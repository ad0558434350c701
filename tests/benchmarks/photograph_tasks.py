"""The edits that `bench_photographs` and `bench_turned` ask for, and the personas that they are asked of."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from portraitist.priors.prior import DEFAULT
from portraitist.requests import CreatePersona, Photo
from portraitist.results import PersonaRecord, Reach
from portraitist_workers import operations
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.attributes import as_dict, load_attributes
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import decode, to_tensor
from portraitist_workers.operations import MemoryContext
from portraitist_workers.persona.axes import Axes
from portraitist_workers.persona.control import measure_response
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render
from portraitist_workers.priors import library
from portraitist_workers.priors.engine.people import HELD_OUT

from . import people
from .turned_figures import frame_of

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


def london(data: Path, count: int = len(HELD_OUT), prior: str = DEFAULT) -> tuple[list[Task], list[Task]]:
    """Neutral -> smiling and back, of `count` people of whom one photograph is known: the prior's own directions move them. Once with
    smile and mouth named, once with the smile alone."""
    both, alone = [], []
    for person in HELD_OUT[:count]:
        shown = {kind: (data / "london" / kind / f"{person}.jpg").read_bytes() for kind in ("neutral", "smiling")}
        for here, there in (("neutral", "smiling"), ("smiling", "neutral")):
            values = {k: v for k, v in measured(shown[there]).items() if k in ("smile", "mouth_open")}
            record, blobs = known_by_one_photo(f"{person}-{here}", shown[here], prior)
            task = Task(person, record, blobs, f"{person}-{here}", shown[here], values, target=shown[there])
            both.append(task)
            alone.append(replace(task, values={"smile": values["smile"]}))
    return both, alone


def known_by_one_photo(name: str, photo: bytes, prior_name: str = DEFAULT) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A persona that is the prior, with the photo's latent as its only anchor."""
    prior, estimator = library.load(prior_name), load_attributes()
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


def edits(name: str, photos: list[tuple[str, bytes, bool]], work: Path, count: int, prior: str = DEFAULT) -> list[Task]:
    """Of `count` of the photos that the persona did not learn from."""
    record, blobs = persona(name, [(n, data) for n, data, held_out in photos if not held_out], work, prior)
    chosen = [(n, data) for n, data, held_out in photos if held_out][:count]
    return [
        Task(name, record, blobs, file, data, values, more={"relative": "yaw" in values}, relative="yaw" in values)
        for file, data in chosen
        for values in EDITS
    ]


def persona(
    name: str, photos: list[tuple[str, bytes]], work: Path, prior: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Learnt now, or by an earlier run from the same photos."""
    kept, reference = work / f"photographs-{name}-{prior}.pickle", library.load(prior).reference
    if kept.is_file():
        names, record, blobs = pickle.loads(kept.read_bytes())
        if names == [n for n, _ in photos] and record["prior"] == reference:
            return record, blobs
    context = MemoryContext()
    request = CreatePersona(
        persona_id=f"per_{name}",
        name=name,
        preset="fast",
        prior=prior,
        photos=[Photo(name=n, blob=context.put(d)) for n, d in photos],
    )
    made = operations.run(request, context)
    assert isinstance(made, PersonaRecord)
    record, blobs = made.model_dump(), {made.weights: context.blobs[made.weights]}
    kept.write_bytes(pickle.dumps(([n for n, _ in photos], record, blobs)))
    return record, blobs


@torch.no_grad()
def values_of(face: np.ndarray) -> dict[str, float]:
    return as_dict(load_attributes(), load_attributes()(to_tensor(small(face)))[0][0])


def measured(photo: bytes) -> dict[str, float]:
    picture = decode(photo, "photo")
    return values_of(crop(picture, frame_of(picture), SIDE))


def small(face: np.ndarray) -> np.ndarray:
    return cv2.resize(face, (128, 128), interpolation=cv2.INTER_AREA)
