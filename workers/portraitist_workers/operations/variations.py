"""Variations of one photo of the person: patches of the generator's features move, and the photo's own pixels move along."""

from __future__ import annotations

import time

import torch

from portraitist.errors import InvalidRequest
from portraitist.requests import Variations
from portraitist.results import PictureResult, Pictures, Progress

from ..collage.interpolation import Source
from ..collage.patches import Patch, random_patches
from ..collage.varied import varied
from ..editing.delivery import delivered, likeness
from ..editing.opening import OpenedPhoto, opened
from ..faces.align import Frame
from ..generator.kinds import whole
from ..persona.warm import PERSONAS
from ..provenance.origin import Origin
from .context import Context
from .progress import losses

REACH = 0.12  # of the aligned face's side: how far one goes at strength 1
LESS_LIKE = 0.1  # of cosine, by which a picture may be less like the person than the photo before the report warns
# Of the aligned face: in each a patch is drawn. All in one place would add up to a caricature.
BANDS = (0.2, 0.15, 0.8, 0.5), (0.2, 0.35, 0.8, 0.7), (0.2, 0.55, 0.8, 0.9)


def run(request: Variations, context: Context) -> Pictures:
    """`n` pictures. Raises InvalidImage, FaceNotFound, InvalidRequest."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    person = PERSONAS.load(record, context.blob, context.priors)
    generator = whole(person.model.generator, "variations cannot be made")
    file = context.blob(request.photo.blob)
    photo = opened(
        person,
        file,
        request.photo.name,
        None,
        space="w_plus",
        seed=request.seed,
        on_stage=losses(context),
        face=request.face,
    )
    ways = patches_of(request, photo)
    source = Source(generator.synthesis, generator.styles(photo.w))
    before = likeness(person, photo.subject.pixels)
    origin, pictures = Origin("variations", file), []
    for number, patches in enumerate(ways):
        context.on_step(Progress(stage="vary", step=number, steps=len(ways)))
        made = delivered(
            person,
            photo,
            [varied(photo, source, patches, request.layers)],
            requested=[{}],
            targets=[{}],
            reach=record.reach,
            seed=request.seed,
        )[0]
        report = made.report
        report.identity_before = before
        if report.identity is not None and before is not None and report.identity < before - LESS_LIKE:
            report.warnings.append(
                f"less like the person ({report.identity:.2f}) than the photo ({before:.2f}); less strength keeps more of the person"
            )
        blob, aligned = context.put_picture(made.picture, origin), context.put_picture(made.crop, origin)
        pictures.append(PictureResult(blob=blob, crop=aligned, report=report))
    return Pictures(pictures=pictures, seconds=round(time.monotonic() - begun, 3))


def patches_of(request: Variations, photo: OpenedPhoto) -> list[list[Patch]]:
    """Of each picture, in shares of the aligned face. Those that were asked for go a part of their way in each picture but the last.

    Raises InvalidRequest for a box outside the person's face."""
    n, reach = request.n, REACH * request.strength
    if request.patches:
        chosen = [
            _in_face(number, patch.box, patch.by, photo.subject.frame)
            for number, patch in enumerate(request.patches, 1)
        ]
        return [[patch.part_of_the_way((k + 1) / n) for patch in chosen] for k in range(n)]
    drawing = torch.Generator().manual_seed(request.seed)
    return [
        [patch for band in BANDS for patch in random_patches(1, generator=drawing, reach=reach, within=band)]
        for _ in range(n)
    ]


def _in_face(number: int, box: tuple[float, ...], by: tuple[float, float], frame: Frame) -> Patch:
    """A box of the photo in the aligned face, level with it."""
    to_face = frame.to_crop(1)
    left, top, right, bottom = box
    x, y = to_face @ ((left + right) / 2, (top + bottom) / 2, 1)
    if not (0 < x < 1 and 0 < y < 1):
        corners = ", ".join(f"({x:.0f}, {y:.0f})" for x, y in frame.corners)
        raise InvalidRequest(
            f"the middle of patch {number} lies outside the person's face, whose square has the corners {corners}; only what is inside "
            "can be moved",
            param="patches",
        )
    half_x, half_y = (right - left) / 2 / frame.size, (bottom - top) / 2 / frame.size
    to_right, down = to_face[:, :2] @ by
    return Patch((x - half_x, y - half_y, x + half_x, y + half_y), float(to_right), float(down))
