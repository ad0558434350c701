"""Photos of one person -> a persona. The main path: check, invert, organise and tune, calibrate, evaluate, package.

Each step is a function of `learning.py`, where `add.py` finds them, too.
"""

from __future__ import annotations

from dataclasses import replace

from portraitist.requests import CreatePersona
from portraitist.results import PersonaRecord

from ..faces.intake import check_photos
from ..faces.perceptual import load_perceptual
from ..inversion.reconstruction import Reconstruction
from ..persona import kept_detail
from ..persona.judge import versions
from ..persona.presets import PRESETS
from ..persona.tuning import Tuning
from ..precision import optimisation_dtype
from ..priors import library
from . import anybody, learning
from .checkpoint import Checkpoint
from .context import Context
from .progress import Stages

DEFAULT_ORGANIZER = "regression"  # least leakage at 8, 16 and 40 photos: docs/benchmarks/personalize-*photos.md


def run(request: CreatePersona, context: Context) -> PersonaRecord:
    """Raises PhotosUnusable, InvalidRequest, PriorUnavailable, StorageError; JobCancelled through `on_step`."""
    if request.nobody:
        return anybody.run(request, context)
    clock = Stages(context)
    prior = library.load(request.prior, home=context.priors)
    preset = PRESETS[request.preset]
    checkpoint = Checkpoint(context)

    sources = learning.sources(request.photos, context)
    on_photo = clock.photos("intake")
    on_photo(0, len(sources))  # the first may take long
    intake = check_photos(sources, side=prior.resolution, on_step=on_photo, person=request.person, keep=request.keep)
    seen = learning.Seen.of(intake.accepted)
    values = learning.attribute_values(request.attributes, request.photos, seen)  # [N, M]
    embeddings = seen.embeddings

    anchors, dtype = checkpoint.get("anchors"), checkpoint.get("dtype") or optimisation_dtype()
    loss = Reconstruction(load_perceptual(), seed=request.seed, dtype=dtype)
    if anchors is None:
        anchors = learning.invert(prior, prior.generator, seen, loss, preset, clock, dtype)
        checkpoint.put(anchors=anchors, dtype=dtype)  # which another kind of processor would choose otherwise

    organizer = DEFAULT_ORGANIZER if request.organizer == "auto" else request.organizer
    tuning = Tuning(
        prior.generator,
        seen.photos,
        anchors,
        values,
        learning.build_organizer(organizer, request.attributes, prior),
        loss,
        preset.tuning_at(prior.resolution),
        w_std=prior.w_std,
        known=seen.attended,
        counts=seen.counts,
        views=learning.views(prior, seen, anchors, embeddings, request.seed, dtype),
        seed=request.seed,
        dtype=dtype,
    )
    generator, anchors, axes = checkpoint.run(tuning, clock.steps("tune"))
    model = learning.calibrate(prior, generator, anchors, axes, embeddings, seen.names, clock)
    if request.detail:
        model = replace(model, detail=kept_detail.kept(seen.close))
    return learning.packed(
        model,
        values,
        seen,
        context,
        clock,
        persona_id=request.persona_id,
        name=request.name,
        organizer=organizer,
        preset=request.preset,
        attributes=list(request.attributes),
        photos=intake.verdicts,
        warnings=intake.warnings,
        seed=request.seed,
        versions=versions(dtype),
    )
