"""A wider or taller photo of the person: the background goes on, everything in the photo stays."""

from __future__ import annotations

import time

import numpy as np

from portraitist.errors import InvalidRequest
from portraitist.requests import Extend
from portraitist.results import PictureResult, Pictures, Progress

from ..collage.extension import Room, extended
from ..faces import image_io
from ..faces.outline import person_area
from ..persona.subject import find
from ..persona.warm import PERSONAS
from ..provenance.marking import mark_part
from ..provenance.origin import Origin
from .context import Context

MOST = 4  # times the photo's width or height


def run(request: Extend, context: Context) -> Pictures:
    """Every pixel of the photo stays as it is, in the middle of the width and at the bottom. Raises InvalidImage, FaceNotFound,
    InvalidRequest for a size that is smaller than the photo, or far larger."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    file = context.blob(request.photo.blob)
    photo = image_io.decode(file, request.photo.name)
    room = room_about(photo, request.size)
    context.on_step(Progress(stage="extend", step=0, steps=2))
    subject = find(photo, person.model, request.photo.name, face=request.face)
    area = np.max([person_area(photo, frame) for frame in (subject.frame, *subject.others)], axis=0)
    context.on_step(Progress(stage="extend", step=1, steps=2))
    wide = extended(photo, area, room)
    new = np.ones(wide.shape[:2], np.float32)
    new[room.top : room.top + len(photo), room.left : room.left + photo.shape[1]] = 0
    marked = mark_part(wide, new)
    judge = person.judge
    measured = judge.attributes(subject.pixels)[0]
    report = judge.reports(subject.pixels, measured, requested=[{}], targets=[{}], seed=request.seed)[0]
    report.mark, report.outside_change = marked.score, 0.0
    report.warnings += subject.stranger
    report.seconds = round(time.monotonic() - begun, 3)
    blob = context.put_picture(marked, Origin("extend", file))
    return Pictures(pictures=[PictureResult(blob=blob, report=report)], seconds=report.seconds)


def room_about(photo: np.ndarray, size: tuple[int, int]) -> Room:
    """The new pixels about a photo [H, W, 3] in a picture of `size` (width, height). Raises InvalidRequest."""
    (width, height), (h, w) = size, photo.shape[:2]
    if width < w or height < h or (width, height) == (w, h):
        raise InvalidRequest(
            f"size={width},{height} is not larger than the photo, which has {w} x {h} px; give a larger width or height, and "
            "none smaller",
            param="size",
        )
    if width > MOST * w or height > MOST * h:
        raise InvalidRequest(
            f"size={width},{height} is more than {MOST} times the photo's {w} x {h} px; nothing of what is there would be the photo's. "
            "Give a smaller size",
            param="size",
        )
    return Room((width - w) // 2, height - h, width - w - (width - w) // 2, 0)
