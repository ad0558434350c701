"""Pull points of a real photo of the person, or of a new portrait, to other places; the face follows."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from portraitist import recipes
from portraitist.requests import Drag
from portraitist.results import PictureReport, PictureResult, Pictures, PointReport, Progress

from ..drag.canvas import Canvas, read_mask
from ..drag.draggan import draggan
from ..drag.freedrag import freedrag
from ..drag.guard import guarded
from ..drag.hold import Held, Hold
from ..drag.space import Space
from ..drag.task import Step, Task
from ..editing.carrying import edited_face
from ..editing.delivery import Delivered, delivered
from ..editing.opening import opened
from ..faces.image_io import to_tensor, to_uint8
from ..persona.judge import identity_scores
from ..persona.presets import PRESETS, Preset
from ..persona.rendering import render
from ..persona.warm import PERSONAS, WarmPersona
from ..provenance.marking import mark_portrait
from ..provenance.origin import Origin
from .context import Context
from .progress import losses
from .synthesize import draw

METHODS = {"auto": draggan, "draggan": draggan, "freedrag": freedrag}
TURNS = ("yaw", "pitch", "roll")
MANY = 60  # steps of the longest drag, for the progress bar
REASONS = {
    "masked": "the mask fixes its handle or its target",
    "flat": "the picture is too even around it to tell one place from the next: take a corner or an edge",
    "lost": "what lies around it changed too much to be followed",
    "stuck": "the face goes no farther there",
    "unlike": "farther on, the picture would no longer be like the person",
}


def run(request: Drag, context: Context) -> Pictures:
    """Raises InvalidImage, FaceNotFound, InvalidRequest."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    files = {blob: context.blob(blob) for blob in (request.photo and request.photo.blob, request.mask) if blob}
    canvas = _canvas(request, person, PRESETS[record.preset], files, context)
    mask = read_mask(files[request.mask], canvas.picture) if request.mask else None
    task = canvas.task(request.pulls, mask)
    step, path = _dragged(request, person, canvas, task, context)
    photo, fixed = canvas.photo, None if mask is None else 1 - mask
    generator = (
        canvas.generator if task.fixed is None else Held(canvas.generator, Hold(canvas.synthesis, canvas.w, task.fixed))
    )
    w = torch.cat([step.w_plus, *way(path, step, request.frames)])
    if photo is None:
        made = _portraits(person, render(generator, w), request.seed)  # type: ignore[arg-type]  # draws
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
    _tell(report, canvas, task, step, request)
    report.identity_before = round(
        float(identity_scores(person.judge.identity(canvas.face), person.judge.embeddings)[0]), 4
    )
    if fixed is not None:
        change = np.abs(made[0].picture.pixels.astype(np.float32) - canvas.picture).mean(2)
        report.fixed_change = round(float(change[fixed > 0].mean()), 3)
    report.recipe = recipes.made(request, record, files)
    report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin("drag", None if request.photo is None else files[request.photo.blob])
    pictures = [
        PictureResult(
            blob=context.put_picture(one.picture, origin),
            crop=None if photo is None else context.put_picture(one.crop, origin),
            report=one.report,
        )
        for one in made
    ]
    return Pictures(pictures=pictures, seconds=report.seconds)


def _canvas(request: Drag, person: WarmPersona, preset: Preset, files: dict[str, bytes], context: Context) -> Canvas:
    """The opened photo, or a portrait."""
    if request.photo is None:
        model = person.model
        w = draw(model, 1, request.seed, shared=True)[:, None].expand(-1, model.generator.num_ws, -1)
        return Canvas.of_portrait(w.contiguous(), model.generator, render(model.generator, w))

    file, name = files[request.photo.blob], request.photo.name
    return Canvas.of_photo(
        opened(person, file, name, None, space=request.space, seed=request.seed, on_stage=losses(context))
    )


def _dragged(
    request: Drag, person: WarmPersona, canvas: Canvas, task: Task, context: Context
) -> tuple[Step, list[Step]]:
    """The step that the drag ended with; and all of them."""
    model, judge = person.model, person.judge
    turns = model.prior.steps_for(TURNS)
    space = Space.of(turns, anchors=model.anchors, nuisance=model.prior.nuisance)
    path: list[Step] = []
    for step in METHODS[request.method](canvas.synthesis, canvas.w, task, space=space):
        path.append(step)
        left = float(step.left.max()) * canvas.px
        context.on_step(Progress(stage="drag", step=step.number, steps=MANY, message=f"{left:.1f} px left"))
    last = path[-1]
    if request.guarded:
        hold = task.hold(canvas.synthesis, canvas.w)
        generator = canvas.generator if hold is None else Held(canvas.generator, hold)
        last = guarded(judge, generator.images, canvas.synthesis, path, last, task, space)
    return last, path


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


def _portraits(person: WarmPersona, images: Tensor, seed: int) -> list[Delivered]:
    """Marked and judged. Each is its own crop."""
    marked = [mark_portrait(pixels) for pixels in to_uint8(images)]
    images = to_tensor(np.stack([one.pixels for one in marked])).to(images)  # what is handed out is what is judged
    asked: list[dict[str, float]] = [{}] * len(marked)
    reports = person.judge.reports(
        images, person.judge.attributes(images)[0], requested=asked, targets=asked, seed=seed
    )
    for one, report in zip(marked, reports, strict=True):
        report.mark = one.score
    return [Delivered(one, one, report) for one, report in zip(marked, reports, strict=True)]


def _tell(report: PictureReport, canvas: Canvas, task: Task, step: Step, request: Drag) -> None:
    """How each handle ended, in px of the picture."""
    rows = zip(
        canvas.places(task.handles),
        canvas.places(task.targets),
        canvas.places(step.points),
        step.left.tolist(),
        step.confidence.tolist(),
        step.ends,
        strict=True,
    )
    for number, (handle, target, reached, left, sure, end) in enumerate(rows, 1):
        px, reason = round(left * canvas.px, 2), REASONS.get(end, "")
        report.points.append(
            PointReport(
                handle=handle,
                target=target,
                reached=reached,
                left=px,
                confidence=round(sure, 3),
                end=end,
                reason=reason,
            )
        )
        if reason:
            report.warnings.append(f"point {number} stopped {px:g} px before its target: {reason}")
    report.method, report.steps = {"auto": "draggan"}.get(request.method, request.method), step.number
