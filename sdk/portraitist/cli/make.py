"""create, add, synthesize, edit, enhance."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ..attributes import DEFAULT_ATTRIBUTES
from ..errors import StorageError
from ..jobs import AnyJob
from ..persona import Output
from ..picture import Grid, Picture
from ..studio import connect
from . import options, show
from .options import AsJson, EyesOpen, Home, MouthOpen, NoWait, Out, Pitch, Roll, Seed, Set, Smile, Strict, Tenant, Yaw

PersonaName = Annotated[str, typer.Argument(metavar="PERSONA", help="Its name or id.")]


def create(
    name: Annotated[str, typer.Argument(help="What to call the person.")],
    photos: Annotated[list[str], typer.Argument(help="A folder, photos, or their https addresses.")],
    attributes: Annotated[str, typer.Option(help="What shall be controllable.")] = ",".join(DEFAULT_ATTRIBUTES),
    preset: Annotated[str, typer.Option(help="fast, balanced or best.")] = "balanced",
    organizer: Annotated[str, typer.Option(help="auto, regression, mystyle_pp, mystyle_pp_sefa or mystyle.")] = "auto",
    labels: Annotated[
        Path | None, typer.Option(help='JSON with attributes of your own: {"a.jpg": {"age": 34}}.')
    ] = None,
    person: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="A photo that shows who is meant; else whoever most photos show.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="PHOTO", help="A photo to use whatever is found in it; may be repeated.")
    ] = None,
    prior: Annotated[str, typer.Option(help="The generator to start from.")] = "default",
    consent: Annotated[
        Path | None, typer.Option(help='JSON with the person\'s consent: {"subject": …, "by": …, "text": …}; a cluster needs it.')
    ] = None,
    retain_days: Annotated[float | None, typer.Option(help="Delete the persona after so many days.")] = None,
    seed: Seed = 0,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Learn a person from photos. Takes a minute or two; Ctrl-C leaves the job running."""
    studio = connect(home=home, tenant=tenant)
    job = studio.personas.create(
        name,
        photos[0] if len(photos) == 1 else photos,
        attributes=[a.strip() for a in attributes.split(",")],
        preset=preset,
        organizer=organizer,
        prior=prior,
        seed=seed,
        labels=options.labels(labels),
        person=person,
        keep=keep or (),
        consent=options.consent(consent),
        retain_days=retain_days,
    )
    if no_wait:
        return _started(job, json)
    persona = job.wait(progress=not json)
    if json:
        show.as_json({"job": job.id, "persona": show.persona_data(persona)})
    else:
        show.persona(persona)


def add(
    persona: PersonaName,
    photos: Annotated[list[str], typer.Argument(help="A folder, photos, or their https addresses.")],
    keep: Annotated[
        list[str] | None, typer.Option(metavar="PHOTO", help="A photo to use whatever is found in it; may be repeated.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help='JSON with attributes of your own: {"a.jpg": {"age": 34}}.')
    ] = None,
    seed: Seed = 0,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Learn a person better from more photos. The persona as it is serves until that is done."""
    before = connect(home=home, tenant=tenant).personas.get(persona)
    given = photos[0] if len(photos) == 1 else photos
    job = before.add(given, keep=keep or (), labels=options.labels(labels), seed=seed, wait=False)
    if no_wait:
        return _started(job, json)
    after = job.wait(progress=not json)
    if json:
        show.as_json({"job": job.id, "persona": show.persona_data(after)})
    else:
        show.added(before, after)


def synthesize(
    persona: PersonaName,
    yaw: Yaw = None,
    pitch: Pitch = None,
    roll: Roll = None,
    smile: Smile = None,
    mouth_open: MouthOpen = None,
    eyes_open: EyesOpen = None,
    own: Set = None,
    n: Annotated[int | None, typer.Option("-n", help="So many pictures, each with its own random draw.")] = None,
    grid: Annotated[str | None, typer.Option(help="Two attributes over their reach, as in yaw,smile.")] = None,
    seed: Seed = 0,
    strict: Strict = False,
    out: Out = None,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """New portraits. Lists make a sweep (--yaw=-20,0,20) or, two of them, a grid."""
    named = {"yaw": yaw, "pitch": pitch, "roll": roll, "smile": smile, "mouth_open": mouth_open, "eyes_open": eyes_open}
    person = connect(home=home, tenant=tenant).personas.get(persona)
    axes: Any = None if grid is None else tuple(a.strip() for a in grid.split(","))
    asked: Any = options.values(named, own)
    job = person.synthesize(n=n, grid=axes, seed=seed, strict=strict, wait=False, **asked)
    _deliver(job, person.name, out, no_wait, json)


def edit(
    persona: PersonaName,
    photo: Annotated[str, typer.Argument(help="A photo that shows the person, or its https address.")],
    yaw: Yaw = None,
    pitch: Pitch = None,
    roll: Roll = None,
    smile: Smile = None,
    mouth_open: MouthOpen = None,
    eyes_open: EyesOpen = None,
    own: Set = None,
    relative: Annotated[bool, typer.Option("--relative", help="Values are changes, not targets.")] = False,
    space: Annotated[str, typer.Option(help="Where the photo is sought: w, w_plus or s.")] = "w_plus",
    seed: Seed = 0,
    strict: Strict = False,
    out: Out = None,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Change the named attributes of a real photo; everything else stays as it is."""
    named = {"yaw": yaw, "pitch": pitch, "roll": roll, "smile": smile, "mouth_open": mouth_open, "eyes_open": eyes_open}
    person = connect(home=home, tenant=tenant).personas.get(persona)
    asked: Any = options.values(named, own)
    job = person.edit(photo, relative=relative, space=space, seed=seed, strict=strict, wait=False, **asked)
    _deliver(job, f"{_stem(photo)}-{person.name}", out, no_wait, json)


def enhance(
    persona: PersonaName,
    photo: Annotated[str, typer.Argument(help="The degraded photo, or its https address.")],
    degradation: Annotated[
        str,
        typer.Option(help="auto, or what happened, in order: gaussian-blur:1.5,downsample:4,jpeg:30; mask:hole.png."),
    ] = "auto",
    yaw: Yaw = None,
    pitch: Pitch = None,
    roll: Roll = None,
    smile: Smile = None,
    mouth_open: MouthOpen = None,
    eyes_open: EyesOpen = None,
    own: Set = None,
    seed: Seed = 0,
    strict: Strict = False,
    out: Out = None,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Restore a degraded photo; attributes steer what the damage left open."""
    named = {"yaw": yaw, "pitch": pitch, "roll": roll, "smile": smile, "mouth_open": mouth_open, "eyes_open": eyes_open}
    person = connect(home=home, tenant=tenant).personas.get(persona)
    asked: Any = options.values(named, own)
    job = person.enhance(photo, options.degradation(degradation), seed=seed, strict=strict, wait=False, **asked)
    _deliver(job, f"{_stem(photo)}-restored", out, no_wait, json)


def _stem(photo: str) -> str:
    return Path(photo.partition("?")[0]).stem


def _started(job: AnyJob, json: bool) -> None:
    if json:
        show.as_json(show.job_data(job))
    else:
        print(job.id)


def _deliver(job: AnyJob, stem: str, out: Path | None, no_wait: bool, json: bool) -> None:
    """Wait for the pictures, write them, say what they show."""
    if no_wait:
        return _started(job, json)
    result: Output = job.wait(progress=not json)
    written = _write(result, re.sub(r"[^\w.-]+", "-", stem), out)
    if json:
        show.as_json(
            {
                "job": job.id,
                "pictures": [{"path": str(path), "report": p.report.model_dump(mode="json")} for path, p in written],
            }
        )
        return
    for path, picture in written:
        show.picture(str(path), picture.report)


def _write(result: Output, stem: str, out: Path | None) -> list[tuple[Path, Picture]]:
    """One picture or a grid's sheet: the file `out`. Several: numbered files in the folder `out`."""
    if isinstance(result, Picture):
        return [(result.save(out or Path(f"{stem}.png")), result)]
    if isinstance(result, Grid):
        path = result.save(out or Path(f"{stem}-grid.png"))
        return [(path, picture) for picture in result]
    folder = out or Path(stem)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {folder}: {error.strerror}; choose another with --out", param="--out"
        ) from error
    return [(p.save(folder / f"{stem}-{index + 1:02d}.png"), p) for index, p in enumerate(result)]
