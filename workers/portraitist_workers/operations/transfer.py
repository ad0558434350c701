"""A part of the face from another photo of the same person: the best take of two."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from torch import Tensor

from portraitist.requests import Transfer
from portraitist.results import PictureResult, Pictures

from ..collage.interpolation import Mask
from ..collage.meeting import in_tone_of, met
from ..collage.regions import region
from ..collage.weights import of_image
from ..editing.delivery import delivered
from ..faces.align import resample
from ..persona.warm import PERSONAS
from ..provenance.origin import Origin
from .blend import open_both
from .context import Context

_SHOWS = {"smile": ("smile", "mouth_open"), "eyes": ("eyes_open",)}  # attributes that the region decides


def run(request: Transfer, context: Context) -> Pictures:
    """Outside the region the photo stays, bit for bit. Raises InvalidImage, FaceNotFound."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    photo, like, file = open_both(request.photo, request.like, person, request.seed, context)

    def mask_of(images: Tensor) -> Mask:
        return of_image(request.strength * region(images, request.region))

    both = met(person, photo, like, mask_of, positions=None, exact=True)
    share, theirs = both.share[..., None], in_tone_of(both.mine.shown, both.theirs.shown, both.share)
    face = replace(
        both.mine,
        plain=both.mine.plain + share * (theirs - both.mine.plain),
        trust=both.mine.trust * (1 - both.share),
        grain=both.mine.grain * (1 - both.share),
    )
    height, width = photo.subject.photo.shape[:2]
    inside = resample(both.share, photo.subject.frame.to_crop(len(both.share)), (width, height), border=0)
    names = person.judge.attributes.names
    wanted = {n: float(like.measured[names.index(n)]) for n in _SHOWS.get(request.region, ()) if n in names}
    made = delivered(
        person,
        photo,
        [face],
        requested=[wanted],
        targets=[wanted],
        reach=record.reach,
        seed=request.seed,
        fixed=(inside <= 0).astype(np.float32),
    )[0]
    made.report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin("transfer", file)
    blob, aligned = context.put_picture(made.picture, origin), context.put_picture(made.crop, origin)
    return Pictures(pictures=[PictureResult(blob=blob, crop=aligned, report=made.report)], seconds=made.report.seconds)
