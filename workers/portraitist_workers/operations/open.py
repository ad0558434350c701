"""Keep a photo or portrait open, and show what becomes of it while it is changed: a live session."""

from __future__ import annotations

from functools import partial

from portraitist.errors import InvalidRequest
from portraitist.requests import Open
from portraitist.results import Closed

from ..faces.image_io import encode_jpeg
from ..live.session import Session
from ..live.touched import Touched
from .context import Context

QUALITY = 88  # of frames


def run(request: Open, context: Context) -> Closed:
    """Raises InvalidImage, FaceNotFound, InvalidRequest where nobody could hold it."""
    if context.wire is None:
        raise InvalidRequest(
            "a live session needs a worker that clients can reach; submit it as a job", param="operation"
        )
    return Session(
        request, context, context.wire, partial(Touched, request, context), partial(encode_jpeg, quality=QUALITY)
    ).run()
