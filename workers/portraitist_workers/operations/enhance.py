"""Restore a degraded photo of the person. What it still shows is kept. The rest is of a picture that, *degraded*, gives the photo."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from portraitist.degradations import Degradation
from portraitist.requests import Enhance
from portraitist.results import PictureReport, PictureResult, Pictures, Progress

from ..faces import image_io
from ..faces.align import crop
from ..faces.edited import still
from ..faces.paste import paste
from ..generator import Generator
from ..inversion.optimize import OnStep
from ..inversion.pivotal import tune_to_photo
from ..persona.judge import Judge
from ..persona.model import PersonaModel
from ..persona.presets import PRESETS, Preset
from ..persona.projection import project
from ..persona.rendering import render
from ..persona.requests import resolve
from ..persona.subject import named_stranger, needed
from ..persona.warm import PERSONAS
from ..precision import optimisation_dtype
from ..provenance.marking import mark_part, mark_portrait
from ..provenance.origin import Origin
from ..restoration import degrade, estimate
from ..restoration.back_projection import back_project
from ..restoration.full_size import Restored, restored, untouched
from ..restoration.loss import DegradedLoss, Likeness, attribute_penalty
from ..restoration.observation import Observation, observe, psnr
from ..restoration.plain import cleaned
from .context import Context

# Rates of the tuning through the degradation. What tells little is soon overfitted; where the photo tells as much as an undamaged one,
# what fills a hole takes its light and skin from around it.
CAREFUL, EXACT = 5e-4, 3e-3
UNFILLED = 0.02  # share of the holes outside the face's square from which on the report warns
LEFT = 0.1  # share of the face that stays as it was, from which on it does
LESS_LIKE = 0.02  # of cosine, by which a result may be less like the person than the photo as it came. The number format decides .003


@dataclass(frozen=True, eq=False)
class Case:
    """A photo of somebody, what happened to it, and what is asked."""

    request: Enhance
    model: PersonaModel
    judge: Judge
    chain: list[Degradation]
    seen: Observation
    likeness: Likeness
    targets: dict[str, float]


def run(request: Enhance, context: Context) -> Pictures:
    """Raises InvalidImage, FaceNotFound, InvalidRequest, UnknownAttribute, OutOfRange."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    model, judge = person.model, person.judge
    targets = resolve(request.values, record.reach, strict=request.strict)
    photo = image_io.decode(context.blob(request.photo.blob), request.photo.name)
    estimated, chain = request.degradation == "auto", request.degradation
    if chain == "auto":
        chain = estimate.estimate(photo, model, judge, request.photo.name, request.face)
    seen = observe(photo, chain, model, context.blob, request.photo.name, keep_size=estimated, face=request.face)
    case = Case(request, model, judge, chain, seen, Likeness(judge, seen.naive), targets)
    if chain:
        found, tuned = _search(case, context, PRESETS[record.preset])
        made = restored(render(tuned, found), found, chain, seen, model, judge)
    else:
        made = untouched(seen)
    picture = _delivered(case, context, made)
    if request.face is not None and case.likeness.before < (least := needed(model)):
        picture.report.warnings.append(named_stranger(case.likeness.before, least))
    picture.report.seconds = round(time.monotonic() - begun, 3)
    return Pictures(pictures=[picture], seconds=picture.report.seconds)


def _search(case: Case, context: Context, preset: Preset) -> tuple[Tensor, Generator]:
    """w_plus [1, num_ws, D] and a generator whose picture of it, degraded, is the photo."""
    model, chain, seen = case.model, case.chain, case.seen

    def on_step(stage: str) -> OnStep:
        return lambda step, steps, loss: context.on_step(
            Progress(stage=stage, step=step, steps=steps, message=f"loss {loss:.3f}")
        )

    dtype = optimisation_dtype()
    damage = DegradedLoss(case.judge.perceptual, chain, seen)

    def loss(image: Tensor, observed: Tensor, step: int, weight: Tensor | None = None) -> Tensor:
        return damage(image, observed, step) + case.likeness(back_project(image, chain, seen))

    def objective(w_plus: Tensor, step: int) -> Tensor:
        value = loss(model.generator.images(w_plus, dtype=dtype), seen.observed, step).sum()
        return value + attribute_penalty(model, w_plus, case.targets)

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
        seed=case.request.seed,
        dtype=dtype,
        on_step=on_step("tune"),
    )
    return found.w_plus, tuned


def _delivered(case: Case, context: Context, made: Restored) -> PictureResult:
    """Pasted, marked and judged."""
    request, judge, chain, seen = case.request, case.judge, case.chain, case.seen
    R, pixels = seen.naive.shape[-1], image_io.to_uint8(made.picture)[0]
    around = cleaned(seen.photo, chain, seen.frame.size / R)
    known = None if made.known is None else made.known[0, 0].cpu().numpy()
    pasted = paste(
        around,
        seen.frame,
        still(pixels, crop(around, seen.frame, len(pixels)), known),
        others=seen.others,
        missing=None if known is None else 1 - known,
    )
    delivered = mark_part(pasted.image, pasted.mask)
    cut = mark_portrait(pixels) if delivered.generated else mark_part(pixels, np.zeros(pixels.shape[:2]))

    image = image_io.at_side(image_io.to_tensor(cut.pixels).to(made.picture), R)  # what is handed out is what is judged
    measured = judge.attributes(image)[0]
    report = judge.reports(image, measured, requested=[request.values], targets=[case.targets], seed=request.seed)[0]
    report.consistency = round(psnr(seen.degrade(chain, image), seen.observed), 2)
    report.degradation = degrade.describe(chain)
    report.identity_before = round(case.likeness.before, 4)
    report.detail_of = made.detail_of
    report.outside_change, report.mark = pasted.outside_change, delivered.score
    report.warnings += _warnings(case, report, made)
    origin = Origin("enhance", context.blob(request.photo.blob))
    return PictureResult(
        blob=context.put_picture(delivered, origin), crop=context.put_picture(cut, origin), report=report
    )


def _warnings(case: Case, report: PictureReport, made: Restored) -> list[str]:
    said, before = [], case.likeness.before
    if not case.chain:
        said.append(
            "no damage was found: the photo comes back as it is. If it is damaged, say how: name its degradation"
        )
    side = made.share.shape[-1]
    face = made.share[..., side // 4 : side * 3 // 4, side // 4 : side * 3 // 4]
    left = float((face < 0.5).float().mean())
    if case.chain and left > LEFT:
        said.append(
            f"{100 * left:.0f} % of the face stay as they were: there the persona cannot explain the photo. "
            "Another degradation may be the right one, or more photos of the person help"
        )
    if report.identity is not None and report.identity < before - LESS_LIKE:
        said.append(f"less like the person ({report.identity:.2f}) than the photo as it came ({before:.2f})")
    if case.seen.unfilled > UNFILLED:
        said.append(
            f"{100 * case.seen.unfilled:.0f} % of what the mask marks lies outside the square around the face: not filled"
        )
    return said
