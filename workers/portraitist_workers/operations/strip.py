"""A row or column of new portraits of the person on one canvas, without joins."""

from __future__ import annotations

import time

import torch

from portraitist.requests import Strip
from portraitist.results import PictureResult, Pictures, Progress

from ..collage.panorama import strip
from ..faces.image_io import to_tensor, to_uint8
from ..generator.kinds import whole
from ..persona.requests import resolve
from ..persona.warm import PERSONAS
from ..provenance.marking import mark_portrait, sheet
from ..provenance.origin import Origin
from .context import Context
from .synthesize import draw, set_values


@torch.no_grad()
def run(request: Strip, context: Context) -> Pictures:
    """One picture, N times as wide (or as high) as a portrait. Raises UnknownAttribute, OutOfRange, InvalidRequest."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    targets = [resolve(values, record.reach, strict=request.strict) for values in request.values]
    person = PERSONAS.load(record, context.blob, context.priors)
    model, judge = person.model, person.judge
    generator = whole(model.generator, "strips cannot be made")
    w = set_values(model, judge, draw(model, len(targets), request.seed, shared=True), targets)
    cells, images = [], []
    for tile in strip(generator.synthesis, generator.styles(w), vertical=request.vertical):
        cells.append(mark_portrait(to_uint8(tile)[0], on_sheet=True))
        images.append(to_tensor(cells[-1].pixels).to(w))
        context.on_step(Progress(stage="strip", step=len(cells), steps=len(targets)))
    page = sheet(cells, 1 if request.vertical else len(cells), gap=0)
    seen = torch.cat(images)
    reports = judge.reports(
        seen, judge.attributes(seen)[0], requested=request.values, targets=targets, seed=request.seed
    )
    report = min(reports, key=lambda r: r.identity_percentile or 0.0).model_copy(update={"attributes": {}})
    report.clamped = any(r.clamped for r in reports)
    report.warnings = list(dict.fromkeys(warning for r in reports for warning in r.warnings))
    report.mark, report.seconds = page.score, round(time.monotonic() - begun, 3)
    blob = context.put_picture(page, Origin("strip"))
    return Pictures(pictures=[PictureResult(blob=blob, report=report)], seconds=report.seconds)
