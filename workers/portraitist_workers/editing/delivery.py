"""An edited face back into its photo: the photo's own background behind it, marked, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from portraitist.results import PictureReport, Reach

from ..beside import beside
from ..faces import image_io
from ..faces.align import crop
from ..faces.edited import EditedFace
from ..faces.paste import Pasted, paste
from ..persona.judge import identity_scores
from ..persona.mouths import told
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
    faces: Sequence[EditedFace],
    *,
    requested: Sequence[dict[str, float]],
    targets: Sequence[dict[str, float]],
    reach: Sequence[Reach],
    seed: int,
    fixed: np.ndarray | None = None,
    follow: Sequence[dict[str, float]] | None = None,
) -> list[Delivered]:
    """One per face. fixed [H, W] in {0, 1}: 1 where the photo's own pixels stay, bit for bit. `follow`: what else was moved, and to
    which values."""
    subject, judge = photo.subject, person.judge.beside(photo.subject.pixels)
    pasted = [paste(subject.photo, subject.frame, face, others=subject.others) for face in faces]
    photo.faces.clear()  # large, and not wanted again
    marking = beside(lambda: [_marked(subject.photo, whole, fixed) for whole in pasted])
    side = subject.pixels.shape[-1]
    frames = [subject.frame.within(face.square) for face in faces]
    crops = [mark_portrait(crop(one.image, frame, side)) for one, frame in zip(pasted, frames, strict=True)]
    images = image_io.to_tensor(np.stack([c.pixels for c in crops])).to(photo.w)  # what is handed out is what is judged
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
    for face, edited, whole, marked, report in zip(crops, faces, pasted, marking(), reports, strict=True):
        report.warnings += photo.cautions
        told(edited.fill, report)
        report.outside_change, report.mark = whole.outside_change, marked.score
        made.append(Delivered(marked, face, report))
    return made


def _marked(photo: np.ndarray, whole: Pasted, fixed: np.ndarray | None) -> MarkedImage:
    if fixed is None:
        return mark_part(whole.image, whole.mask)
    return mark_part(np.where(fixed[..., None] > 0, photo, whole.image), whole.mask * (1 - fixed))


def portraits(
    person: WarmPersona,
    images: Tensor,
    *,
    requested: Sequence[dict[str, float]],
    targets: Sequence[dict[str, float]],
    seed: int,
) -> list[Delivered]:
    """Of pictures [B, 3, R, R] that are generated as a whole. Each is its own crop."""
    marked = [mark_portrait(pixels) for pixels in image_io.to_uint8(images)]
    images = image_io.to_tensor(np.stack([one.pixels for one in marked])).to(images)
    judge = person.judge
    reports = judge.reports(images, judge.attributes(images)[0], requested=requested, targets=targets, seed=seed)
    for one, report in zip(marked, reports, strict=True):
        report.mark = one.score
    return [Delivered(one, one, report) for one, report in zip(marked, reports, strict=True)]


def likeness(person: WarmPersona, face: Tensor) -> float | None:
    """Mean cosine of the face [1, 3, R, R] to the person's photos. None: nobody is known."""
    if not person.judge.known:
        return None
    return round(float(identity_scores(person.judge.identity(face), person.judge.embeddings)[0]), 4)


def change_where(fixed: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute change, grey levels, of the pixels where `fixed` [H, W] is 1."""
    change = np.abs(after.astype(np.float32) - before).mean(2)
    return round(float(change[fixed > 0].mean()), 3)
