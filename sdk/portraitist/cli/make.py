"""create, add, synthesize, edit, enhance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..attributes import ATTRIBUTES, DEFAULT_ATTRIBUTES
from ..errors import InvalidRequest
from ..jobs import AnyJob
from ..studio import connect
from ..targets import KEEP, expanded
from . import options, several, show, whose
from .ending import deliver, started
from .options import (
    FRAMES,
    AsJson,
    EyesOpen,
    Face,
    Force,
    HeldEyesOpen,
    HeldMouthOpen,
    Home,
    MouthOpen,
    NoWait,
    OneEyesOpen,
    OneMouthOpen,
    OnePitch,
    OneRoll,
    OneSmile,
    OneYaw,
    Out,
    Pitch,
    Roll,
    Seed,
    Set,
    Smile,
    Strict,
    Tenant,
    Video,
    Yaw,
)
from .places import Places, check_free, pictures_of, stem_of
from .whose import Whose

PersonaName = Annotated[str, typer.Argument(metavar="PERSONA", help="Its name or id.")]


def create(
    name: Annotated[str, typer.Argument(help="What to call the person.")],
    photos: Annotated[list[str], typer.Argument(help="Folders, photos, or their https addresses.")],
    attributes: Annotated[
        str, typer.Option(help=f"What shall be controllable, of {', '.join(ATTRIBUTES)}, and of your own (--labels).")
    ] = ",".join(DEFAULT_ATTRIBUTES),
    preset: Annotated[str, typer.Option(help="fast, balanced or best.")] = "balanced",
    organizer: Annotated[str, typer.Option(help="auto, regression, mystyle_pp, mystyle_pp_sefa or mystyle.")] = "auto",
    labels: Annotated[
        Path | None, typer.Option(help='JSON with attributes of your own: {"a.jpg": {"age": 34}}.')
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(metavar="PHOTO", help="A photo that shows who is meant; else whoever most photos show."),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="PHOTO", help="A photo to use whatever is found in it; may be repeated.")
    ] = None,
    prior: Annotated[str, typer.Option(help="The generator to start from.")] = "default",
    detail: Annotated[bool, typer.Option(help="Keep the photos' faces, for portraits with their detail.")] = True,
    consent: Annotated[
        Path | None,
        typer.Option(help='JSON with the person\'s consent: {"subject": …, "by": …, "text": …}; a cluster needs it.'),
    ] = None,
    retain_days: Annotated[float | None, typer.Option(help="Delete the persona after so many days.")] = None,
    seed: Seed = 0,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Learn a person from photos. Takes a minute or two; Ctrl-C leaves the job running."""
    given = [options.photo(photo) for photo in photos]
    studio = connect(home=home, tenant=tenant)
    job = studio.personas.create(
        name,
        given,
        attributes=[a.strip() for a in attributes.split(",")],
        preset=preset,
        organizer=organizer,
        prior=prior,
        seed=seed,
        labels=options.labels(labels),
        person=person,
        keep=keep or (),
        detail=detail,
        consent=options.consent(consent),
        retain_days=retain_days,
    )
    if no_wait:
        return started(job, json)
    persona = job.wait(progress=not json)
    if json:
        show.as_json({"job": job.id, "persona": show.persona_data(persona)})
    else:
        show.persona(persona)


def add(
    persona: PersonaName,
    photos: Annotated[list[str], typer.Argument(help="Folders, photos, or their https addresses.")],
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
    given = [options.photo(photo) for photo in photos]
    before = connect(home=home, tenant=tenant).personas.get(persona)
    job = before.add(given, keep=keep or (), labels=options.labels(labels), seed=seed, wait=False)
    if no_wait:
        return started(job, json)
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
    size: Annotated[
        str | None, typer.Option(help="512: with the photos' fine detail, the default for a few; native: without.")
    ] = None,
    background: Annotated[
        str, typer.Option(help="plain, or generated: all that the generator drew behind the person.")
    ] = "plain",
    seed: Seed = 0,
    strict: Strict = False,
    out: Out = None,
    force: Force = False,
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
    batch = expanded(asked, persona=person.name, reach=person.reach, n=n, grid=axes, strict=strict)
    paths = Places(out, person.name, force).before(batch, no_wait)
    how: Any = {"size": options.size(size), "background": background}
    job = person.synthesize(n=n, grid=axes, seed=seed, strict=strict, wait=False, **how, **asked)
    started(job, json) if no_wait else deliver(job, paths, json)


def edit(
    persona: Whose,
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO...", help="A photo that shows the person, or its https address; several, or a folder."
        ),
    ],
    yaw: Yaw = None,
    pitch: Pitch = None,
    roll: Roll = None,
    smile: Smile = None,
    mouth_open: HeldMouthOpen = None,
    eyes_open: HeldEyesOpen = None,
    own: Set = None,
    relative: Annotated[bool, typer.Option("--relative", help="Values are changes, not targets.")] = False,
    preset: Annotated[str, typer.Option(help="fast, or best: tune the generator to the photo first.")] = "fast",
    space: Annotated[str, typer.Option(help="Where the photo is sought: w, w_plus, s or s_gaussian.")] = "w_plus",
    face: Face = None,
    video: Video = None,
    part: Annotated[
        str | None, typer.Option(help="Change this part alone, such as hair; --set names what is its own.")
    ] = None,
    like: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="With --part: the photo that it is taken from.")
    ] = None,
    shape: Annotated[str | None, typer.Option(metavar="PHOTO", help="With --part: whence its shape alone.")] = None,
    texture: Annotated[str | None, typer.Option(metavar="PHOTO", help="With --part: whence its texture alone.")] = None,
    seed: Seed = 0,
    strict: Strict = False,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Change the named attributes of a real photo; everything else stays as it is. Of several photos, also a page with all of them."""
    named = {"yaw": yaw, "pitch": pitch, "roll": roll, "smile": smile, "mouth_open": mouth_open, "eyes_open": eyes_open}
    person = whose.person(connect(home=home, tenant=tenant), persona, progress=not json)
    asked: Any = options.values(named, own)
    taken = {"like": like, "shape": shape, "texture": texture}
    if part is None and any(taken.values()):
        raise InvalidRequest(
            "--like, --shape and --texture say what a part is taken from: name it with --part", param="--part"
        )
    changed = {} if part else {name: value for name, value in asked.items() if value != KEEP}
    batch = expanded(changed, persona=person.name, reach=person.reach, relative=relative, strict=strict)

    def submit(photo: str) -> AnyJob:
        sources: Any = {name: options.photo(source) for name, source in taken.items() if source is not None}
        return person.edit(
            photo,
            part=part,
            relative=relative,
            preset=preset,
            space=space,
            face=options.place(face),
            frames=0 if video is None else FRAMES,
            seed=seed,
            strict=strict,
            wait=False,
            **sources,
            **asked,
        )

    check_free("--video", video, force, no_wait)
    if len(photos) > 1 or Path(photos[0]).expanduser().is_dir():
        if video is not None:
            raise InvalidRequest("--video is of one photo; leave it out for several", param="--video")
        return several.edit(
            photos, Places(out, person.name, force), pictures_of(batch), submit, no_wait=no_wait, json=json
        )
    paths = Places(out, f"{stem_of(photos[0])}-{person.name}", force).before(batch, no_wait)
    job = submit(options.photo(photos[0]))
    started(job, json) if no_wait else deliver(job, paths, json, video)


def enhance(
    persona: PersonaName,
    photo: Annotated[str, typer.Argument(help="The degraded photo, or its https address.")],
    degradation: Annotated[
        str,
        typer.Option(help="auto, or what happened, in order: gaussian-blur:1.5,downsample:4,jpeg:30; mask:hole.png."),
    ] = "auto",
    yaw: OneYaw = None,
    pitch: OnePitch = None,
    roll: OneRoll = None,
    smile: OneSmile = None,
    mouth_open: OneMouthOpen = None,
    eyes_open: OneEyesOpen = None,
    own: Set = None,
    face: Face = None,
    seed: Seed = 0,
    strict: Strict = False,
    out: Out = None,
    force: Force = False,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Restore a degraded photo; attributes steer what the damage left open."""
    named = {"yaw": yaw, "pitch": pitch, "roll": roll, "smile": smile, "mouth_open": mouth_open, "eyes_open": eyes_open}
    person = connect(home=home, tenant=tenant).personas.get(persona)
    asked: Any = options.values(named, own)
    batch = expanded(asked, persona=person.name, reach=person.reach, strict=strict)
    paths = Places(out, f"{stem_of(photo)}-restored", force).before(batch, no_wait)
    chain = options.degradation(degradation)
    place = options.place(face)
    job = person.enhance(options.photo(photo), chain, face=place, seed=seed, strict=strict, wait=False, **asked)
    started(job, json) if no_wait else deliver(job, paths, json)
