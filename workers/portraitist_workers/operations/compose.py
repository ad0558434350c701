"""Change a face part by part: parts of other photos, parts at random, parts moved or left out; what was not named stays."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from portraitist.errors import InvalidRequest, PriorAssetMissing
from portraitist.requests import Compose, PartChange
from portraitist.results import PersonaRecord, PictureResult, Pictures, Progress

from ..composing import composed, sources, way
from ..composing.controls import PartControls
from ..composing.factorised import factorised
from ..composing.held import concerned, held
from ..composing.kept import mask_iou, seen_iou
from ..composing.painted import cautions, dyed, painted
from ..composing.way import Applied, Stop
from ..detail.carry import carried
from ..detail.mesh import seen
from ..detail.motion import motion
from ..editing.delivery import Delivered, delivered, portraits
from ..editing.moving import moved
from ..editing.opening import OpenedPhoto, opened
from ..faces.edited import EditedFace
from ..faces.image_io import to_tensor, to_uint8
from ..faces.parser import load_parser
from ..generator.parts import Made, Parts, PartsConfig, taken
from ..generator.parts.mixing import BASE
from ..persona.presets import PRESETS
from ..persona.requests import resolve
from ..persona.warm import PERSONAS, WarmPersona
from ..priors import library
from ..priors.library import Prior
from ..provenance.origin import Origin
from .context import Context
from .progress import losses
from .synthesize import draw, set_values

COMES_IN = 0.3  # share of the way after which a part off the face is the generator's alone


def run(request: Compose, context: Context) -> Pictures:
    """One picture, and those of the way to it. Raises InvalidRequest, InvalidImage, FaceNotFound, UnknownAttribute, OutOfRange,
    PriorAssetMissing."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    parts_of_prior = composed.parts_of(person.model.prior.generator, person.model.prior.name)
    composed.checked(parts_of_prior.config, request.changes, request.only, len(request.like))
    if not (request.changes or request.only or request.values):
        raise InvalidRequest("nothing is to be changed: name a part, and what is to become of it", param="part")
    target = resolve(request.values, record.reach, strict=request.strict)
    file = None if request.photo is None else context.blob(request.photo.blob)
    others = tuple(context.blob(one.blob) for one in request.like)
    photo: OpenedPhoto | None = None
    if file is None:
        start = w = set_values(person.model, person.judge, draw(person.model, 1, request.seed, shared=False), [target])
        generator = composed.parts_of(person.model.generator, person.model.prior.name)
    else:
        photo = _opened(request, file, context, person)
        start = photo.w[:, 0]
        w = moved(person, photo, [target])[:, 0] if target else start
        generator = composed.parts_of(photo.generator, person.model.prior.name)
    steps = PRESETS[record.preset].project_steps
    applied = _applied(request, others, context, person.model.prior, parts_of_prior, steps)
    w = applied(w, request.changes)
    composition = composed.composition_of(generator, w, request.changes, request.only)
    stops = [Stop(w, composition, 1.0)]
    if request.frames:
        stops += way.stops(way.corners(start, w, request.changes, applied), composition, request.frames)
    changed = {change.part for change in request.changes} | set(composition.without)
    whole = BASE in changed or (photo is not None and bool(target))  # everything may change
    numbers = None if whole else concerned(generator.config, changed)
    with torch.no_grad():
        before = generator.make(start)
    origin = Origin("synthesize" if file is None else "edit", file, others)
    results = []
    for number, stop in enumerate(stops):
        context.on_step(Progress(stage="compose", step=number, steps=len(stops)))
        with torch.no_grad():
            after = generator.make(stop.w, stop.composition)
        if numbers is not None:
            after = held(before, after, numbers)
        made = _made(request, record, person, photo, target, stop, before, after)
        if numbers is not None:
            inside, outside = composed.change_by_place(before, after, numbers)
            made.report.inside_parts, made.report.outside_parts = round(inside, 3), round(outside, 3)
        made.report.mask_iou = mask_iou(before.classes[0], after.classes[0], generator.config.parts)
        shown = before.image if photo is None else photo.subject.pixels
        made.report.parser_iou = seen_iou(load_parser(), shown, to_tensor(made.crop.pixels).to(shown))
        made.report.seconds = round((time.monotonic() - begun) / len(stops), 3)
        results.append(
            PictureResult(
                blob=context.put_picture(made.picture, origin),
                crop=None if photo is None else context.put_picture(made.crop, origin),
                report=made.report,
                classes=composed.class_map(after, generator.config.parts),
            )
        )
    return Pictures(pictures=results, seconds=round(time.monotonic() - begun, 3))


def _opened(request: Compose, file: bytes, context: Context, person: WarmPersona) -> OpenedPhoto:
    assert request.photo is not None
    return opened(
        person,
        file,
        request.photo.name,
        None,
        space=request.space,
        seed=request.seed,
        on_stage=losses(context),
        face=request.face,
    )


def _applied(
    request: Compose, files: Sequence[bytes], context: Context, prior: Prior, own: Parts, steps: int
) -> Applied:
    """What puts changes into a latent, once the photos are known from which parts are taken: `files` are those of `request.like`."""
    controls = _controls(prior, own, context) if any(change.values for change in request.changes) else None
    names, take = [one.name for one in request.like], losses(context)("take")
    others = [
        sources.of_photo(prior, file, name, steps=steps, seed=request.seed, on_step=take)
        for file, name in zip(files, names, strict=True)
    ]

    def applied(w: Tensor, changes: Sequence[PartChange]) -> Tensor:
        for change in changes:
            w = _changed(own, controls, w, change, others, names)
        return w

    return applied


def _made(
    request: Compose,
    record: PersonaRecord,
    person: WarmPersona,
    photo: OpenedPhoto | None,
    target: dict[str, float],
    stop: Stop,
    before: Made,
    after: Made,
) -> Delivered:
    """The picture of one stop, with its report."""
    parts = composed.parts_of(person.model.prior.generator, person.model.prior.name).config
    if photo is None:
        [made] = portraits(person, after.image, requested=[request.values], targets=[target], seed=request.seed)
    else:
        face = _edited(request, photo, parts, stop, before, after)
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
    return made


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
    elif change.draws:
        source = sources.nobody(own, change.draws[-1], w.shape[1])
    if source is not None:
        w = taken(own.config, w, source, [change.part], shape=change.shape, texture=change.texture)
    return w if controls is None else controls.set(own.config, w, change.part, change.values)


def _edited(
    request: Compose, photo: OpenedPhoto, config: PartsConfig, stop: Stop, before: Made, after: Made
) -> EditedFace:
    """The photo's pixels, carried to where the picture has them, with what was changed off the face. On the way there the generator's
    pixels come in by and by, as long as a part does not begin as another's."""
    was, now = seen([to_uint8(made.image)[0] for made in (before, after)])
    face = carried(photo.scene, motion(was, now))
    taken_over = [change for change in request.changes if change.like is not None or change.draws]
    from_the_first = {change.part for change in taken_over if change.shape and len(change.draws) > 1}
    others = {change.part for change in taken_over if change.shape} - from_the_first
    others |= {*stop.composition.without, *stop.composition.moved, *stop.composition.scaled} - from_the_first
    toned = {change.part for change in request.changes} - others - from_the_first
    face = dyed(face, photo.scene, config, before, after, sorted(toned))
    face = painted(face, photo.scene, config, before, after, sorted(from_the_first))
    amount = min(1.0, stop.share / COMES_IN)
    return painted(face, photo.scene, config, before, after, sorted(others), amount)
