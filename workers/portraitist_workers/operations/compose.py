"""Change a face part by part: parts of other photos, parts at random, parts moved or left out; what was not named stays."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from portraitist.errors import InvalidRequest, PriorAssetMissing
from portraitist.requests import Compose, PartChange
from portraitist.results import PersonaRecord, PictureReport, PictureResult, Pictures

from ..composing import composed, sources
from ..composing.controls import PartControls
from ..composing.factorised import factorised
from ..composing.painted import cautions, dyed, painted
from ..detail.carry import carried
from ..detail.mesh import seen
from ..detail.motion import motion
from ..editing.delivery import delivered
from ..editing.moving import moved
from ..editing.opening import OpenedPhoto, opened
from ..faces.edited import EditedFace
from ..faces.image_io import to_tensor, to_uint8
from ..generator.parts import Composition, Parts, taken
from ..generator.parts.mixing import BASE
from ..persona.presets import PRESETS
from ..persona.rendering import render
from ..persona.requests import resolve
from ..persona.warm import PERSONAS, WarmPersona
from ..priors import library
from ..priors.library import Prior
from ..provenance.marking import mark_portrait
from ..provenance.origin import MarkedImage, Origin
from .context import Context
from .progress import losses
from .synthesize import draw, set_values


def run(request: Compose, context: Context) -> Pictures:
    """One picture. Raises InvalidRequest, InvalidImage, FaceNotFound, UnknownAttribute, OutOfRange, PriorAssetMissing."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    prior = person.model.prior
    generator = composed.parts_of(person.model.generator, prior.name)
    composed.checked(generator.config, request.changes, request.only, len(request.like))
    if not (request.changes or request.only or request.values):
        raise InvalidRequest("nothing is to be changed: name a part, and what is to become of it", param="part")
    target = resolve(request.values, record.reach, strict=request.strict)
    on_stage = losses(context)
    photo: OpenedPhoto | None = None
    if request.photo is None:
        w = draw(person.model, 1, request.seed, shared=False)
        start = w = set_values(person.model, person.judge, w, [target])
    else:
        file = context.blob(request.photo.blob)
        photo = opened(
            person,
            file,
            request.photo.name,
            None,
            space=request.space,
            seed=request.seed,
            on_stage=on_stage,
            face=request.face,
        )
        generator = composed.parts_of(photo.generator, prior.name)
        start = photo.w[:, 0]
        w = moved(person, photo, [target])[:, 0] if target else start
    own = composed.parts_of(prior.generator, prior.name)
    controls = _controls(prior, own, context) if any(change.values for change in request.changes) else None
    steps, take = PRESETS[record.preset].project_steps, on_stage("take")
    others = [
        sources.of_photo(prior, context.blob(one.blob), one.name, steps=steps, seed=request.seed, on_step=take)
        for one in request.like
    ]
    for change in request.changes:
        w = _changed(own, controls, w, change, others, [one.name for one in request.like])
    composition = composed.composition_of(generator, w, request.changes, request.only)
    result = _delivered(request, person, photo, generator, composition, w, target, context, record)
    _report(result, generator, composition, start, w, request)
    result.report.seconds = round(time.monotonic() - begun, 3)
    return Pictures(pictures=[result], seconds=result.report.seconds)


def _controls(prior: Prior, own: Parts, context: Context) -> PartControls:
    """By labels where the prior has them, and without."""
    unlabelled = factorised(own)
    try:
        return PartControls.load(library.asset(prior.name, "parts", home=context.priors)).joined(unlabelled)
    except PriorAssetMissing:
        return unlabelled


def _changed(
    own: Parts, controls: PartControls | None, w: Tensor, change: PartChange, others: list[Tensor], names: list[str]
) -> Tensor:
    """w [1, D] after one change."""
    source = None
    if change.like is not None:
        source = others[change.like]
        sources.check_shown(own, source, change.part, names[change.like])
    elif change.draw is not None:
        source = sources.nobody(own, change.draw, w.shape[1])
    if source is not None:
        w = taken(own.config, w, source, [change.part], shape=change.shape, texture=change.texture)
    return w if controls is None else controls.set(own.config, w, change.part, change.values)


@torch.no_grad()
def _delivered(
    request: Compose,
    person: WarmPersona,
    photo: OpenedPhoto | None,
    generator: Parts,
    composition: Composition,
    w: Tensor,
    target: dict[str, float],
    context: Context,
    record: PersonaRecord,
) -> PictureResult:
    """The picture, stored: back in its photo, or a portrait of its own."""
    making = composed.Composed(generator, composition)
    if photo is not None and request.photo is not None:
        origin = Origin("edit", context.blob(request.photo.blob))
        before, after = (to_uint8(render(g, at))[0] for g, at in ((photo.generator, photo.w), (making, w[:, None])))
        was, now = seen([before, after])
        face = _in_photo(request, photo, generator, composition, w, carried(photo.scene, motion(was, now)))
        [made] = delivered(
            person,
            photo,
            [face],
            requested=[request.values],
            targets=[target],
            reach=record.reach,
            seed=request.seed,
        )
        made.report.warnings += cautions(photo.scene, [change.part for change in request.changes])
        return PictureResult(
            blob=context.put_picture(made.picture, origin),
            crop=context.put_picture(made.crop, origin),
            report=made.report,
        )
    portrait: MarkedImage = mark_portrait(to_uint8(render(making, w))[0])
    images = to_tensor(portrait.pixels)
    [report] = person.judge.reports(
        images, person.judge.attributes(images)[0], requested=[request.values], targets=[target], seed=request.seed
    )
    report.mark = portrait.score
    return PictureResult(blob=context.put_picture(portrait, Origin("synthesize")), report=report)


def _in_photo(
    request: Compose, photo: OpenedPhoto, generator: Parts, composition: Composition, w: Tensor, face: EditedFace
) -> EditedFace:
    """The photo's carried face, with what was changed off the face."""
    before, after = generator.make(photo.w[:, 0]), generator.make(w, composition)
    taken_over = [change for change in request.changes if change.like is not None or change.draw is not None]
    others = {change.part for change in taken_over if change.shape}
    others |= {*composition.without, *composition.moved, *composition.scaled}
    toned = {change.part for change in request.changes} - others
    face = dyed(face, photo.scene, generator.config, before, after, sorted(toned))
    return painted(face, photo.scene, generator.config, before, after, sorted(others))


@torch.no_grad()
def _report(
    result: PictureResult, generator: Parts, composition: Composition, start: Tensor, w: Tensor, request: Compose
) -> None:
    """Adds the class map, and how much changed where."""
    config = generator.config
    before, after = generator.make(start), generator.make(w, composition)
    result.classes = composed.class_map(after, config.parts)
    names = {change.part for change in request.changes} | set(composition.without)
    report: PictureReport = result.report
    if BASE not in names and not request.values:
        report.inside_parts, report.outside_parts = (
            round(value, 3) for value in composed.change_by_place(before, after, [config.part(name) for name in names])
        )
