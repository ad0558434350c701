"""An edited face back into its photo: the photo's own background behind it, marked, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from portraitist.results import PictureReport, Reach

from ..faces import image_io
from ..faces.align import crop
from ..faces.paste import paste
from ..persona.warm import WarmPersona
from ..provenance.marking import mark_part, mark_portrait
from ..provenance.origin import MarkedImage
from .carrying import edited_face
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
    follow: Sequence[dict[str, float]] | None = None,
) -> list[Delivered]:
    """One per row of w [B, num_ws, D]. `follow`: what else was moved, and to which values."""
    subject, judge = photo.subject, person.judge
    pasted = [paste(subject.photo, subject.frame, edited_face(photo, row[None]), others=subject.others) for row in w]
    photo.faces.clear()  # large, and not wanted again
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
        follow=follow,
    )
    made = []
    for face, whole, report in zip(crops, pasted, reports, strict=True):
        marked = mark_part(whole.image, whole.mask)
        report.outside_change, report.mark = whole.outside_change, marked.score
        made.append(Delivered(marked, face, report))
    return made
