"""PERSONA on the command line where a prior alone will do: a name or an id, or `prior:default` for a photo of anybody."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..persona import Persona
from ..requests import OF_PRIOR
from ..studio import Studio


def _argument(prior: str) -> Any:
    told = f"Its name or id; {OF_PRIOR}{prior}: anybody, edited by that prior alone."
    return typer.Argument(metavar="PERSONA", help=told)


Whose = Annotated[str, _argument("default")]
WhoseParts = Annotated[str, _argument("default-parts")]  # of a prior with parts


def person(studio: Studio, named: str, *, progress: bool) -> Persona:
    """Raises NotFound, PriorNotCalibrated."""
    if named.startswith(OF_PRIOR):
        return studio.priors.get(named.removeprefix(OF_PRIOR)).anybody(progress=progress)
    return studio.personas.get(named)
