"""The best take of two photos of a person who was learnt: does the smile arrive, is it still the person, does anything else change?"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from portraitist.requests import Photo, Transfer
from portraitist_workers import operations
from portraitist_workers.faces import image_io
from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.mesh import load_mesh
from portraitist_workers.persona.warm import PERSONAS, WarmPersona
from portraitist_workers.styles.meaning import LIPS, OUTER_CORNERS

from . import judges, people
from .collage_checks import Row
from .collage_variations import person_percentile
from .methods import Options, stored

PAIRS = 5  # of each person
SIDE = 256
TAKEN = f"""{PAIRS} pairs of held-out photos of each of the {len(people.NAMES)} test people, region `smile`, by the operation itself.
The persons were learnt from 8 photos with the preset `fast`. LPIPS compares the mouths of two photos, each cut out about its own lips.
The pairs are of any pose: their heads are turned by 10° to 46° from each other, 21° in the middle."""


def best_takes(work: Path, threads: int | None) -> list[Row]:
    taken = [taken_of(name, work, threads) for name in people.NAMES]
    values, distance, sheets = (list(part) for part in zip(*taken, strict=True))
    Image.fromarray(np.concatenate(sheets, 0)).save(work / "best-takes.png")
    return rows(np.concatenate(values), torch.cat(distance, 1))


def taken_of(name: str, work: Path, threads: int | None) -> tuple[np.ndarray, Tensor, np.ndarray]:
    """Of one person: [PAIRS, 5] the change asked for, what is missed of it, the identity's percentile, the change outside, and the first
    photo's percentile. [3, PAIRS] LPIPS of the mouth to the other photo's, before and after, and to a third one's. And the pictures."""
    made = stored(name, "regression", Options(preset="fast", photos=8, threads=threads), work)
    context = made.context()
    person = PERSONAS.load(made.record, context.blob, context.priors)
    photos = [p for p in people.load(name) if p.held_out]
    found, taken, sheets = [], [], []
    for number in range(PAIRS):
        photo, like = photos[number], photos[(number + 3) % len(photos)]
        request = Transfer(
            persona_id=made.record.persona_id,
            photo=Photo(name=photo.name, blob=context.put(photo.data)),
            like=Photo(name=like.name, blob=context.put(like.data)),
        )
        [one] = operations.run(request, context).pictures
        picture, report = context.blob(one.blob), one.report
        smile = report.attributes["smile"]
        assert smile.requested is not None and smile.before is not None
        assert report.identity_percentile is not None and report.outside_change is not None
        taken.append([aligned(file) for file in (photo.data, like.data, picture)])
        asked = smile.requested - smile.before, smile.achieved - smile.requested
        own = likeness(person, taken[-1][0])
        found.append((*asked, report.identity_percentile, report.outside_change, own))
        sheets.append(np.concatenate([image_io.to_uint8(face)[0] for face in taken[-1]], 1))
    before, wanted, after = (mouth(torch.cat(faces)) for faces in zip(*taken, strict=True))
    pairs = ((before, wanted), (after, wanted), (after, wanted.roll(1, 0)))
    near = torch.stack([judges.lpips(one, other) for one, other in pairs])
    print(f"{name}: {np.round(np.array(found), 2).tolist()}, {near.mean(1).tolist()}", flush=True)
    return np.array(found), near, np.concatenate(sheets, 0)


def rows(values: np.ndarray, distance: Tensor) -> list[Row]:
    """Of what `taken_of` found of all people."""
    start, missed = np.abs(values[:, 0]), np.abs(values[:, 1])
    away = distance.mean(1)
    return [
        (
            "the mouth's attribute is off by, mean; within 0.1",
            "<= 0.1",
            f"{missed.mean():.2f}; {(missed <= 0.1).sum()} of {len(missed)}",
            f"nothing done: {start.mean():.2f}; {(start <= 0.1).sum()} of {len(start)}",
        ),
        (
            "identity at or above the 5th percentile",
            ">= 90 %",
            f"{np.mean(values[:, 2] >= 5):.0%}",
            f"the first photo itself: {np.mean(values[:, 4] >= 5):.0%}",
        ),
        ("largest change outside the region, grey levels", "0", f"{values[:, 3].max():.0f}", ""),
        (
            "LPIPS of the mouth to that of the other photo",
            "-30 %",
            f"{float(away[1] / away[0] - 1):+.0%}",
            f"to that of a third photo: {float(away[2] / away[0] - 1):+.0%}",
        ),
    ]


@torch.no_grad()
def likeness(person: WarmPersona, face: Tensor) -> float:
    """The percentile of a face [1, 3, S, S] among the person's photos."""
    known = load_identity()(image_io.at_side(face, person.model.prior.resolution))
    return person_percentile(person, known)


def aligned(file: bytes) -> Tensor:
    """[1, 3, SIDE, SIDE]: the largest face of a photo."""
    photo = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    face = max(detect_faces(photo), key=lambda one: one.side)
    return image_io.to_tensor(crop(photo, ffhq_frame(face.points), SIDE)[None])


@torch.no_grad()
def mouth(faces: Tensor) -> Tensor:
    """[B, 3, 64, 96]: about the lips, as wide as the eyes' outer corners are apart."""
    points = load_mesh()(faces).points[..., :2]
    middle = points[:, list(LIPS)].mean(1)
    wide = (points[:, OUTER_CORNERS[0]] - points[:, OUTER_CORNERS[1]]).norm(dim=1)
    y, x = torch.meshgrid(torch.linspace(-1 / 3, 1 / 3, 64), torch.linspace(-0.5, 0.5, 96), indexing="ij")
    places = middle[:, None, None] + wide[:, None, None, None] * torch.stack([x, y], -1)
    return F.grid_sample(faces, 2 * places - 1, mode="bilinear", padding_mode="border", align_corners=False)
