"""One change after the other on a real photo of the person, or on a new portrait: what a live session saves."""

from __future__ import annotations

import time

from portraitist.requests import Retouch
from portraitist.results import PictureResult, Pictures, Progress

from ..drag.dragged import warnings
from ..editing.carrying import edited_face
from ..editing.delivery import change_where, delivered, likeness, portraits
from ..editing.retouching import Retouching, legs, masks_of, points_of
from ..persona.rendering import render
from ..persona.warm import PERSONAS
from ..provenance.origin import Origin
from .canvases import canvas_of
from .context import Context


def run(request: Retouch, context: Context) -> Pictures:
    """Raises InvalidImage, FaceNotFound, InvalidRequest, UnknownAttribute, OutOfRange."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    blobs = [request.photo.blob] if request.photo else []
    files = {blob: context.blob(blob) for blob in (*blobs, *masks_of(request.steps))}
    canvas = canvas_of(request, person, files, context)
    work = Retouching(person, canvas, record.reach, files.__getitem__, strict=request.strict, priors=context.priors)
    at, way = work.begin(), legs(request.steps)
    for number, leg in enumerate(way):
        told = Progress(stage="retouch", step=number, steps=len(way))
        context.on_step(told)
        at = work.after(leg, at, lambda told=told: context.on_step(told))  # type: ignore[misc]
    if canvas.photo is None:
        images = render(work.generator(at), at.w)
        made = portraits(person, images, requested=[at.asked], targets=[at.target], seed=request.seed)[0]
    else:
        photo = work.shown(at)
        made = delivered(
            person,
            photo,
            [edited_face(photo, at.w)],
            requested=[at.asked],
            targets=[at.target],
            follow=[at.follow],
            reach=record.reach,
            seed=request.seed,
            fixed=at.kept,
        )[0]
    report = made.report
    if at.step is not None:
        report.points, report.method, report.steps = points_of(canvas, at), at.method, at.step.number
        report.warnings += warnings(report.points)
        report.identity_before = likeness(person, canvas.face)
    if at.kept is not None:
        report.fixed_change = change_where(at.kept, canvas.picture, made.picture.pixels)
    report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin("retouch", None if request.photo is None else files[request.photo.blob])
    blob = context.put_picture(made.picture, origin)
    crop = None if canvas.photo is None else context.put_picture(made.crop, origin)
    return Pictures(pictures=[PictureResult(blob=blob, crop=crop, report=report)], seconds=report.seconds)
