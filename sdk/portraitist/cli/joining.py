"""transfer, blend, variations, strip, extend, restyle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InvalidRequest
from ..pulls import By
from ..studio import connect
from ..targets import Batch
from ..verbs.collages import MASKS, REGIONS
from ..verbs.styles import STYLED
from . import options
from .ending import deliver, started
from .options import AsJson, Face, Force, Home, NoWait, Out, Seed, Tenant
from .places import Places, stem_of

ONE = Batch([{}], {"kind": "one"})

Who = Annotated[str, typer.Argument(metavar="PERSONA", help="Its name or id.")]
First = Annotated[str, typer.Argument(help="A photo that shows the person, or its https address.")]


def transfer(
    persona: Who,
    photo: First,
    like: Annotated[str, typer.Argument(help="Another photo of the person, which has what the first shall get.")],
    region: Annotated[
        str | None, typer.Option(help=f"What to take: {', '.join(REGIONS)}.", show_default="smile")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="In its place: black and white, of the first photo's size: white is taken, black stays."),
    ] = None,
    strength: Annotated[float, typer.Option(help="How much of it, 0 to 1.")] = 1.0,
    face: Face = None,
    like_face: Annotated[
        str | None, typer.Option(metavar="X,Y", help="A place in the face that is meant in the second photo.")
    ] = None,
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
    paths = Places(out, f"{stem_of(photo)}-{region or ('smile' if mask is None else 'masked')}", force).before(
        ONE, no_wait
    )
    job = person.transfer(
        options.photo(photo),
        options.photo(like),
        region=region,
        mask=mask,
        strength=strength,
        face=options.place(face),
        like_face=options.place(like_face),
        seed=seed,
        wait=False,
    )
    started(job, json) if no_wait else deliver(job, paths, json)


def blend(
    persona: Who,
    photo: First,
    other: Annotated[str, typer.Argument(help="Another photo of the person, say of another year.")],
    mask: Annotated[
        str, typer.Option(help=f"{', '.join(MASKS)}, or a share from 0 to 1 of the other photo.")
    ] = "left-right",
    face: Face = None,
    other_face: Annotated[
        str | None, typer.Option(metavar="X,Y", help="A place in the face that is meant in the second photo.")
    ] = None,
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
    share = mask if mask in MASKS else _share(mask)
    job = person.blend(
        options.photo(photo),
        options.photo(other),
        mask=share,
        face=options.place(face),
        other_face=options.place(other_face),
        seed=seed,
        wait=False,
    )
    started(job, json) if no_wait else deliver(job, paths, json)


def variations(
    persona: Who,
    photo: First,
    patch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LEFT,TOP,RIGHT,BOTTOM:DX,DY",
            help="A box of the photo, and how far it goes, px, as in 150,120,260,170:0,-8; repeatable. None: drawn at random.",
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, max=64, help="So many pictures.")] = 8,
    strength: Annotated[float, typer.Option(help="How far patches go that are drawn, 0 to 1.")] = 0.5,
    layers: Annotated[
        str, typer.Option(help="Sizes of feature maps in which they move: 8, 16, 32, 64; commas between.")
    ] = "8",
    face: Face = None,
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Variations of one photo: patches of features move elsewhere, drawn at random or picked by hand."""
    person = connect(home=home, tenant=tenant).personas.get(persona)
    paths = Places(out, f"{stem_of(photo)}-varied", force).before(Batch([{}] * n, {"kind": "list"}), no_wait)
    job = person.variations(
        options.photo(photo),
        patches=[_patch(text) for text in patch or []],
        n=n,
        strength=strength,
        layers=_layers(layers),
        face=options.place(face),
        seed=seed,
        wait=False,
    )
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
    face: Face = None,
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
    job = person.extend(options.photo(photo), _size(size), face=options.place(face), seed=seed, wait=False)
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
    like: Annotated[
        str | None,
        typer.Option(help="A picture in that style, or of anybody, or its https address: its colours are taken."),
    ] = None,
    preset: Annotated[str, typer.Option(help="fast, or best: the generator is tuned to the photo first.")] = "fast",
    face: Face = None,
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
        like=None if like is None else options.photo(like),
        preset=preset,
        face=options.place(face),
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


def _patch(text: str) -> tuple[tuple[float, float, float, float], By]:
    """'150,120,260,170:0,-8' -> ((150, 120, 260, 170), By(0, -8))"""
    box, _, by = text.partition(":")
    try:
        left, top, right, bottom = (float(part) for part in box.split(","))
        x, y = (float(part) for part in by.split(","))
    except ValueError:
        raise InvalidRequest(
            f"--patch {text[:60]!r}: expected LEFT,TOP,RIGHT,BOTTOM:DX,DY, as in 150,120,260,170:0,-8", param="--patch"
        ) from None
    return (left, top, right, bottom), By(x, y)


def _layers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InvalidRequest(
            f"--layers {text[:40]!r}: expected sizes with commas between, as in 8,16", param="--layers"
        ) from None


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest(
            f"--mask {text[:40]!r}: expected {', '.join(MASKS)}, or a share from 0 to 1", param="--mask"
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
