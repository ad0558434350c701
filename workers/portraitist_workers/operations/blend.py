"""One face of two photos of the person, going over into each other without a seam."""

from __future__ import annotations

import time
from typing import cast, get_args

import numpy as np
import torch
from torch import Tensor

from portraitist.requests import Blend, Blended, Direction, Face, Photo
from portraitist.results import PictureResult, Pictures, Progress

from ..collage.interpolation import Mask
from ..collage.meeting import met
from ..collage.regions import region
from ..collage.weights import of_image, ramp
from ..editing.opening import OpenedPhoto, opened
from ..faces.image_io import at_side, to_tensor
from ..persona.warm import PERSONAS, WarmPersona
from ..provenance.marking import mark_portrait
from ..provenance.origin import Origin
from .context import Context
from .progress import losses


def run(request: Blend, context: Context) -> Pictures:
    """The aligned face, in the first photo's pose. Raises InvalidImage, FaceNotFound."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    faces = request.face, request.other_face
    photo, other, files = open_both(request.photo, request.other, faces, person, request.seed, context)

    def mask_of(images: Tensor) -> Mask:
        mask = request.mask
        if isinstance(mask, (int, float)):
            return lambda size: torch.full((1, 1, *size), float(mask))
        return of_image(region(images, mask)) if mask in get_args(Blended) else ramp(cast(Direction, mask))

    both = met(person, photo, other, mask_of, positions=None, exact=False)
    share = both.share[..., None]
    pixels = both.mine.shown + share * (both.theirs.shown - both.mine.shown)
    marked = mark_portrait(pixels.round().clip(0, 255).astype(np.uint8))
    image = at_side(
        to_tensor(marked.pixels).to(photo.w), person.model.generator.resolution
    )  # what is handed out is judged
    measured = person.judge.attributes(image)[0]
    report = person.judge.reports(image, measured, requested=[{}], targets=[{}], seed=request.seed)[0]
    report.warnings += photo.subject.stranger + other.subject.stranger
    report.mark, report.seconds = marked.score, round(time.monotonic() - begun, 3)
    blob = context.put_picture(marked, Origin("blend", files[0], (files[1],)))
    return Pictures(pictures=[PictureResult(blob=blob, report=report)], seconds=report.seconds)


def open_both(
    photo: Photo, other: Photo, faces: tuple[Face, Face], person: WarmPersona, seed: int, context: Context
) -> tuple[OpenedPhoto, OpenedPhoto, list[bytes]]:
    """Both photos, opened, and their files. `faces`: a place in the face that is meant, of each. Raises InvalidImage,
    FaceNotFound, InvalidRequest."""

    files = [context.blob(one.blob) for one in (photo, other)]
    found = []
    for number, (one, file, face) in enumerate(zip((photo, other), files, faces, strict=True)):
        context.on_step(Progress(stage="open", step=number, steps=2))
        found.append(
            opened(person, file, one.name, None, space="w_plus", seed=seed, on_stage=losses(context), face=face)
        )
    return found[0], found[1], files
