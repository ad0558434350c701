"""Portraits of what held-out photos show, for `bench_photographs`: as the generator makes them, and as a person gets them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from portraitist_workers.detail.backdrop import before_backdrop
from portraitist_workers.faces.align import crop
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import decode, to_tensor, to_uint8
from portraitist_workers.persona.detailed import detailed
from portraitist_workers.persona.hull import nearest_alpha
from portraitist_workers.persona.judge import Judge, identity_scores
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render

from . import judges, metrics
from .photograph_tasks import SIDE, Task, small
from .report import table
from .turned_figures import frame_of

WAYS = (
    "enlarged",
    "with detail",
    "with detail, before a plain backdrop",
    "negative control: with other photos' detail",
)


def portraits(tasks: Sequence[Task], work: Path) -> list[str]:
    """A table, and a sheet in `work` for each photo. `tasks` name the photos and whose they are."""
    found: dict[tuple[str, str, str], list[list[float]]] = {}
    for task in {(t.name, t.record["prior"]): t for t in tasks}.values():
        model = PersonaModel.from_bytes(task.blobs[task.record["weights"]])
        prior, photo = model.prior.name, decode(task.photo, task.name)
        truth = crop(photo, frame_of(photo), SIDE)
        sharp = [metrics.sharpness_of(truth, part) for part in metrics.SHARP_PARTS]
        made = _made(model, photo)
        for way, (picture, busy) in made.items():
            with torch.no_grad():
                identity = float(identity_scores(load_identity()(to_tensor(small(picture))), model.embeddings))
            found.setdefault((task.person, prior, way), []).append(
                [
                    float(judges.lpips(to_tensor(picture), to_tensor(truth))),
                    identity,
                    *(metrics.sharpness_of(picture, p) / s for p, s in zip(metrics.SHARP_PARTS, sharp, strict=True)),
                    busy,
                ]
            )
        sheet = np.concatenate([truth, *(picture for picture, _ in made.values())], 1)
        Image.fromarray(sheet).save(work / f"photographs-portrait-{task.person}-{prior}-{Path(task.name).stem}.png")
    rows = [(*key, len(values), *(f"{v:.3f}" for v in np.nanmedian(values, 0))) for key, values in found.items()]
    names = ("LPIPS to the photo", "identity", *(f"sharpness: {p}" for p in metrics.SHARP_PARTS), "processor seconds")
    return [
        "## Portraits of 512 px",
        "New portraits of what a held-out photo shows, by a latent half way between the encoder's and the nearest mix of anchors. The "
        "generator's pictures are enlarged, or have the fine detail of two of the person's photos. What is delivered stands before a plain "
        "backdrop, too. In the negative control each photo's detail is that of another photo. Compared with the held-out photo and its own "
        "background. Medians.",
        table(("person", "prior", "portrait", "photos", *names), rows),
    ]


def _made(model: PersonaModel, photo: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
    """The portrait [SIDE, SIDE, 3] uint8 by each of WAYS, and the processor seconds that it takes beyond the first."""
    with torch.no_grad():
        seen = model.prior.encoder(to_tensor(crop(photo, frame_of(photo), model.prior.resolution)))
    w = torch.lerp(seen, (nearest_alpha(model.anchors, seen[0]) @ model.anchors)[None], 0.5)
    generated, judge = to_uint8(render(model.generator, w))[0], Judge(model)
    begun = time.process_time()
    fine, _ = detailed(model, judge, w, generated)
    detailed_at = time.process_time()
    plain = before_backdrop(fine, generated)
    plain_at = time.process_time()
    wrong, _ = detailed(replace(model, detail=_others(model.detail)), judge, w, generated)
    seconds = 0.0, detailed_at - begun, plain_at - begun, time.process_time() - plain_at
    enlarged = cv2.resize(generated, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return dict(zip(WAYS, zip((enlarged, fine, plain, wrong), seconds, strict=True), strict=True))


def _others(files: Sequence[bytes]) -> tuple[bytes, ...]:
    """In each photo's place the detail that another photo has, half the list further on."""
    kept = [file for file in files if file]
    others = iter(kept[len(kept) // 2 :] + kept[: len(kept) // 2])
    return tuple(next(others) if file else file for file in files)
