"""What stands between the lips of this person: the persona's photos show it, or nobody knows."""

from __future__ import annotations

import numpy as np

from portraitist.results import PictureReport

from ..detail.fields import resized
from ..detail.mesh import Seen, points_of, seen
from ..detail.mouth import came_into_view, teeth
from ..faces.edited import Fill
from . import kept_detail
from .detailed import SIDE
from .judge import Judge
from .model import PersonaModel

NOT_THEIRS = "the teeth are made up: no other photo that was given shows this person's"
MOUTHS = 4  # faces whose teeth a picture may show


def open_mouths(model: PersonaModel, judge: Judge) -> dict[str, Seen]:
    """Of the faces with detail those whose mouths are the widest open, at most MOUTHS, by their photos' names."""
    if not any(model.detail):
        return {}
    opened = judge.anchor_values[:, judge.attributes.names.index("mouth_open")].tolist()
    able = sorted((i for i, file in enumerate(model.detail) if file), key=lambda i: -opened[i])[:MOUTHS]
    faces = [resized(kept_detail.shown(model.detail[i]), SIDE) for i in able]
    return {model.photos[i]: face for i, face in zip(able, seen(faces), strict=True)}


def with_teeth(model: PersonaModel, judge: Judge, portrait: np.ndarray, photo: str) -> tuple[np.ndarray, Fill | None]:
    """A portrait [SIDE, SIDE, 3] uint8 whose detail is of `photo`. Where that shows no teeth and the portrait does, they are laid over it:
    of 128 px they are a bright band. With them, where they come from; None where the portrait is as it was."""
    face = resized(kept_detail.shown(model.detail[model.photos.index(photo)]), SIDE)
    before, after = points_of([face, portrait])
    mouths = open_mouths(model, judge) if came_into_view(before, after) else {}
    shown = portrait.astype(np.float32)
    fill = teeth(mouths, before, after, shown)
    return (portrait, None) if fill is None else (fill.over(shown).round().clip(0, 255).astype(np.uint8), fill)


def told(fill: Fill | None, report: PictureReport) -> None:
    """Says in the report whose teeth the picture shows."""
    if fill is None:
        return
    if fill.name is None:
        report.warnings.append(NOT_THEIRS)
    elif fill.name not in report.detail_of:
        report.detail_of.append(fill.name)
