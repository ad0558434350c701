"""portraitist styles learn, list, remove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import printable
from ..studio import connect
from ..styles.library import Style, Styles
from . import options, show
from .options import AsJson, Home, NoWait, Seed, Tenant

app = typer.Typer(
    name="styles",
    help="Other ways to draw a person: the three that come with Portraitist, and those learnt from your pictures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Name = Annotated[str, typer.Argument(metavar="STYLE", help="Its name.")]


def _styles(home: Path | None, tenant: str | None) -> Styles:
    return connect(home=home, tenant=tenant).styles


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: AsJson = False) -> None:
    """What is there, and for which priors."""
    found = _styles(home, tenant).list()
    if json:
        return show.as_json({"styles": [_data(style) for style in found]})
    for style in found:
        _say(style)


@app.command()
def learn(
    name: Name,
    images: Annotated[list[str], typer.Argument(help="A folder, or files: 5 to 500 pictures of faces in the style.")],
    base: Annotated[
        str, typer.Option(help="The prior; personas that were made from it can wear the style.")
    ] = "default",
    steps: Annotated[int | None, typer.Option(help="At most so many; default: 400.")] = None,
    seed: Seed = 0,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Learn a style from pictures of faces, in minutes. Goes on where it was when it is cut off."""
    given = images[0] if len(images) == 1 else [options.photo(image) for image in images]
    job = _styles(home, tenant).learn(name, given, base=base, steps=steps, seed=seed)
    if no_wait:
        return show.as_json(show.job_data(job)) if json else print(job.id)
    style = job.wait(progress=not json)
    show.as_json(_data(style)) if json else _say(style)


@app.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Delete a style that was learnt. Pictures made with it stay."""
    styles = _styles(home, tenant)
    styles.get(name)
    if not yes and not json:
        typer.confirm(f"Delete the style {name!r}?", abort=True)
    styles.remove(name)
    show.as_json({"removed": name}) if json else print(f"removed {name}")


def _say(style: Style) -> None:
    made = "comes with Portraitist"
    if (record := style.record) is not None:
        made = f"learnt from {record.pictures} pictures in {record.seconds:.0f} s"
    print(f"{style.name}: {made}; for {' and '.join(style.bases) or 'no prior'}")
    if record is not None:
        for picture, reason in record.refused.items():
            print(f"  not used: {printable(picture)}: {printable(reason)}")
        for warning in record.warnings:
            print(f"  {printable(warning)}")


def _data(style: Style) -> dict[str, object]:
    record = {} if style.record is None else style.record.model_dump(mode="json")
    return {"name": style.name, "bases": list(style.bases), **record}
