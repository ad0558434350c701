"""The steps of learning a person, in the order in which they are taken: for a new persona, and for one that gets more photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import DownloadFailed, InvalidRequest
from portraitist.requests import Photo
from portraitist.results import PersonaRecord

from ..faces.attributes import load_attributes
from ..faces.geometry import bounded
from ..faces.identity import load_identity
from ..faces.image_io import to_tensor, to_uint8
from ..faces.intake import AcceptedPhoto, Source
from ..faces.perceptual import load_perceptual
from ..faces.weighing import head_first
from ..generator import Generator
from ..inversion.optimize import refine_w
from ..inversion.reconstruction import Reconstruction
from ..persona import organizers, reach
from ..persona.axes import Axes
from ..persona.control import Response, measure_response, solve
from ..persona.elsewhere import MOVED, Views
from ..persona.judge import Judge, identity_scores, leave_one_out
from ..persona.model import PersonaModel
from ..persona.presets import Preset
from ..persona.rendering import render
from ..priors import library
from ..provenance.marking import mark_portrait, sheet
from ..provenance.origin import MarkedImage, Origin
from .context import Context
from .progress import Stages


def sources(photos: Sequence[Photo], context: Context) -> list[Source]:
    """What intake takes."""
    return [(p.name, DownloadFailed(p.fault) if p.fault else context.blob(p.blob)) for p in photos]


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures to learn from: photos [N, 3, R, R]. known [N, 1, R, R] is 1 where their pixels are the person's or their surroundings'.
    counts [N] is how much each counts. close: N faces [C, C, 3] uint8 at the photos' own sizes."""

    photos: Tensor
    known: Tensor
    counts: Tensor
    names: tuple[str, ...]
    close: tuple[np.ndarray, ...] = ()

    @classmethod
    def of(cls, accepted: Sequence[AcceptedPhoto]) -> Seen:
        photos = to_tensor(np.stack([a.picture for a in accepted]))
        known = torch.from_numpy(np.stack([a.known for a in accepted]))[:, None].to(photos)
        return cls(
            photos,
            known,
            torch.tensor([a.weight for a in accepted]).to(photos),
            tuple(a.name for a in accepted),
            tuple(a.close for a in accepted),
        )

    @property
    def attended(self) -> Tensor:
        """[N, 1, R, R] how much each pixel counts."""
        return self.known * torch.from_numpy(head_first(self.photos.shape[-1])).to(self.photos)

    @property
    @torch.no_grad()
    def embeddings(self) -> Tensor:
        """[N, E] unit vectors: who it is."""
        return torch.cat([load_identity()(part) for part in self.photos.split(16)])

    @cached_property
    @torch.no_grad()
    def measured(self) -> Tensor:
        """[N, A] what the photos show, by `load_attributes`."""
        return load_attributes()(self.photos)[0]


@torch.no_grad()
def attribute_values(attributes: Sequence[str], photos: Sequence[Photo], seen: Seen) -> Tensor:
    """Values [N, M]: the app's own labels where it gave them with `photos`, else the attribute network's estimates."""
    estimator = load_attributes()
    estimates = bounded(seen.measured)
    labels = {p.name: p.labels for p in photos}
    columns = []
    for attribute in attributes:
        column = []
        for n, name in enumerate(seen.names):
            if attribute in labels.get(name, {}):
                column.append(labels[name][attribute])
            elif attribute in estimator.names:
                column.append(float(estimates[n, estimator.names.index(attribute)]))
            else:
                raise InvalidRequest(
                    f"photo {name!r} has no value for the custom attribute {attribute!r}: pass labels={{{name!r}: "
                    f"{{{attribute!r}: ...}}}} for every photo",
                    param=name,
                )
        columns.append(column)
    return torch.tensor(columns).T.contiguous().to(seen.photos)


def invert(
    prior: library.Prior,
    generator: Generator,
    seen: Seen,
    loss: Reconstruction,
    preset: Preset,
    clock: Stages,
    dtype: torch.dtype,
) -> Tensor:
    """Anchors [N, D]: the encoder's w, moved until `generator`'s picture has the photo's attributes, then refined."""
    with torch.no_grad():
        start = torch.cat([prior.encoder(part) for part in seen.photos.split(16)])
        start = match_attributes(prior, generator, start, seen.measured, dtype)
    return refine_w(
        generator,
        seen.photos,
        start,
        loss,
        steps=preset.invert_steps,
        w_std=prior.w_std,
        known=seen.known,
        dtype=dtype,
        on_step=clock.steps("invert"),
    )


def match_attributes(
    prior: library.Prior, generator: Generator, w: Tensor, values: Tensor, dtype: torch.dtype
) -> Tensor:
    """w [N, D] moved along the prior's directions until `generator`'s pictures measure `values` [N, A].

    An encoder plays safe with what is hard to see; a smile it halved would be learnt as half a smile.
    """
    estimator = load_attributes()

    def measure(latents: Tensor) -> Tensor:
        return estimator(render(generator, latents, dtype=dtype))[0]

    response = measure_response(estimator.names, prior.steps_for(estimator.names), probes(w), measure)
    return solve(w, values, values, response, measure, more=0).w


def probes(w: Tensor) -> Tensor:
    """Up to eight of the latents w [N, D]: enough to see how pictures answer to a step."""
    return w[:: max(1, len(w) // 8)][:8]


def build_organizer(name: str, attributes: Sequence[str], prior: library.Prior) -> organizers.Organizer:
    affines = [layer.affine.weight for layer in prior.generator.layers()]
    return organizers.build(name, tuple(attributes), prior.steps_for(tuple(attributes)), prior.nuisance, affines)


@torch.no_grad()
def views(
    prior: library.Prior, seen: Seen, anchors: Tensor, embeddings: Tensor, seed: int, dtype: torch.dtype
) -> Views | None:
    """The person where no photo is, from the photos whose latents are `anchors` [N, D]; they are the last of those with `embeddings`."""
    names = load_attributes().names
    measured = seen.measured[:, [names.index(name) for name in MOVED]]
    return Views.of(
        seen.photos,
        measured,
        anchors,
        prior.generator,
        prior.steps_for(MOVED),
        known=seen.known,
        counts=seen.counts,
        identity=load_identity(),
        embeddings=embeddings,
        seed=seed,
        first=len(embeddings) - len(anchors),
        dtype=dtype,
    )


@torch.no_grad()
def calibrate(
    prior: library.Prior,
    generator: Generator,
    anchors: Tensor,
    axes: Axes,
    embeddings: Tensor,
    names: tuple[str, ...],
    clock: Stages,
) -> PersonaModel:
    """Measures how the person's pictures answer to steps along every axis. embeddings [N, E] and names: of the photos."""
    clock.steps("calibrate")(0, 1, 0.0)
    estimator = load_attributes()
    known = dict(zip(prior.attributes, prior.steps, strict=True)) | dict(zip(axes.names, axes.steps, strict=True))
    steps = torch.stack([known[n] for n in estimator.names])
    response: Response = measure_response(
        estimator.names, steps, probes(anchors), lambda w: estimator(render(generator, w))[0]
    )
    return PersonaModel(prior, generator, anchors, axes, response, embeddings, load_identity().name, names)


def packed(
    model: PersonaModel, values: Tensor, seen: Seen, context: Context, clock: Stages, **told: Any
) -> PersonaRecord:
    """Stores the model, and tells how good it is. values [N, M]: of all its photos; `seen`: the last of them, which are at hand.

    `told`: the fields of the record that nobody has to measure.
    """
    # What is evaluated and handed out is what is stored: the delta after quantisation.
    weights = model.to_bytes()
    model = PersonaModel.from_bytes(weights, context.priors)
    clock.steps("evaluate")(0, 1, 0.0)
    judge = Judge(model)
    figures, preview = evaluate(model, judge.anchor_images[-len(seen.photos) :], seen)
    reaches = reach.measured(reach.of_photos(told["attributes"], values.tolist()), model, judge)
    figures["persona_bytes"] = len(weights)
    clock.finish("package")
    return PersonaRecord(
        prior=model.prior.reference,
        reach=reaches,
        figures={k: round(float(v), 4) for k, v in {**figures, **clock.seconds()}.items()},
        networks={
            "attributes": load_attributes().name,
            "identity": load_identity().name,
            "perceptual": load_perceptual().name,
        },
        weights=context.put(weights),
        preview=context.put_picture(preview, Origin("create")),
        **told,
    )


@torch.no_grad()
def evaluate(model: PersonaModel, images: Tensor, seen: Seen) -> tuple[dict[str, float], MarkedImage]:
    """How well `images` [N, 3, R, R] reproduce the photos, and a sheet with each photo above its reproduction."""
    photos, known = seen.photos, seen.known
    fitted = torch.lerp(photos, images, known)  # what is not known cannot be wrong
    distance, identity = load_perceptual(), load_identity()
    mse = (fitted.clamp(-1, 1) - photos).square().flatten(1).sum(1) / (3 * known.flatten(1).sum(1).clamp(min=1))
    figures = {
        "perceptual": torch.cat(
            [distance(a, b) for a, b in zip(fitted.split(16), photos.split(16), strict=True)]
        ).mean(),
        "psnr": (10 * torch.log10(4 / mse)).mean(),
        "identity": identity_scores(identity(images), model.embeddings).mean(),
        "identity_photos": leave_one_out(model.embeddings).mean(),
    }
    shown = min(len(photos), 12)
    reproductions = [mark_portrait(pixels, on_sheet=True) for pixels in to_uint8(images[:shown])]
    preview = sheet([*to_uint8(photos[:shown]), *reproductions], shown, gap=0)
    return {k: float(v) for k, v in figures.items()}, preview
