"""Restore a degraded photo of the person: the point of the person's space whose *degraded* picture is the photo."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from portraitist.degradations import Degradation
from portraitist.requests import Enhance
from portraitist.results import PictureResult, Pictures, Progress

from ..faces import image_io
from ..faces.align import crop
from ..faces.edited import still
from ..faces.paste import paste
from ..inversion.optimize import OnStep
from ..inversion.pivotal import tune_to_photo
from ..persona.judge import Judge
from ..persona.presets import PRESETS
from ..persona.projection import project
from ..persona.rendering import render
from ..persona.requests import resolve
from ..persona.warm import PERSONAS
from ..precision import optimisation_dtype
from ..provenance.marking import mark_part, mark_portrait
from ..provenance.origin import Origin
from ..restoration import degrade, estimate
from ..restoration.holes import blend
from ..restoration.loss import DegradedLoss, Likeness, attribute_penalty
from ..restoration.observation import Observation, back_project, observe, psnr
from .context import Context

# Rates of the tuning through the degradation. What tells little is soon overfitted; where the photo tells as much as an undamaged one,
# what fills a hole takes its light and skin from around it.
CAREFUL, EXACT = 5e-4, 3e-3
UNFILLED = 0.02  # share of the holes outside the face's square from which on the report warns
LESS_LIKE = (
    0.005  # of cosine, by which a result may be less like the person than the photo as it came before the report warns
)


def run(request: Enhance, context: Context) -> Pictures:
    """Raises InvalidImage, FaceNotFound, InvalidRequest, UnknownAttribute, OutOfRange."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person, preset = PERSONAS.load(record, context.blob, context.priors), PRESETS[record.preset]
    model, judge = person.model, person.judge
    targets = resolve(request.values, record.reach, strict=request.strict)
    photo = image_io.decode(context.blob(request.photo.blob), request.photo.name)
    estimated, chain = request.degradation == "auto", request.degradation
    if chain == "auto":
        chain = estimate.estimate(photo, model, judge, request.photo.name)
    seen = observe(photo, chain, model, context.blob, request.photo.name, keep_size=estimated)

    def on_step(stage: str) -> OnStep:
        return lambda step, steps, loss: context.on_step(
            Progress(stage=stage, step=step, steps=steps, message=f"loss {loss:.3f}")
        )

    dtype = optimisation_dtype()
    damage, likeness = DegradedLoss(judge.perceptual, chain, seen), Likeness(judge, seen.naive)

    def loss(image: Tensor, observed: Tensor, step: int, weight: Tensor | None = None) -> Tensor:
        return damage(image, observed, step) + likeness(back_project(image, chain, seen))

    def objective(w_plus: Tensor, step: int) -> Tensor:
        value = loss(model.generator.images(w_plus, dtype=dtype), seen.observed, step).sum()
        return value + attribute_penalty(model, w_plus, targets)

    with torch.no_grad():
        start = model.prior.encoder(seen.naive)[0] if seen.known is None else model.anchors.mean(0)
    found = project(
        model.anchors,
        start,
        objective,
        num_ws=model.generator.num_ws,
        w_std=model.prior.w_std,
        steps=2 * preset.project_steps,
        offset_weight=0.3,
        on_step=on_step("project"),
    )
    bold = seen.detail_kept(chain) ** 1.5
    tuned = tune_to_photo(
        model.generator,
        seen.observed,
        found.w_plus,
        loss,
        steps=round(preset.edit_steps * (1 + bold) / 2),
        lr=CAREFUL + bold * (EXACT - CAREFUL),
        anchors=model.anchors,
        seed=request.seed,
        dtype=dtype,
        on_step=on_step("tune"),
    )
    image = back_project(render(tuned, found.w_plus), chain, seen)
    return Pictures(
        pictures=[finish(request, context, judge, likeness, image, seen, chain, targets, begun)],
        seconds=round(time.monotonic() - begun, 3),
    )


def finish(
    request: Enhance,
    context: Context,
    judge: Judge,
    likeness: Likeness,
    image: Tensor,
    seen: Observation,
    chain: list[Degradation],
    targets: dict[str, float],
    begun: float,
) -> PictureResult:
    """Blend, paste, judge."""
    known = missing = None
    if seen.known is not None:
        image = blend(image, seen.naive, seen.known)
        known = seen.known[0, 0].cpu().numpy()
        missing = 1 - known
    pixels = image_io.to_uint8(image)[0]
    restored = mark_portrait(pixels)
    image = image_io.to_tensor(restored.pixels).to(image)  # what is handed out is what is judged
    measured = judge.attributes(image)[0]
    report = judge.reports(image, measured, requested=[request.values], targets=[targets], seed=request.seed)[0]
    report.consistency = round(psnr(seen.degrade(chain, image), seen.observed), 2)
    report.degradation = degrade.describe(chain)
    report.identity_before = round(likeness.before, 4)
    if report.identity is not None and report.identity < likeness.before - LESS_LIKE:
        report.warnings.append(
            f"less like the person ({report.identity:.2f}) than the photo as it came ({likeness.before:.2f})"
        )
    if seen.unfilled > UNFILLED:
        report.warnings.append(
            f"{100 * seen.unfilled:.0f} % of what the mask marks lies outside the square around the face: not filled"
        )
    edited = still(pixels, crop(seen.photo, seen.frame, len(pixels)), known)
    pasted = paste(seen.photo, seen.frame, edited, others=seen.others, missing=missing)
    report.outside_change = pasted.outside_change
    delivered = mark_part(pasted.image, pasted.mask)
    report.mark = delivered.score
    report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin("enhance", context.blob(request.photo.blob))
    return PictureResult(
        blob=context.put_picture(delivered, origin), crop=context.put_picture(restored, origin), report=report
    )
