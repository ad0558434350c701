"""Pull points of a real photo of the person, or of a new portrait, to other places; the face follows."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from portraitist.requests import Drag
from portraitist.results import PictureResult, Pictures, Progress

from ..drag.canvas import read_mask
from ..drag.dragged import dragged, point_reports, used, warnings
from ..drag.hold import Held
from ..drag.moving import mover_of
from ..drag.task import Step
from ..editing.carrying import edited_face
from ..editing.delivery import change_where, delivered, likeness, portraits
from ..persona.rendering import render
from ..persona.warm import PERSONAS
from ..provenance.origin import Origin
from .canvases import canvas_of
from .context import Context

MANY = 60  # steps of the longest drag, for the progress bar


def run(request: Drag, context: Context) -> Pictures:
    """Raises InvalidImage, FaceNotFound, InvalidRequest, PriorAssetMissing."""
    return pulled(request, context, request.operation)


def pulled(request: Drag, context: Context, operation: str) -> Pictures:
    """What `request` says. `operation`: what somebody asked for, for the mark."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    files = {blob: context.blob(blob) for blob in (request.photo and request.photo.blob, request.mask) if blob}
    canvas = canvas_of(request, person, files, context)
    mask = read_mask(files[request.mask], canvas.picture) if request.mask else None
    task = canvas.task(request.pulls, mask)

    def on_step(step: Step) -> None:
        left = float(step.left.max()) * canvas.px
        context.on_step(Progress(stage="drag", step=step.number, steps=MANY, message=f"{left:.1f} px left"))

    mover = partial(mover_of, person.model.prior, canvas.synthesis, context.priors)
    step, path = dragged(
        person, canvas, task, method=request.method, guarded=request.guarded, mover=mover, on_step=on_step
    )
    photo, fixed = canvas.photo, None if mask is None else 1 - mask
    hold = task.hold(canvas.synthesis, canvas.w)
    generator = canvas.generator if hold is None else Held(canvas.generator, hold)
    w = torch.cat([step.w_plus, *way(path, step, request.frames)])
    if photo is None:
        images = render(generator, w)  # type: ignore[arg-type]  # draws
        made = portraits(person, images, requested=[{}] * len(w), targets=[{}] * len(w), seed=request.seed)
    else:
        shown = replace(photo, generator=generator, faces=OrderedDict())  # type: ignore[arg-type]  # draws
        asked: list[dict[str, float]] = [{}] * len(w)
        made = delivered(
            person,
            shown,
            [edited_face(shown, row[None]) for row in w],
            requested=asked,
            targets=asked,
            reach=record.reach,
            seed=request.seed,
            fixed=fixed,
        )
    report = made[0].report
    report.points = point_reports(canvas, task, step)
    report.warnings += warnings(report.points)
    report.method, report.steps = used(request.method), step.number
    report.identity_before = likeness(person, canvas.face)
    if fixed is not None:
        report.fixed_change = change_where(fixed, canvas.picture, made[0].picture.pixels)
    report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin(operation, None if request.photo is None else files[request.photo.blob])
    pictures = [
        PictureResult(
            blob=context.put_picture(one.picture, origin),
            crop=None if photo is None else context.put_picture(one.crop, origin),
            report=one.report,
        )
        for one in made
    ]
    return Pictures(pictures=pictures, seconds=report.seconds)


def way(path: Sequence[Step], last: Step, count: int) -> list[Tensor]:
    """w_plus [1, num_ws, D] of so many places on the way from the first step to `last`, the first of them where it began."""
    left = float(last.left.sum())
    stops = [path[0], *(step for step in path[1:] if float(step.left.sum()) > left), last]
    going = torch.linspace(float(stops[0].left.sum()), left, count + 1)[:-1].tolist()
    found, at = [], 0
    for wanted in going:
        while at < len(stops) - 2 and float(stops[at + 1].left.sum()) > wanted:
            at += 1
        here, there = float(stops[at].left.sum()), float(stops[at + 1].left.sum())
        share = (here - wanted) / (here - there) if here > there else 0.0
        found.append(torch.lerp(stops[at].w_plus, stops[at + 1].w_plus, min(max(share, 0.0), 1.0)))
    return found
