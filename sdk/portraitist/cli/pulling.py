"""drag, replay."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InvalidRequest, StorageError, printable
from ..jobs import AnyJob
from ..picture import Picture
from ..pulls import LANDMARKS, By
from ..studio import connect
from ..targets import Batch
from . import options, show
from .ending import started
from .options import AsJson, Force, Home, NoWait, Out, Seed, Tenant
from .places import Places, stem_of, write

ONE = Batch([{}], {"kind": "one"})
FRAMES = 12  # of a moving picture
_FORM = "expected HANDLE:TARGET, as in 212,180:230,180, mouth_left:200,310 or mouth_left:-4,+6 (so many px on)"

Move = Annotated[
    list[str],
    typer.Option(
        "--move",
        metavar="HANDLE:TARGET",
        help="Pixels x,y of the photo, or a part of the face; a target with signs is counted from the handle. Repeatable. "
        f"Parts: {', '.join(LANDMARKS)}.",
    ),
]


def drag(
    persona: Annotated[str, typer.Argument(metavar="PERSONA", help="Its name or id.")],
    photo: Annotated[
        str | None,
        typer.Argument(help="A photo that shows the person, or its https address; none: the portrait of --seed."),
    ] = None,
    move: Move = [],  # noqa: B006  # typer copies it
    mask: Annotated[
        Path | None, typer.Option(help="Black and white, of the photo's size: white may move, black stays.")
    ] = None,
    method: Annotated[str, typer.Option(help="auto, draggan or freedrag.")] = "auto",
    unguarded: Annotated[
        bool, typer.Option("--unguarded", help="Go on where the picture is no longer like the person.")
    ] = False,
    space: Annotated[str, typer.Option(help="Where the photo is sought: w, w_plus or s.")] = "w_plus",
    video: Annotated[Path | None, typer.Option(help="Also write the way there, as a moving .webp.")] = None,
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
    person = connect(home=home, tenant=tenant).personas.get(persona)
    stem = f"{person.name}-dragged" if photo is None else f"{stem_of(photo)}-{person.name}"
    paths = Places(out, stem, force).before(ONE, no_wait)
    for option, file in (("--recipe", recipe), ("--video", video)):
        _check_free(option, file, force, no_wait)
    job = person.drag(
        None if photo is None else options.photo(photo),
        points=[_pull(text) for text in move],
        mask=mask,
        method=method,
        guarded=not unguarded,
        frames=0 if video is None else FRAMES,
        space=space,
        seed=seed,
        wait=False,
    )
    _end(job, paths, no_wait, json, recipe, video)


def replay(
    recipe: Annotated[Path, typer.Argument(help="A JSON file that `drag --recipe` wrote.")],
    photo: Annotated[
        str | None, typer.Option(help="The photo once more, where the job that was given it is forgotten.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="So its mask.")] = None,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Make a picture again from its recipe: the same pixels on the same device."""
    studio = connect(home=home, tenant=tenant)
    paths = Places(out, f"{recipe.stem}-replayed", force).before(ONE, no_wait)
    job = studio.replay(recipe, None if photo is None else options.photo(photo), mask=mask, wait=False)
    _end(job, paths, no_wait, json)


def _pull(text: str) -> Any:
    """'212,180:230,180' -> ((212, 180), (230, 180)); 'mouth_left:-4,+6' -> ("mouth_left", By(-4, 6))."""
    handle, colon, target = text.partition(":")
    if not colon:
        raise InvalidRequest(f"--move {printable(text[:60])!r}: {_FORM}", param="--move")
    place: Any = handle.strip() if handle.strip()[:1].isalpha() else _numbers(text, handle)
    end = _numbers(text, target)
    signed = all(part.strip()[:1] in ("+", "-") for part in target.split(","))
    return place, By(*end) if signed else end


def _numbers(text: str, part: str) -> tuple[float, float]:
    try:
        x, y = (float(number) for number in part.split(","))
    except ValueError:
        raise InvalidRequest(f"--move {printable(text[:60])!r}: {_FORM}", param="--move") from None
    return x, y


def _check_free(option: str, path: Path | None, force: bool, no_wait: bool) -> None:
    if path is None:
        return
    if no_wait:
        raise InvalidRequest(f"{option} and --no-wait: there is nothing to write yet; leave one out", param=option)
    if option == "--video" and path.suffix.lower() != ".webp":
        raise InvalidRequest(f"{option} {printable(str(path))}: its name must end in .webp", param=option)
    if path.exists() and not force:
        raise InvalidRequest(
            f"{option}: {printable(str(path))} is there already; choose another name, or overwrite it with --force",
            param=option,
        )


def _end(
    job: AnyJob, paths: list[Path], no_wait: bool, json: bool, recipe: Path | None = None, video: Path | None = None
) -> None:
    if no_wait:
        return started(job, json)
    made: Picture = job.wait(progress=not json)
    written = write(made, paths)
    if video is not None:
        made.save_way(video)
    if recipe is not None:
        try:
            recipe.write_text(json_text.dumps(made.recipe, indent=2) + "\n")
        except OSError as error:
            raise StorageError(f"cannot write {recipe}: {error.strerror}", param="--recipe") from error
    show.as_json({"job": job.id, "pictures": show.pictures_data(written)}) if json else show.pictures(written)
