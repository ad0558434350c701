"""An edited face back into its photo: the photo's own background behind it, marked, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from portraitist.results import PictureReport, Reach

from ..detail.carry import carried
from ..detail.fields import SIDE
from ..detail.motion import motion, path_between
from ..faces import image_io
from ..faces.align import crop
from ..faces.backdrop import Heads, keep_backdrop
from ..faces.paste import Pasted, paste
from ..persona.rendering import render
from ..persona.warm import WarmPersona
from ..provenance.marking import mark_part, mark_portrait
from ..provenance.origin import MarkedImage
from .opening import OpenedPhoto


@dataclass(frozen=True, eq=False)
class Delivered:
    """The whole photo and the aligned face, both marked."""

    picture: MarkedImage
    crop: MarkedImage
    report: PictureReport


def delivered(
    person: WarmPersona,
    photo: OpenedPhoto,
    w: Tensor,
    *,
    requested: Sequence[dict[str, float]],
    targets: Sequence[dict[str, float]],
    reach: Sequence[Reach],
    seed: int,
) -> list[Delivered]:
    """One per row of w [B, num_ws, D]."""
    subject, judge = photo.subject, person.judge
    pasted = [placed(photo, row[None]) for row in w]
    side = subject.pixels.shape[-1]
    crops = [mark_portrait(crop(one.image, subject.frame, side)) for one in pasted]
    images = image_io.to_tensor(np.stack([c.pixels for c in crops])).to(w)  # what is handed out is what is judged
    reports = judge.reports(
        images,
        judge.attributes(images)[0],
        requested=requested,
        targets=targets,
        seed=seed,
        before=photo.measured,
        reach=reach,
    )
    made = []
    for face, whole, report in zip(crops, pasted, reports, strict=True):
        marked = mark_part(whole.image, whole.mask)
        report.outside_change, report.mark = whole.outside_change, marked.score
        made.append(Delivered(marked, face, report))
    return made


def placed(photo: OpenedPhoto, w: Tensor) -> Pasted:
    """The photo at the latent w [1, num_ws, D]: its own detail moved as the generator's picture moves on the way there, and not marked."""
    subject = photo.subject
    before, after = image_io.to_uint8(render(photo.generator, torch.cat([photo.w, w])))
    heads = Heads.find(before, after)
    after = keep_backdrop(after, before, heads)
    moved = motion(before, after, path_between(photo.generator, photo.w, w), heads)
    face = crop(subject.photo, subject.frame, SIDE)
    edited = carried(face, moved)
    heads = Heads.find(face, edited.shown.round().clip(0, 255).astype(np.uint8))
    return paste(subject.photo, subject.frame, edited, others=subject.others, heads=heads)
