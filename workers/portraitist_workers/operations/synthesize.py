"""New portraits of a persona, attributes set in real units."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import InvalidRequest
from portraitist.requests import Synthesize
from portraitist.results import PictureResult, Pictures, Progress

from ..detail.backdrop import before_backdrop
from ..faces.edited import Fill
from ..faces.image_io import to_tensor, to_uint8
from ..persona import hull
from ..persona.detailed import FEW, SIDE, closest_copy, detailed
from ..persona.judge import Judge
from ..persona.model import PersonaModel
from ..persona.mouths import told, with_teeth
from ..persona.rendering import Renderer, render
from ..persona.requests import resolve
from ..persona.steering import steer
from ..persona.warm import PERSONAS
from ..precision import optimisation_dtype
from ..provenance.marking import mark_portrait, sheet
from ..provenance.origin import Origin
from .context import Context


def run(request: Synthesize, context: Context) -> Pictures:
    """One picture per item of `request.values`, all in one batch. Raises UnknownAttribute, OutOfRange, NotFound."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    targets = [resolve(values, record.reach, strict=request.strict) for values in request.values]
    person, renderer = PERSONAS.load(record, context.blob, context.priors), context.renderer or render
    model, judge = person.model, person.judge
    context.on_step(Progress(stage="synthesize", step=0, steps=len(targets)))

    w = draw(model, len(targets), request.seed, shared=request.same_person_state)
    w = set_values(model, judge, w, targets, renderer)
    images = renderer(model.generator, w)
    generated: list[np.ndarray] = list(to_uint8(images))
    unmarked = list(generated)
    photos: list[list[str]] = [[] for _ in unmarked]
    fills: list[Fill | None] = [None for _ in unmarked]
    if in_detail(request, model):
        for index, pixels in enumerate(unmarked):
            fine, photos[index] = detailed(model, judge, w[index : index + 1], pixels)
            unmarked[index], fills[index] = with_teeth(model, judge, fine, photos[index][0])
            context.on_step(Progress(stage="detail", step=index + 1, steps=len(targets)))
    drawn = to_tensor(np.stack(unmarked)).to(images)
    if request.background == "plain":
        unmarked = [before_backdrop(pixels, small) for pixels, small in zip(unmarked, generated, strict=True)]
    marked = [mark_portrait(pixels) for pixels in unmarked]
    images = to_tensor(np.stack([m.pixels for m in marked])).to(images)  # what is handed out is what is judged
    measured = judge.attributes(images)[0]
    reports = judge.reports(images, measured, requested=request.values, targets=targets, seed=request.seed, drawn=drawn)
    pictures = []
    for index, (portrait, report) in enumerate(zip(marked, reports, strict=True)):
        report.detail_of, report.background = photos[index], request.background
        told(fills[index], report)
        if photos[index]:
            name, distance = closest_copy(model, judge, drawn[index : index + 1], photos[index])
            if distance < (report.nearest_photo_distance or 0.0):
                report.nearest_photo, report.nearest_photo_distance = name, round(distance, 4)
        report.mark = portrait.score
        report.seconds = round((time.monotonic() - begun) / len(targets), 3)
        pictures.append(PictureResult(blob=context.put_picture(portrait, Origin("synthesize")), report=report))
        context.on_step(Progress(stage="synthesize", step=index + 1, steps=len(targets)))
    page = None
    if request.columns:
        cells = [mark_portrait(pixels, on_sheet=True) for pixels in unmarked]
        page = context.put_picture(sheet(cells, request.columns), Origin("synthesize"))
    return Pictures(pictures=pictures, sheet=page, seconds=round(time.monotonic() - begun, 3))


def in_detail(request: Synthesize, model: PersonaModel) -> bool:
    """Whether the portraits get the photos' detail: where it was asked for, or is there and they are few. Raises InvalidRequest."""
    if request.size == SIDE and not any(model.detail):
        raise InvalidRequest(
            f"size={SIDE}: this persona keeps no detail of its photos, since it was made without, before that was done, or from "
            'small faces. Ask for size="native", or create the persona again',
            param="size",
        )
    few = request.columns is None and len(request.values) <= FEW
    return request.size == SIDE or (request.size is None and few and any(model.detail))


def draw(model: PersonaModel, count: int, seed: int, *, shared: bool) -> Tensor:
    """Random points of the person's space [count, D]; `shared`: one point, repeated."""
    rng = torch.Generator().manual_seed(seed)
    w = hull.sample(model.anchors, 1 if shared else count, rng)
    return w.expand(count, -1).clone() if shared else w


def set_values(
    model: PersonaModel, judge: Judge, w: Tensor, targets: list[dict[str, float]], renderer: Renderer = render
) -> Tensor:
    """Latents near w [B, D] whose pictures show `targets`, everything else as in w."""
    if not any(targets):
        return w

    def measure(latents: Tensor) -> Tensor:
        return torch.cat(
            [
                judge.attributes(renderer(model.generator, part, dtype=optimisation_dtype()))[0]
                for part in latents.split(16)
            ]
        )

    return steer(model, w, targets, model.axes.coordinates(w), measure(w), measure)
