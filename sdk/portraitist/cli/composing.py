"""compose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InvalidRequest, printable
from ..parts import Part
from ..studio import connect
from ..targets import Batch
from . import options, whose
from .ending import deliver, started
from .options import (
    FRAMES,
    AsJson,
    Face,
    Force,
    Home,
    NoWait,
    OneEyesOpen,
    OneMouthOpen,
    OnePitch,
    OneRoll,
    OneSmile,
    OneYaw,
    Out,
    Seed,
    Set,
    Strict,
    Tenant,
    Video,
)
from .places import Places, check_free, stem_of
from .whose import WhoseParts

ONE = Batch([{}], {"kind": "one"})
_FORM = "expected NAME:WHAT,..., as in hair:like=other.jpg, nose:dx=4,scale=1.2, eyes:gaze_right=0.3 or brows:leave_out"
_PHOTOS = ("like", "shape", "texture")
_NUMBERS = ("dx", "dy", "scale")


def compose(
    persona: WhoseParts,
    photo: Annotated[
        str | None,
        typer.Argument(help="A photo that shows the person, or its https address; none: the portrait of --seed."),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:WHAT,...",
            help="A part, and what becomes of it: like=PHOTO, shape=PHOTO, texture=PHOTO, draw=SEED (several: --video goes from the "
            "first to the last), dx=PX, dy=PX, scale=FACTOR, leave_out, or a value of its own, such as eyes_open=1. Repeatable.",
        ),
    ] = None,
    only: Annotated[str | None, typer.Option(help="Parts to show, and nothing else, with commas between.")] = None,
    yaw: OneYaw = None,
    pitch: OnePitch = None,
    roll: OneRoll = None,
    smile: OneSmile = None,
    mouth_open: OneMouthOpen = None,
    eyes_open: OneEyesOpen = None,
    own: Set = None,
    space: Annotated[str, typer.Option(help="Where the photo is sought: w, w_plus or s.")] = "w_plus",
    face: Face = None,
    video: Video = None,
    recipe: Annotated[Path | None, typer.Option(help="Also write how it was made, for `portraitist replay`.")] = None,
    seed: Seed = 0,
    strict: Strict = False,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """A face put together part by part, by a generator that has parts: parts of other photos, moved, or left out."""
    named = {"yaw": yaw, "pitch": pitch, "roll": roll, "smile": smile, "mouth_open": mouth_open, "eyes_open": eyes_open}
    parts = [_part(text) for text in part or ()]
    values: Any = options.values(named, own)
    person = whose.person(connect(home=home, tenant=tenant), persona, progress=not json)
    stem = f"{person.name}-composed" if photo is None else f"{stem_of(photo)}-{person.name}"
    paths = Places(out, stem, force).before(ONE, no_wait)
    for option, file in (("--recipe", recipe), ("--video", video)):
        check_free(option, file, force, no_wait)
    job = person.compose(
        None if photo is None else options.photo(photo),
        *parts,
        only=[name.strip() for name in only.split(",")] if only else (),
        space=space,
        frames=0 if video is None else FRAMES,
        face=options.place(face),
        strict=strict,
        seed=seed,
        wait=False,
        **values,
    )
    started(job, json) if no_wait else deliver(job, paths, json, video, recipe)


def _part(text: str) -> Part:
    """'nose:dx=4,scale=1.2' -> Part("nose", dx=4.0, scale=1.2)"""
    name, _, rest = text.partition(":")
    found: dict[str, Any] = {"values": {}}
    draws: list[int] = []
    try:
        for item in rest.split(","):
            word, sign, value = (piece.strip() for piece in item.partition("="))
            if word == "leave_out" and not sign:
                found["leave_out"] = True
            elif not value:
                raise ValueError
            elif word == "draw":
                draws.append(int(value))
            elif word in _PHOTOS:
                found[word] = options.photo(value)
            elif word in _NUMBERS:
                found[word] = float(value)
            else:
                found["values"][word] = float(value)
    except ValueError:
        raise InvalidRequest(f"--part {printable(text[:60])!r}: {_FORM}", param="--part") from None
    if draws:
        found["draw"] = draws if len(draws) > 1 else draws[0]
    return Part(name.strip(), **found)
