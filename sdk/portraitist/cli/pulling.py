"""drag, move, replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import recipes
from ..errors import InvalidRequest, printable
from ..pulls import LANDMARKS, REGIONS, By
from ..studio import connect
from ..targets import Batch
from . import options, whose
from .ending import deliver, started
from .options import FRAMES, AsJson, Face, Force, Home, NoWait, Out, Seed, Tenant, Video
from .places import Places, check_free, stem_of
from .whose import Whose

ONE = Batch([{}], {"kind": "one"})
_FORM = "expected HANDLE:TARGET, as in 212,180:230,180, mouth_left:200,310 or mouth_left:-4,+6 (so many px on)"
_PLACE = "expected two numbers in pixels, as in 212,180"
_HANDLE = "expected two numbers in pixels, as in 212,180, or four of a box, as in 190,410,290,460"
_KINDS = f"Parts: {', '.join(LANDMARKS)}. Regions: {', '.join(REGIONS)}, or a box left,top,right,bottom."

Pulled = Annotated[
    list[str],
    typer.Option(
        "--move",
        metavar="HANDLE:TARGET",
        help="Pixels x,y of the photo, or a part or region of the face; a target with signs is counted from the handle. "
        f"Repeatable. {_KINDS}",
    ),
]


def drag(
    persona: Whose,
    photo: Annotated[
        str | None,
        typer.Argument(help="A photo that shows the person, or its https address; none: the portrait of --seed."),
    ] = None,
    move: Pulled = [],  # noqa: B006  # typer copies it
    mask: Annotated[
        Path | None, typer.Option(help="Black and white, of the photo's size: white may move, black stays.")
    ] = None,
    method: Annotated[str, typer.Option(help="auto, draggan, freedrag or transformer.")] = "auto",
    unguarded: Annotated[
        bool, typer.Option("--unguarded", help="Go on where the picture is no longer like the person.")
    ] = False,
    space: Annotated[str, typer.Option(help="Where the photo is sought: w, w_plus or s.")] = "w_plus",
    face: Face = None,
    video: Video = None,
    recipe: Annotated[Path | None, typer.Option(help="Also write how it was made, for `portraitist replay`.")] = None,
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Pull points of the face to other places; the face follows."""
    person = whose.person(connect(home=home, tenant=tenant), persona, progress=not json)
    stem = f"{person.name}-dragged" if photo is None else f"{stem_of(photo)}-{person.name}"
    paths = Places(out, stem, force).before(ONE, no_wait)
    for option, file in (("--recipe", recipe), ("--video", video)):
        check_free(option, file, force, no_wait)
    job = person.drag(
        None if photo is None else options.photo(photo),
        points=[_pull(text) for text in move],
        mask=mask,
        method=method,
        guarded=not unguarded,
        frames=0 if video is None else FRAMES,
        space=space,
        face=options.place(face),
        seed=seed,
        wait=False,
    )
    started(job, json) if no_wait else deliver(job, paths, json, video, recipe)


def move(
    persona: Whose,
    photo: Annotated[
        str | None,
        typer.Argument(help="A photo that shows the person, or its https address; none: the portrait of --seed."),
    ] = None,
    at: Annotated[
        str,
        typer.Option(metavar="HANDLE", help=f"Pixels x,y of the photo, or a part or region of the face. {_KINDS}"),
    ] = "",
    by: Annotated[str, typer.Option(metavar="DX,DY", help="So many pixels to the right, and down.")] = "0,0",
    dz: Annotated[float, typer.Option(help="-0.5 to 0.5: what lies around it grows by this share of its size.")] = 0.0,
    anchor: Annotated[
        list[str] | None, typer.Option(metavar="HANDLE", help="A point that stays; may be repeated.")
    ] = None,
    unguarded: Annotated[
        bool, typer.Option("--unguarded", help="Go on where the picture is no longer like the person.")
    ] = False,
    space: Annotated[str, typer.Option(help="Where the photo is sought: w, w_plus or s.")] = "w_plus",
    face: Face = None,
    video: Video = None,
    recipe: Annotated[Path | None, typer.Option(help="Also write how it was made, for `portraitist replay`.")] = None,
    seed: Seed = 0,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Move a point of the face in a few passes, by the prior's latent transformer."""
    if not at:
        raise InvalidRequest(
            "--at is missing: name the point that moves, as in --at 212,180 or --at mouth_left", param="--at"
        )
    person = whose.person(connect(home=home, tenant=tenant), persona, progress=not json)
    stem = f"{person.name}-moved" if photo is None else f"{stem_of(photo)}-{person.name}"
    paths = Places(out, stem, force).before(ONE, no_wait)
    for option, file in (("--recipe", recipe), ("--video", video)):
        check_free(option, file, force, no_wait)
    job = person.move(
        None if photo is None else options.photo(photo),
        at=_handle("--at", at),
        by=_numbers("--by", by, by, _PLACE),
        dz=dz,
        anchors=[_handle("--anchor", one) for one in anchor or ()],
        guarded=not unguarded,
        frames=0 if video is None else FRAMES,
        space=space,
        face=options.place(face),
        seed=seed,
        wait=False,
    )
    started(job, json) if no_wait else deliver(job, paths, json, video, recipe)


def replay(
    recipe: Annotated[Path, typer.Argument(help="A JSON file that `--recipe` or the studio in the browser wrote.")],
    photo: Annotated[
        str | None, typer.Option(help="The photo once more, where the job that was given it is forgotten.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="So its mask.")] = None,
    like: Annotated[
        list[str] | None, typer.Option(metavar="PHOTO", help="So a photo that something was taken from; repeatable.")
    ] = None,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Make a picture again from its recipe: the same pixels on the same device. Of several, all of them."""
    studio = connect(home=home, tenant=tenant)
    count = recipes.listed(recipes.request_of(recipes.read(recipe)))
    batch = ONE if count is None else Batch([{}] * count, {"kind": "list"})
    paths = Places(out, f"{recipe.stem}-replayed", force).before(batch, no_wait)
    again: Any = None if photo is None else options.photo(photo)
    job = studio.replay(recipe, again, mask=mask, like=[options.photo(one) for one in like or ()], wait=False)
    started(job, json) if no_wait else deliver(job, paths, json)


def _pull(text: str) -> Any:
    """'212,180:230,180' -> ((212, 180), (230, 180)); 'mouth_left:-4,+6' -> ("mouth_left", By(-4, 6))."""
    handle, colon, target = text.partition(":")
    if not colon:
        raise InvalidRequest(f"--move {printable(text[:60])!r}: {_FORM}", param="--move")
    place = _handle("--move", handle, whole=text, form=_FORM)
    end = _numbers("--move", text, target, _FORM)
    signed = all(part.strip()[:1] in ("+", "-") for part in target.split(","))
    return place, By(*end) if signed else end


def _handle(option: str, text: str, *, whole: str = "", form: str = _HANDLE) -> Any:
    if text.strip()[:1].isalpha():
        return text.strip()
    corners = text.split(",")
    if len(corners) != 4:
        return _numbers(option, whole or text, text, form)
    return sum((_numbers(option, whole or text, ",".join(pair), form) for pair in (corners[:2], corners[2:])), ())


def _numbers(option: str, text: str, part: str, form: str) -> tuple[float, float]:
    try:
        x, y = (float(number) for number in part.split(","))
    except ValueError:
        raise InvalidRequest(f"{option} {printable(text[:60])!r}: {form}", param=option) from None
    return x, y
