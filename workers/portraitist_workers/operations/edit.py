"""Change named attributes of a real photo of the person; what was not named stays."""

from __future__ import annotations

import time

from portraitist.requests import Edit
from portraitist.results import PictureResult, Pictures, Progress

from ..editing.carrying import edited_face
from ..editing.delivery import Delivered, delivered
from ..editing.moving import absolute, moved
from ..editing.opening import opened
from ..persona.expressions import followed
from ..persona.presets import PRESETS
from ..persona.requests import resolve
from ..persona.warm import PERSONAS
from ..provenance.marking import sheet
from ..provenance.origin import Origin
from .context import Context
from .progress import losses


def run(request: Edit, context: Context) -> Pictures:
    """One picture per item of `request.values`. Raises InvalidImage, FaceNotFound, UnknownAttribute, OutOfRange."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    file = context.blob(request.photo.blob)

    photo = opened(
        person,
        file,
        request.photo.name,
        PRESETS[record.preset] if refined(request) else None,
        space=request.space,
        seed=request.seed,
        on_stage=losses(context),
        face=request.face,
    )
    requested = [absolute(person, photo, values) if request.relative else dict(values) for values in request.values]
    targets = [resolve(values, record.reach, strict=request.strict) for values in requested]
    made: list[Delivered] = []
    start = dict(zip(person.judge.attributes.names, photo.measured.tolist(), strict=True))
    stops = list(zip(requested, targets, strict=True))
    stops += [(stop, stop) for stop in way(start, targets[0], request.frames)]
    for index, (asked, target) in enumerate(stops):
        context.on_step(Progress(stage="edit", step=index, steps=len(stops)))
        follow = [followed(person.judge, start, target, request.pinned)]
        w = moved(person, photo, [target], follow)
        made += delivered(
            person,
            photo,
            [edited_face(photo, w)],
            requested=[asked],
            targets=[target],
            follow=follow,
            reach=record.reach,
            seed=request.seed,
        )
    pictures, origin = [], Origin("edit", file)
    for one in made:
        one.report.seconds = round((time.monotonic() - begun) / len(made), 3)
        blob, crop = context.put_picture(one.picture, origin), context.put_picture(one.crop, origin)
        pictures.append(PictureResult(blob=blob, crop=crop, report=one.report))
    page = (
        context.put_picture(sheet([one.picture for one in made], request.columns), origin) if request.columns else None
    )
    return Pictures(pictures=pictures, sheet=page, seconds=round(time.monotonic() - begun, 3))


def way(start: dict[str, float], target: dict[str, float], count: int) -> list[dict[str, float]]:
    """So many targets on the way from what was measured on the photo, the first of them there. What is not measured does not move."""
    return [
        {name: (was := start.get(name, value)) + n / count * (value - was) for name, value in target.items()}
        for n in range(count)
    ]


def refined(request: Edit) -> bool:
    """Whether the photo's latent is sought by optimisation, not guessed. Styles are only found by it."""
    return request.preset == "best" or request.space in ("s", "s_gaussian")
