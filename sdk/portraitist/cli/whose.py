"""PERSONA on the command line where a prior alone will do: a name or an id, or `prior:default` for a photo of anybody."""

from __future__ import annotations

from typing import Annotated

import typer

from ..persona import Persona
from ..requests import OF_PRIOR
from ..studio import Studio

Whose = Annotated[
    str,
    typer.Argument(metavar="PERSONA", help=f"Its name or id; {OF_PRIOR}default: anybody, edited by that prior alone."),
]


def person(studio: Studio, named: str, *, progress: bool) -> Persona:
    """Raises NotFound, PriorNotCalibrated."""
    if named.startswith(OF_PRIOR):
        return studio.priors.get(named.removeprefix(OF_PRIOR)).anybody(progress=progress)
    return studio.personas.get(named)
