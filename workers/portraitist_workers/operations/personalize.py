"""Photos of one person -> a persona. The main path: check, invert, organise and tune, calibrate, evaluate, package."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import DownloadFailed, InvalidRequest
from portraitist.requests import CreatePersona
from portraitist.results import PersonaRecord

from ..faces.attributes import bounded, load_attributes
from ..faces.identity import load_identity
from ..faces.image_io import to_tensor, to_uint8
from ..faces.intake import check_photos
from ..faces.perceptual import load_perceptual
from ..faces.weighing import head_first
from ..inversion.optimize import refine_w
from ..inversion.reconstruction import Reconstruction
from ..persona import organizers, reach
from ..persona.axes import Axes
from ..persona.control import Response, measure_response, solve
from ..persona.elsewhere import MOVED, Views
from ..persona.judge import identity_scores, judge_for, leave_one_out, versions
from ..persona.model import PersonaModel, render
from ..persona.presets import PRESETS, Preset
from ..persona.tuning import Tuning
from ..precision import optimisation_dtype
from ..priors import library
from ..provenance.marking import mark_portrait, sheet
from ..provenance.origin import MarkedImage, Origin
from .checkpoint import Checkpoint
from .context import Context
from .progress import Stages

DEFAULT_ORGANIZER = "regression"  # least leakage at 8, 16 and 40 photos: docs/benchmarks/personalize-*photos.md


def run(request: CreatePersona, context: Context) -> PersonaRecord:
    """Raises PhotosUnusable, InvalidRequest, PriorUnavailable, StorageError; JobCancelled through `on_step`."""
    clock = Stages(context)
    prior = library.load(request.prior)
    preset = PRESETS[request.preset]
    checkpoint = Checkpoint(context)

    sources = [(p.name, DownloadFailed(p.fault) if p.fault else context.blob(p.blob)) for p in request.photos]
    on_photo = clock.steps("intake")
    on_photo(0, len(sources))  # the first may take long
    intake = check_photos(sources, side=prior.resolution, on_step=on_photo, person=request.person, keep=request.keep)
    photos = to_tensor(np.stack([a.picture for a in intake.accepted]))  # [N, 3, R, R]
    known = torch.from_numpy(np.stack([a.known for a in intake.accepted]))[:, None].to(photos)  # [N, 1, R, R]
    attended = known * torch.from_numpy(head_first(prior.resolution)).to(photos)
    counts = torch.tensor([a.weight for a in intake.accepted]).to(photos)
    names = tuple(a.name for a in intake.accepted)
    values = attribute_values(request, photos, names)  # [N, M]

    loss = Reconstruction(load_perceptual(), seed=request.seed)
    anchors, dtype = checkpoint.get("anchors"), checkpoint.get("dtype") or optimisation_dtype()
    if anchors is None:
        anchors = invert(prior, photos, known, loss, preset, clock, dtype)
        checkpoint.put(anchors=anchors, dtype=dtype)  # which another kind of processor would choose otherwise

    tuning = make_tuning(request, prior, photos, anchors, values, loss, preset, known=attended, counts=counts, dtype=dtype)
    if (state := checkpoint.get("tuning")) is not None:
        tuning.load(state)
    generator, anchors, axes = tuning.run(checkpoint.every(tuning, anchors, clock.steps("tune")))

    model = calibrate(prior, generator, anchors, axes, photos, names, clock)
    # What is evaluated and handed out is what is stored: the delta after quantisation.
    weights = model.to_bytes()
    model = PersonaModel.from_bytes(weights)
    figures, preview = evaluate(model, photos, known, clock)
    reaches = reach.measured(reach.of_photos(request.attributes, values.tolist()), model, judge_for(model))
    figures["persona_bytes"] = len(weights)
    clock.finish("package")
    return PersonaRecord(
        persona_id=request.persona_id, name=request.name, prior=prior.reference, organizer=organizer_name(request),
        preset=request.preset, attributes=list(request.attributes), photos=intake.verdicts,
        reach=reaches, warnings=intake.warnings,
        figures={k: round(float(v), 4) for k, v in {**figures, **clock.seconds()}.items()},
        networks={"attributes": load_attributes().name, "identity": load_identity().name, "perceptual": load_perceptual().name},
        versions=versions(dtype), seed=request.seed, weights=context.put(weights), preview=context.put_picture(preview, Origin("create")),
    )


def organizer_name(request: CreatePersona) -> str:
    return DEFAULT_ORGANIZER if request.organizer == "auto" else request.organizer


@torch.no_grad()
def attribute_values(request: CreatePersona, photos: Tensor, names: tuple[str, ...]) -> Tensor:
    """Values [N, M]: the app's own labels where it gave them, else the attribute network's estimates."""
    estimator = load_attributes()
    estimates = bounded(estimator.names, estimator(photos)[0])
    labels = {p.name: p.labels for p in request.photos}
    columns = []
    for attribute in request.attributes:
        column = []
        for n, name in enumerate(names):
            if attribute in labels.get(name, {}):
                column.append(labels[name][attribute])
            elif attribute in estimator.names:
                column.append(float(estimates[n, estimator.names.index(attribute)]))
            else:
                raise InvalidRequest(
                    f"photo {name!r} has no value for the custom attribute {attribute!r}: pass labels={{{name!r}: "
                    f"{{{attribute!r}: ...}}}} for every photo", param=name,
                )
        columns.append(column)
    return torch.tensor(columns).T.contiguous().to(photos)


def invert(prior: library.Prior, photos: Tensor, known: Tensor, loss: Reconstruction, preset: Preset, clock: Stages,
           dtype: torch.dtype) -> Tensor:
    """Anchors [N, D]: the encoder's w, moved until the prior's picture has the photo's attributes, then refined."""
    with torch.no_grad():
        start = torch.cat([prior.encoder(part) for part in photos.split(16)])
        start = match_attributes(prior, start, load_attributes()(photos)[0])
    return refine_w(prior.generator, photos, start, loss, steps=preset.invert_steps, w_std=prior.w_std, known=known,
                    dtype=dtype, on_step=clock.steps("invert"))


def match_attributes(prior: library.Prior, w: Tensor, values: Tensor) -> Tensor:
    """w [N, D] moved along the prior's directions until its pictures measure `values` [N, A].

    An encoder plays safe with what is hard to see; a smile it halved would be learnt as half a smile.
    """
    estimator = load_attributes()

    def measure(latents: Tensor) -> Tensor:
        return estimator(render(prior.generator, latents))[0]

    response = measure_response(estimator.names, prior.steps_for(estimator.names), w, measure)
    return solve(w, values, values, response, measure).w


def make_tuning(request: CreatePersona, prior: library.Prior, photos: Tensor, anchors: Tensor, values: Tensor,
                loss: Reconstruction, preset: Preset, *, known: Tensor, counts: Tensor, dtype: torch.dtype) -> Tuning:
    names = tuple(request.attributes)
    affines = [p for n, p in prior.generator.synthesis.named_parameters() if n.endswith("affine.weight")]
    organizer = organizers.build(organizer_name(request), names, prior.steps_for(names), prior.sitting, affines)
    estimator = load_attributes()
    with torch.no_grad():
        measured = estimator(photos)[0][:, [estimator.names.index(name) for name in MOVED]]
    views = Views.of(photos, measured, anchors, prior.generator, prior.steps_for(MOVED), counts=counts, identity=load_identity(),
                     seed=request.seed)
    return Tuning(prior.generator, photos, anchors, values, organizer, loss, preset.tuning_at(prior.resolution),
                  w_std=prior.w_std, known=known, counts=counts, views=views, seed=request.seed, dtype=dtype)


@torch.no_grad()
def calibrate(prior: library.Prior, generator, anchors: Tensor, axes: Axes, photos: Tensor, names: tuple[str, ...],
              clock: Stages) -> PersonaModel:
    """Measures how the person's pictures answer to steps along every axis."""
    clock.steps("calibrate")(0, 1, 0.0)
    estimator, identity = load_attributes(), load_identity()
    known = dict(zip(prior.attributes, prior.steps, strict=True)) | dict(zip(axes.names, axes.steps, strict=True))
    steps = torch.stack([known[n] for n in estimator.names])
    probes = anchors[:: max(1, len(anchors) // 8)][:8]
    response: Response = measure_response(estimator.names, steps, probes, lambda w: estimator(render(generator, w))[0])
    return PersonaModel(prior, generator, anchors, axes, response, identity(photos), identity.name, names)


@torch.no_grad()
def evaluate(model: PersonaModel, photos: Tensor, known: Tensor, clock: Stages) -> tuple[dict[str, float], MarkedImage]:
    """How well the photos are reproduced, and a sheet with each photo above its reproduction."""
    clock.steps("evaluate")(0, 1, 0.0)
    images = render(model.generator, model.anchors)
    fitted = torch.lerp(photos, images, known)  # what is not known cannot be wrong
    distance, identity = load_perceptual(), load_identity()
    mse = (fitted.clamp(-1, 1) - photos).square().flatten(1).sum(1) / (3 * known.flatten(1).sum(1).clamp(min=1))
    scale = leave_one_out(model.embeddings)
    figures = {
        "perceptual": torch.cat([distance(a, b) for a, b in zip(fitted.split(16), photos.split(16), strict=True)]).mean(),
        "psnr": (10 * torch.log10(4 / mse)).mean(),
        "identity": identity_scores(identity(images), model.embeddings).mean(),
        "identity_photos": scale.mean(),
    }
    shown = min(len(photos), 12)
    reproductions = [mark_portrait(pixels, on_sheet=True) for pixels in to_uint8(images[:shown])]
    preview = sheet([*to_uint8(photos[:shown]), *reproductions], shown, gap=0)
    return {k: float(v) for k, v in figures.items()}, preview
