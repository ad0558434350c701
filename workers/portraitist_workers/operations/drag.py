"""Pull points of a real photo of the person, or of a new portrait, to other places; the face follows."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace

import numpy as np
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
from ..editing.delivery import delivered
from ..editing.opening import opened
from ..faces.image_io import to_tensor, to_uint8
from ..inversion.optimize import OnStep
from ..persona.judge import identity_scores
from ..persona.presets import PRESETS, Preset
from ..persona.rendering import render
from ..persona.warm import PERSONAS, WarmPersona
from ..provenance.marking import mark_portrait
from ..provenance.origin import MarkedImage, Origin
from .context import Context
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
    step, before = _dragged(request, person, canvas, task, context)
    photo, fixed = canvas.photo, None if mask is None else 1 - mask
    generator = (
        canvas.generator if task.fixed is None else Held(canvas.generator, Hold(canvas.synthesis, canvas.w, task.fixed))
    )
    if photo is None:
        picture, crop, report = _portrait(person, render(generator, step.w_plus), request.seed)  # type: ignore[arg-type]  # draws
    else:
        shown = replace(photo, generator=generator, faces=OrderedDict())  # type: ignore[arg-type]  # draws
        made = delivered(
            person,
            shown,
            [edited_face(shown, step.w_plus)],
            requested=[{}],
            targets=[{}],
            reach=record.reach,
            seed=request.seed,
            fixed=fixed,
        )[0]
        picture, crop, report = made.picture, made.crop, made.report
    _tell(report, canvas, task, step, request)
    report.identity_before = round(before, 4)
    if fixed is not None:
        change = np.abs(picture.pixels.astype(np.float32) - canvas.picture).mean(2)
        report.fixed_change = round(float(change[fixed > 0].mean()), 3)
    report.recipe = recipes.made(request, record, files)
    report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin("drag", None if request.photo is None else files[request.photo.blob])
    blob, aligned = context.put_picture(picture, origin), None if crop is None else context.put_picture(crop, origin)
    return Pictures(pictures=[PictureResult(blob=blob, crop=aligned, report=report)], seconds=report.seconds)


def _canvas(request: Drag, person: WarmPersona, preset: Preset, files: dict[str, bytes], context: Context) -> Canvas:
    """The opened photo, or a portrait."""
    if request.photo is None:
        model = person.model
        w = draw(model, 1, request.seed, shared=True)[:, None].expand(-1, model.generator.num_ws, -1)
        return Canvas.of_portrait(w.contiguous(), model.generator, render(model.generator, w))

    def on_stage(stage: str) -> OnStep:
        return lambda step, steps, loss: context.on_step(
            Progress(stage=stage, step=step, steps=steps, message=f"loss {loss:.3f}")
        )

    file, name = files[request.photo.blob], request.photo.name
    return Canvas.of_photo(opened(person, file, name, None, space=request.space, seed=request.seed, on_stage=on_stage))


def _dragged(request: Drag, person: WarmPersona, canvas: Canvas, task: Task, context: Context) -> tuple[Step, float]:
    """The step that the drag ended with; and the likeness of the picture before."""
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
        last = guarded(judge, lambda w: render(generator, w), path, last, task.targets)  # type: ignore[arg-type]  # draws
    return last, float(identity_scores(judge.identity(canvas.face), judge.embeddings)[0])


def _portrait(person: WarmPersona, image: Tensor, seed: int) -> tuple[MarkedImage, None, PictureReport]:
    marked = mark_portrait(to_uint8(image)[0])
    image = to_tensor(marked.pixels).to(image)  # what is handed out is what is judged
    measured = person.judge.attributes(image)[0]
    report = person.judge.reports(image, measured, requested=[{}], targets=[{}], seed=seed)[0]
    report.mark = marked.score
    return marked, None, report


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
