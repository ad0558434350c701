"""portraitist priors list, add, calibrate, info, verify, export, remove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import printable
from ..priors.library import Priors
from ..priors.official import OFFICIAL
from ..priors.prior import Prior
from ..studio import connect
from . import show
from .options import AsJson, Home, NoWait, Seed

app = typer.Typer(
    name="priors",
    help="The generators that personas start from: the bundled one, and weights you bring.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Name = Annotated[str, typer.Argument(metavar="PRIOR", help="Its name.")]


def _priors(home: Path | None) -> Priors:
    return connect(home=home).priors


@app.command("list")
def list_(home: Home = None, json: AsJson = False) -> None:
    """What is there, and what can be fetched by name."""
    found = _priors(home).list()
    if json:
        return show.as_json({"priors": [_data(p) for p in found], "known": [vars(o) for o in OFFICIAL.values()]})
    show.priors(found)


@app.command()
def add(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help=f"A weights file, or one of {', '.join(OFFICIAL)} (downloads).")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; default: after the file.")] = None,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", help="You have read the licence that comes with the weights, and keep to it."),
    ] = False,
    mapping_from: Annotated[
        str | None, typer.Option(help="For MyStyle's tuned generators: the prior that they were tuned from.")
    ] = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Import a generator: NVIDIA's StyleGAN2 pickles, rosinality's and MyStyle's .pt, safetensors. Nothing in the file is run."""
    with show.Download(quiet=json) as bar:
        prior = _priors(home).add(
            source, name=name, accept_licence=accept_licence, mapping_from=mapping_from, on_bytes=bar.on_bytes
        )
    if json:
        return show.as_json(_data(prior))
    show.prior(prior)
    if not prior.calibrated:
        print(f"next: portraitist priors calibrate {prior.name}")


@app.command()
def calibrate(
    name: Name,
    samples: Annotated[int | None, typer.Option(help="Pictures to draw and measure; default: by resolution.")] = None,
    seed: Seed = 0,
    no_wait: NoWait = False,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Measure an imported prior, once, so that personas can be made from it. Goes on where it was when it is cut off."""
    job = _priors(home).calibrate(name, samples=samples, seed=seed)
    if no_wait:
        return show.as_json(show.job_data(job)) if json else print(job.id)
    prior = job.wait(progress=not json)
    show.as_json(_data(prior)) if json else show.prior(prior)


@app.command()
def info(name: Name, home: Home = None, json: AsJson = False) -> None:
    """Where it came from, its licence, what was measured."""
    prior = _priors(home).get(name)
    show.as_json(_data(prior)) if json else show.prior(prior)


@app.command()
def verify(name: Name, home: Home = None, json: AsJson = False) -> None:
    """Hash the weights again and draw with them. Exit code 1 when something is wrong."""
    found = _priors(home).verify(name)
    if json:
        show.as_json({**vars(found), "ok": found.ok})
    else:
        show.checks({"weights are what was imported": found.hash, "a small forward pass gives the recorded numbers": found.probe,
                     "a full picture is finite": found.finite, "calibration is whole": found.calibrated})  # fmt: skip
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def export(
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write.")],
    layout: Annotated[str, typer.Option(help="nvidia, rosinality or safetensors.")] = "nvidia",
    force: Annotated[bool, typer.Option("--force", help="Overwrite.")] = False,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Write the generator in another layout, and read it back to see that it is equal to the bit."""
    written, notes = _priors(home).export(name, path, layout=layout, overwrite=force)
    if json:
        return show.as_json({"path": str(written), "layout": layout, "notes": notes})
    print(f"{printable(str(written))}: {layout}, reads back equal")
    for note in notes:
        print(f"  {note}")


@app.command()
def remove(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Even if personas were made from it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Delete an imported prior."""
    priors = _priors(home)
    priors.get(name)
    if not yes and not json:
        typer.confirm(f"Delete the prior {name!r}?", abort=True)
    priors.remove(name, force=force)
    show.as_json({"removed": name}) if json else print(f"removed {name}")


def _data(prior: Prior) -> dict[str, object]:
    record = {} if prior.record is None else prior.record.model_dump(mode="json")
    return {"name": prior.name, "calibrated": prior.calibrated, "folder": str(prior.folder), **record}
