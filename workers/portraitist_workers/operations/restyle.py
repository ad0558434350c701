"""A photo of the person, or a new portrait, in a style."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from portraitist.errors import FaceNotFound, InvalidRequest
from portraitist.requests import Photo, Restyle
from portraitist.results import PictureReport, PictureResult, Pictures, Progress
from portraitist.styles.library import weights_of

from ..collage.meeting import in_tone_of
from ..detail.fields import SIDE, resized
from ..editing.delivery import delivered
from ..editing.opening import OpenedPhoto, opened
from ..faces import image_io
from ..faces.align import crop, resample
from ..faces.edited import EditedFace
from ..faces.image_io import at_side, to_tensor, to_uint8
from ..persona.presets import PRESETS
from ..persona.warm import PERSONAS, WarmPersona
from ..priors.library import Prior
from ..provenance.marking import mark_portrait
from ..provenance.origin import MarkedImage, Origin
from ..styles.delta import put_on
from ..styles.worn import Worn, worn
from .context import Context
from .progress import losses
from .style import aligned
from .synthesize import draw

_ON_SKIN = ("eyes", "smile", "nose")  # regions whose tone meets the photo's around them


@dataclass(frozen=True, eq=False)
class _Made:
    picture: MarkedImage
    report: PictureReport
    crop: MarkedImage | None = None


def run(request: Restyle, context: Context) -> Pictures:
    """Raises InvalidImage, FaceNotFound, NotFound (no such style), InvalidRequest (a style of another prior, a region without a photo,
    colours for a generator that takes none)."""
    begun = time.monotonic()
    if request.region is not None and request.photo is None:
        raise InvalidRequest("a region is of a photo; give one, or leave the region out", param="region")
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    prior = person.model.prior
    style = weights_of(context.styles, request.style, prior.name, prior.sha256)
    context.on_step(Progress(stage="restyle", step=0, steps=1))
    others = () if request.like is None else (context.blob(request.like.blob),)

    if request.photo is None:
        origin = Origin("restyle", None, others)
        w, own = draw(person.model, 1, request.seed, shared=False), person.model.generator
    else:
        file = context.blob(request.photo.blob)
        origin = Origin("restyle", file, others)
        photo = _opened(request.photo, file, request, person, record.preset, context)
        w, own = photo.w, photo.generator
    both = worn(
        own,
        put_on(style, own, prior.generator),
        w,
        strength=request.strength,
        part=request.region,
        colours=None if request.like is None else _seen(request.like, prior, context),
    )
    if request.region is None:
        made = _portrait(both, person, request.seed)
        made.report.warnings += photo.subject.stranger if request.photo else []
    else:
        made = _pasted(both, photo, person, request, record.reach)
    made.report.seconds = round(time.monotonic() - begun, 3)
    blob = context.put_picture(made.picture, origin)
    aligned = None if made.crop is None else context.put_picture(made.crop, origin)
    return Pictures(pictures=[PictureResult(blob=blob, crop=aligned, report=made.report)], seconds=made.report.seconds)


def _opened(
    photo: Photo, file: bytes, request: Restyle, person: WarmPersona, preset: str, context: Context
) -> OpenedPhoto:
    tuned = PRESETS[preset] if request.preset == "best" else None
    return opened(
        person, file, photo.name, tuned, space="w_plus", seed=request.seed, on_stage=losses(context), face=request.face
    )


@torch.no_grad()
def _seen(like: Photo, prior: Prior, context: Context) -> Tensor:
    """[1, D]: where the encoder sees the face of a picture, drawn or not. Raises InvalidImage, FaceNotFound."""
    face = aligned(image_io.decode(context.blob(like.blob), like.name), prior.resolution)
    if isinstance(face, str):
        raise FaceNotFound(
            f"{like.name}: {face}; give a picture of one face, from the front or half turned", param="like"
        )
    return prior.encoder(to_tensor(face[None]).to(prior.w_std))


def _portrait(both: Worn, person: WarmPersona, seed: int) -> _Made:
    """The aligned face alone, as large as what photos are moved at."""
    side = max(SIDE, both.image.shape[-1])
    marked = mark_portrait(resized(to_uint8(both.image)[0], side))
    image = at_side(
        to_tensor(marked.pixels).to(both.image), person.model.generator.resolution
    )  # what is handed out is judged
    report = person.judge.reports(image, person.judge.attributes(image)[0], requested=[{}], targets=[{}], seed=seed)[0]
    report.mark = marked.score
    return _Made(marked, report)


def _pasted(both: Worn, photo: OpenedPhoto, person: WarmPersona, request: Restyle, reach: list) -> _Made:
    """The region within the photo, whose other pixels stay, bit for bit."""
    own = crop(photo.subject.photo, photo.subject.frame, SIDE).astype(np.float32)
    styled = resized(to_uint8(both.image)[0], SIDE).astype(np.float32)
    share = resized(both.where[0, 0].cpu().numpy(), SIDE).clip(0, 1)
    if request.region in _ON_SKIN:
        styled = in_tone_of(own, styled, share)
    nothing = np.zeros((SIDE, SIDE), np.float32)
    face = EditedFace(
        plain=own + share[..., None] * (styled - own),
        change=np.zeros_like(own),
        trust=1 - share,
        source=np.zeros((SIDE, SIDE, 2), np.float32),
        grain=nothing,
        moved=own,
    )
    height, width = photo.subject.photo.shape[:2]
    inside = resample(share, photo.subject.frame.to_crop(SIDE), (width, height), border=0)
    fixed = (inside <= 0).astype(np.float32)
    made = delivered(person, photo, [face], requested=[{}], targets=[{}], reach=reach, seed=request.seed, fixed=fixed)[
        0
    ]
    return _Made(made.picture, made.report, made.crop)
