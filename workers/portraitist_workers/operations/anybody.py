"""A prior -> what anybody's photo is edited with: a persona of nobody (`persona/anybody.py`). Its directions are calibrated, its reach is
measured, and it is packed as any persona. It takes no photo."""

from __future__ import annotations

from portraitist.attributes import ATTRIBUTES
from portraitist.errors import InvalidRequest
from portraitist.requests import CreatePersona
from portraitist.results import PersonaRecord, Reach

from ..faces.attributes import load_attributes
from ..faces.identity import load_identity
from ..faces.perceptual import load_perceptual
from ..persona import anybody, reach
from ..persona.judge import Judge, versions
from ..priors import library
from . import learning
from .context import Context
from .progress import Stages

WEIGHTS = {"calibrate": 0.2, "evaluate": 0.75, "package": 0.05}  # shares of the work


def run(request: CreatePersona, context: Context) -> PersonaRecord:
    """Raises InvalidRequest, PriorNotCalibrated, PriorUnavailable, NotFound, StorageError; JobCancelled through `on_step`."""
    if request.photos:
        raise InvalidRequest("nobody is learnt here; leave the photos out", param="photos")
    clock = Stages(context, WEIGHTS)
    prior = library.load(request.prior, home=context.priors)
    anchors = anybody.people(prior)
    axes = anybody.axes(prior, anchors)
    model = learning.calibrate(prior, prior.generator, anchors, axes, anchors[:0], (), clock)
    clock.steps("evaluate")(0, 1)
    units = {name: ATTRIBUTES[name].unit for name in axes.names}
    least = [
        Reach(attribute=name, unit=units[name], low=round(value, 3), high=round(value, 3))
        for name, value in zip(axes.names, axes.zero.tolist(), strict=True)
    ]
    reaches = reach.measured(least, model, Judge(model))
    clock.finish("package")
    return PersonaRecord(
        persona_id=request.persona_id,
        name=request.name,
        prior=prior.reference,
        organizer="regression",
        preset=request.preset,
        attributes=list(axes.names),
        photos=[],
        reach=reaches,
        figures={name: round(value, 4) for name, value in clock.seconds().items()},
        networks={
            "attributes": load_attributes().name,
            "identity": load_identity().name,
            "perceptual": load_perceptual().name,
        },
        versions=versions(),
        seed=request.seed,
        weights=context.put(model.to_bytes()),
    )
