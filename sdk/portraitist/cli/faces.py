"""faces: who is in a photo."""

from __future__ import annotations

from typing import Annotated

import typer

from ..studio import connect
from . import options, show
from .options import AsJson, Home, Tenant


def faces(
    persona: Annotated[str, typer.Argument(metavar="PERSONA", help="Its name or id.")],
    photo: Annotated[str, typer.Argument(help="A photo, or its https address.")],
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """The faces of a photo: a place in each, as --face takes it, and how like the person it is."""
    person = connect(home=home, tenant=tenant).personas.get(persona)
    found = person.faces(options.photo(photo))
    if json:
        return show.as_json([{**face.model_dump(), "middle": face.middle} for face in found])
    for face in found:
        x, y = face.middle
        likeness = "" if face.likeness is None else f"  likeness {face.likeness:.2f}"
        print(f"{x:.0f},{y:.0f}{likeness}" + ("" if face.theirs else f"  not like {person.name}"))
    if not found:
        print("no face found")
