"""A part of the face, or what a mask marks, from another photo of the same person: the best take of two."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from torch import Tensor

from portraitist.masks import TAKEN
from portraitist.requests import Transfer
from portraitist.results import PictureResult, Pictures

from ..collage.interpolation import Mask
from ..collage.meeting import face_of, met
from ..collage.regions import painted, region
from ..collage.smile import smile_of
from ..collage.weights import of_image
from ..detail.hold import head_turn
from ..drag.canvas import read_mask
from ..editing.delivery import delivered
from ..faces.align import resample
from ..persona.warm import PERSONAS
from ..provenance.origin import Origin
from .blend import open_both
from .context import Context

_SHOWS = {"smile": ("smile", "mouth_open"), "eyes": ("eyes_open",)}  # attributes that the region decides
_TURNED = 20.0  # degrees between the heads: of the benchmark's 10 pairs beyond it 4 showed a patch, by eye; of the others none
TURNED = (
    "the two heads are turned by {:.0f} degrees from each other: a patch may show at nose or cheek. Look at it, or take photos of nearly "
    "the same pose"
)


def run(request: Transfer, context: Context) -> Pictures:
    """Outside the region, or where the mask is black, the photo stays, bit for bit. Raises InvalidImage, FaceNotFound, InvalidRequest."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    faces = request.face, request.like_face
    photo, like, files = open_both(request.photo, request.like, faces, person, request.seed, context)

    subject, own = photo.subject, None
    if request.mask is not None:
        own = read_mask(context.blob(request.mask), subject.photo, TAKEN)
        taken = painted(own, subject.frame).to(photo.w)

    def mask_of(images: Tensor) -> Mask:
        return of_image(request.strength * (taken if own is not None else region(images, str(request.region))))

    if request.region == "smile":
        both = smile_of(person, photo, like, mask_of, name=request.like.name, strength=request.strength)
    else:
        both = met(person, photo, like, mask_of, positions=None, exact=True)
        if own is None:
            seen = both.share * face_of(both.theirs)
            both = replace(both, where=seen, share=seen)
    height, width = subject.photo.shape[:2]
    inside = resample(both.where, subject.frame.to_crop(len(both.where)), (width, height), border=0)
    if own is not None:
        inside = inside * own
    names = person.judge.attributes.names
    wanted = {n: float(like.measured[names.index(n)]) for n in _SHOWS.get(request.region or "", ()) if n in names}
    made = delivered(
        person,
        photo,
        [both.face],
        requested=[wanted],
        targets=[wanted],
        reach=record.reach,
        seed=request.seed,
        fixed=(inside <= 0).astype(np.float32),
    )[0]
    made.report.warnings += like.subject.stranger
    turned = head_turn(photo.scene.points, like.scene.points).degrees
    if turned > _TURNED and request.region != "smile":  # of a smile no skin is taken there
        made.report.warnings.append(TURNED.format(turned))
    made.report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin("transfer", files[0], (files[1],))
    blob, aligned = context.put_picture(made.picture, origin), context.put_picture(made.crop, origin)
    return Pictures(pictures=[PictureResult(blob=blob, crop=aligned, report=made.report)], seconds=made.report.seconds)
