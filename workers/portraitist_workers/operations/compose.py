"""Change a face part by part: parts of other photos, parts at random, parts moved or left out; what was not named stays."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from portraitist.errors import InvalidRequest, PriorAssetMissing
from portraitist.requests import Compose, PartChange
from portraitist.results import PictureResult, Pictures

from ..composing import composed, sources
from ..composing.controls import PartControls
from ..composing.factorised import factorised
from ..composing.painted import cautions, dyed, painted
from ..detail.carry import carried
from ..detail.mesh import seen
from ..detail.motion import motion
from ..editing.delivery import delivered, portraits
from ..editing.moving import moved
from ..editing.opening import OpenedPhoto, opened
from ..faces.edited import EditedFace
from ..faces.image_io import to_uint8
from ..generator.parts import Composition, Made, Parts, PartsConfig, taken
from ..generator.parts.mixing import BASE
from ..persona.presets import PRESETS
from ..persona.requests import resolve
from ..persona.warm import PERSONAS
from ..priors import library
from ..priors.library import Prior
from ..provenance.origin import Origin
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
    with torch.no_grad():
        before, after = generator.make(start), generator.make(w, composition)
    asked, targets = [request.values], [target]
    if photo is None:
        [made] = portraits(person, after.image, requested=asked, targets=targets, seed=request.seed)
    else:
        face = _edited(request, photo, generator.config, composition, before, after)
        [made] = delivered(
            person, photo, [face], requested=asked, targets=targets, reach=record.reach, seed=request.seed
        )
        made.report.warnings += cautions(photo.scene, [change.part for change in request.changes])
    report = made.report
    names = {change.part for change in request.changes} | set(composition.without)
    if BASE not in names and not request.values:
        numbers = [generator.config.part(name) for name in names]
        inside, outside = composed.change_by_place(before, after, numbers)
        report.inside_parts, report.outside_parts = round(inside, 3), round(outside, 3)
    report.seconds = round(time.monotonic() - begun, 3)
    edited = None if request.photo is None else context.blob(request.photo.blob)
    taken = tuple(context.blob(one.blob) for one in request.like)
    origin = Origin("synthesize" if edited is None else "edit", edited, taken)
    result = PictureResult(
        blob=context.put_picture(made.picture, origin),
        crop=None if photo is None else context.put_picture(made.crop, origin),
        report=report,
        classes=composed.class_map(after, generator.config.parts),
    )
    return Pictures(pictures=[result], seconds=report.seconds)


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


def _edited(
    request: Compose, photo: OpenedPhoto, config: PartsConfig, composition: Composition, before: Made, after: Made
) -> EditedFace:
    """The photo's pixels, carried to where the picture has them, with what was changed off the face."""
    was, now = seen([to_uint8(made.image)[0] for made in (before, after)])
    face = carried(photo.scene, motion(was, now))
    taken_over = [change for change in request.changes if change.like is not None or change.draw is not None]
    others = {change.part for change in taken_over if change.shape}
    others |= {*composition.without, *composition.moved, *composition.scaled}
    toned = {change.part for change in request.changes} - others
    face = dyed(face, photo.scene, config, before, after, sorted(toned))
    return painted(face, photo.scene, config, before, after, sorted(others))
