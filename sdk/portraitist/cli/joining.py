"""transfer, blend, strip, extend, restyle."""

from __future__ import annotations

from typing import Annotated

import typer

from ..collages import DIRECTIONS, REGIONS, STYLED
from ..errors import InvalidRequest
from ..studio import connect
from ..targets import Batch
from . import options
from .ending import deliver, started
from .options import AsJson, Force, Home, NoWait, Out, Seed, Tenant
from .places import Places, stem_of

ONE = Batch([{}], {"kind": "one"})

Who = Annotated[str, typer.Argument(metavar="PERSONA", help="Its name or id.")]
First = Annotated[str, typer.Argument(help="A photo that shows the person, or its https address.")]


def transfer(
    persona: Who,
    photo: First,
    like: Annotated[str, typer.Argument(help="Another photo of the person, which has what the first shall get.")],
    region: Annotated[str, typer.Option(help=f"What to take: {', '.join(REGIONS)}.")] = "smile",
    strength: Annotated[float, typer.Option(help="How much of it, 0 to 1.")] = 1.0,
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """The best take of two photos: a smile, eyes, … from the second; everything else stays the first, bit for bit."""
    person = connect(home=home, tenant=tenant).personas.get(persona)
    paths = Places(out, f"{stem_of(photo)}-{region}", force).before(ONE, no_wait)
    job = person.transfer(
        options.photo(photo), options.photo(like), region=region, strength=strength, seed=seed, wait=False
    )
    started(job, json) if no_wait else deliver(job, paths, json)


def blend(
    persona: Who,
    photo: First,
    other: Annotated[str, typer.Argument(help="Another photo of the person, say of another year.")],
    mask: Annotated[
        str, typer.Option(help=f"{', '.join(DIRECTIONS)}, or a share from 0 to 1 of the other photo.")
    ] = "left-right",
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """One face of two photos, going over into each other without a seam."""
    person = connect(home=home, tenant=tenant).personas.get(persona)
    paths = Places(out, f"{stem_of(photo)}-blended", force).before(ONE, no_wait)
    share = mask if mask in DIRECTIONS else _share(mask)
    job = person.blend(options.photo(photo), options.photo(other), mask=share, seed=seed, wait=False)
    started(job, json) if no_wait else deliver(job, paths, json)


def strip(
    persona: Who,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set", metavar="ATTRIBUTE=VALUE,...", help="Once for each portrait, as in --set yaw=-20,smile=1."
        ),
    ],
    vertical: Annotated[bool, typer.Option("--vertical", help="Downwards.")] = False,
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """A row of new portraits on one canvas, without joins."""
    person = connect(home=home, tenant=tenant).personas.get(persona)
    paths = Places(out, f"{person.name}-strip", force).before(ONE, no_wait)
    job = person.strip([_values(text) for text in set_], vertical=vertical, seed=seed, wait=False)
    started(job, json) if no_wait else deliver(job, paths, json)


def extend(
    persona: Who,
    photo: First,
    size: Annotated[str, typer.Option(metavar="WIDTH,HEIGHT", help="Of what comes out, px.")],
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """A wider or taller photo: its background goes on, and the photo itself stays."""
    person = connect(home=home, tenant=tenant).personas.get(persona)
    paths = Places(out, f"{stem_of(photo)}-extended", force).before(ONE, no_wait)
    job = person.extend(options.photo(photo), _size(size), seed=seed, wait=False)
    started(job, json) if no_wait else deliver(job, paths, json)


def restyle(
    persona: Who,
    photo: Annotated[
        str | None, typer.Argument(help="A photo that shows the person, or its https address; without: a new portrait.")
    ] = None,
    style: Annotated[
        str, typer.Option(help="toon, pencil, clay, or one that `portraitist styles list` shows.")
    ] = "toon",
    strength: Annotated[float, typer.Option(help="How much of it, 0 to 1.")] = 1.0,
    region: Annotated[
        str | None, typer.Option(help=f"Restyle this alone, and leave the photo: {', '.join(STYLED)}.")
    ] = None,
    preset: Annotated[str, typer.Option(help="fast, or best: the generator is tuned to the photo first.")] = "fast",
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """The person as a cartoon, a drawing, …: a square portrait, or one region of the photo."""
    person = connect(home=home, tenant=tenant).personas.get(persona)
    stem = person.name if photo is None else stem_of(photo)
    paths = Places(out, f"{stem}-{style}", force).before(ONE, no_wait)
    job = person.restyle(
        None if photo is None else options.photo(photo),
        style=style,
        strength=strength,
        region=region,
        preset=preset,
        seed=seed,
        wait=False,
    )
    started(job, json) if no_wait else deliver(job, paths, json)


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise InvalidRequest(
            f"--size {text[:40]!r}: expected a width and a height, as in 1024,512", param="--size"
        ) from None
    return width, height


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest(
            f"--mask {text[:40]!r}: expected {', '.join(DIRECTIONS)}, or a share from 0 to 1", param="--mask"
        ) from None


def _values(text: str) -> dict[str, float]:
    """'yaw=-20,smile=1' -> {"yaw": -20.0, "smile": 1.0}"""
    found = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise InvalidRequest(
                f"--set {text[:60]!r}: expected ATTRIBUTE=VALUE, as in --set yaw=-20,smile=1", param="--set"
            ) from None
    return found
