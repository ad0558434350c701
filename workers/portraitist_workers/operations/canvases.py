"""What a drag, a retouch or a live session works on: the photo of a request, opened, or the portrait of its seed."""

from __future__ import annotations

from collections.abc import Mapping

from portraitist.requests import Drag, Open, Retouch

from ..drag.canvas import Canvas
from ..editing.opening import opened
from ..persona.rendering import render
from ..persona.warm import WarmPersona
from .context import Context
from .progress import losses
from .synthesize import draw


def canvas_of(
    request: Drag | Retouch | Open, person: WarmPersona, files: Mapping[str, bytes], context: Context
) -> Canvas:
    """`files`: what is in the request's blobs. Raises InvalidImage, FaceNotFound, InvalidRequest."""
    if request.photo is None:
        model = person.model
        w = draw(model, 1, request.seed, shared=True)[:, None].expand(-1, model.generator.num_ws, -1)
        return Canvas.of_portrait(w.contiguous(), model.generator, render(model.generator, w))
    file, name = files[request.photo.blob], request.photo.name
    return Canvas.of_photo(
        opened(
            person,
            file,
            name,
            None,
            space=request.space,
            seed=request.seed,
            on_stage=losses(context),
            face=request.face,
        )
    )
