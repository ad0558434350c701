"""Move a point of a real photo of the person, or of a new portrait, by the prior's latent transformer."""

from __future__ import annotations

from portraitist.pulls import movement
from portraitist.requests import Drag, Move
from portraitist.results import Pictures

from . import drag
from .context import Context


def run(request: Move, context: Context) -> Pictures:
    """A drag by the transformer. Raises InvalidImage, FaceNotFound, InvalidRequest, PriorAssetMissing."""
    asked = Drag(
        persona_id=request.persona_id,
        photo=request.photo,
        pulls=movement(request.at, request.by, request.dz, request.anchors),
        method="transformer",
        guarded=request.guarded,
        frames=request.frames,
        space=request.space,
        face=request.face,
        seed=request.seed,
    )
    return drag.pulled(asked, context, request.operation)
