"""More photos of a person who was learnt before -> the persona, better. It resumes from the persona, so it takes a quarter of the steps.

The photos of before are not looked at again: the persona's own pictures of them stand in, so that little is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from portraitist.requests import AddPhotos, Photo
from portraitist.results import PersonaRecord, PhotoVerdict

from ..faces.attributes import as_dict, load_attributes
from ..faces.image_io import to_uint8
from ..faces.intake import ENOUGH_PHOTOS, Known, check_photos
from ..faces.perceptual import load_perceptual
from ..faces.verdicts import too_few
from ..inversion.reconstruction import Reconstruction
from ..persona import kept_detail
from ..persona.judge import versions
from ..persona.model import PersonaModel
from ..persona.presets import PRESETS
from ..persona.rendering import render
from ..persona.tuning import Tuning
from ..precision import optimisation_dtype
from . import learning
from .checkpoint import Checkpoint
from .context import Context
from .progress import Stages

SHARE = 0.25  # of the steps that the preset tunes a new persona for


def run(request: AddPhotos, context: Context) -> PersonaRecord:
    """The persona's new record. Raises PhotosUnusable when no photo is the person's and new, InvalidRequest, PriorUnavailable,
    StorageError; JobCancelled through `on_step`."""
    clock = Stages(context)
    record = context.persona(request.persona_id)
    model = PersonaModel.from_bytes(context.blob(record.weights), context.priors)
    prior, preset = model.prior, PRESETS[record.preset]
    checkpoint = Checkpoint(context)
    before = stand_ins(model, record)
    shown = attributes_of(before, record)

    photos, keep = told_apart(request, record)
    known = Known(model.photos, model.embeddings.cpu().numpy(), to_uint8(before.photos), shown)
    sources = learning.sources(photos, context)
    on_photo = clock.photos("intake")
    on_photo(0, len(sources))  # the first may take long
    given = {photo.name: asked.name for photo, asked in zip(photos, request.photos, strict=True)}
    intake = check_photos(
        sources, side=prior.resolution, on_step=on_photo, minimum=1, keep=keep, known=known, given=given
    )
    new = learning.Seen.of(intake.accepted)
    values = torch.cat(
        [values_before(model, record.attributes, shown), learning.attribute_values(record.attributes, photos, new)]
    )

    added, dtype = checkpoint.get("anchors"), checkpoint.get("dtype") or optimisation_dtype()
    loss = Reconstruction(load_perceptual(), seed=request.seed, dtype=dtype)
    if added is None:
        added = learning.invert(prior, model.generator, new, loss, preset, clock, dtype)
        checkpoint.put(anchors=added, dtype=dtype)

    embeddings = torch.cat([model.embeddings, new.embeddings])
    schedule = preset.tuning_at(prior.resolution)
    tuning = Tuning(
        model.generator,
        torch.cat([before.photos, new.photos]),
        torch.cat([model.anchors, added]),
        values,
        learning.build_organizer(record.organizer, record.attributes, prior),
        loss,
        replace(schedule, steps=round(SHARE * schedule.steps)),
        w_std=prior.w_std,
        known=torch.cat([before.attended, new.attended]),
        counts=torch.cat([before.counts, new.counts]),
        views=learning.views(prior, new, added, embeddings, request.seed, dtype),
        seed=request.seed,
        dtype=dtype,
    )
    generator, anchors, axes = checkpoint.run(tuning, clock.steps("tune"))
    detail = model.detail and (*model.detail, *kept_detail.kept(new.close))
    model = learning.calibrate(prior, generator, anchors, axes, embeddings, before.names + new.names, clock)
    model = replace(model, detail=detail)
    still = [w for w in record.warnings if w not in too_few(shown, ENOUGH_PHOTOS)]
    return learning.packed(
        model,
        values,
        new,
        context,
        clock,
        persona_id=record.persona_id,
        name=record.name,
        organizer=record.organizer,
        preset=record.preset,
        attributes=record.attributes,
        photos=[*record.photos, *intake.verdicts],
        warnings=[*still, *intake.warnings],
        seed=request.seed,
        versions=versions(dtype),
    )


@torch.no_grad()
def stand_ins(model: PersonaModel, record: PersonaRecord) -> learning.Seen:
    """The persona's own pictures of the photos that it was learnt from; they count as the photos did."""
    pictures = render(model.generator, model.anchors).clamp(-1, 1)
    weights = {v.name: v.weight for v in record.photos if v.accepted}
    counts = torch.tensor([weights.get(name, 1.0) for name in model.photos]).to(pictures)
    return learning.Seen(pictures, torch.ones_like(pictures[:, :1]), counts, model.photos)


@torch.no_grad()
def attributes_of(before: learning.Seen, record: PersonaRecord) -> list[dict[str, float]]:
    """What the photos of before show: as their verdicts say, else as measured on the pictures that stand in."""
    estimator = load_attributes()
    measured = [as_dict(estimator, row) for part in before.photos.split(16) for row in estimator(part)[0]]
    verdicts: dict[str, PhotoVerdict] = {v.name: v for v in record.photos if v.accepted}
    return [
        found | (verdicts[name].attributes if name in verdicts else {})
        for name, found in zip(before.names, measured, strict=True)
    ]


def values_before(model: PersonaModel, attributes: Sequence[str], shown: list[dict[str, float]]) -> Tensor:
    """Values [N, M] of the photos of before. Of the app's own attributes, where the anchors lie on their axes."""
    coordinates = model.axes.coordinates(model.anchors)
    columns = [
        coordinates[:, model.axes.names.index(a)].tolist() if a not in shown[0] else [row[a] for row in shown]
        for a in attributes
    ]
    return torch.tensor(columns).T.contiguous().to(model.anchors)


def told_apart(request: AddPhotos, record: PersonaRecord) -> tuple[list[Photo], list[str]]:
    """The photos and those to keep, called otherwise where the persona knows a photo of that name."""
    taken = {v.name for v in record.photos}
    names = {}
    for photo in request.photos:
        number, names[photo.name] = 2, photo.name
        while names[photo.name] in taken:
            number, names[photo.name] = number + 1, f"{photo.name} ({number})"
        taken.add(names[photo.name])
    return [p.model_copy(update={"name": names[p.name]}) for p in request.photos], [
        names[name] for name in request.keep if name in names
    ]
