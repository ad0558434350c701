"""portraitist priors list, add, calibrate, info, verify, export, remove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import printable
from ..priors.assets import OPTIONAL
from ..priors.library import Priors
from ..priors.official import OFFICIAL
from ..priors.prior import Prior
from ..studio import connect
from . import show
from .options import AsJson, Home, NoWait, Seed, Tenant

app = typer.Typer(
    name="priors",
    help="The generators that personas start from: the bundled ones, and weights you bring. With $PORTRAITIST_URL: a cluster's.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Name = Annotated[str, typer.Argument(metavar="PRIOR", help="Its name.")]


def _priors(home: Path | None, tenant: str | None) -> Priors:
    return connect(home=home, tenant=tenant).priors


@app.command("list")
def list_(home: Home = None, tenant: Tenant = None, json: AsJson = False) -> None:
    """What is there, and what can be fetched by name."""
    found = _priors(home, tenant).list()
    if json:
        return show.as_json({"priors": [_data(p) for p in found], "known": [vars(o) for o in OFFICIAL.values()]})
    show.priors(found)


@app.command()
def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=f"A weights file, a folder that `export` wrote, or one of {', '.join(OFFICIAL)} (downloads).",
        ),
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
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Import a generator: NVIDIA's StyleGAN2 pickles, rosinality's and MyStyle's .pt, safetensors. Nothing in the file is run.
    In a cluster it goes into the store, for workers on every host."""
    with show.Download(quiet=json) as bar:
        prior = _priors(home, tenant).add(
            source, name=name, accept_licence=accept_licence, mapping_from=mapping_from, on_bytes=bar.on_bytes
        )
    if json:
        return show.as_json(_data(prior))
    show.prior(prior)
    if not prior.calibrated:
        print(f"next: portraitist priors calibrate {prior.name}")


@app.command()
def attach(
    name: Name,
    asset: Annotated[str, typer.Argument(metavar="ASSET", help=f"One of {', '.join(OPTIONAL)}.")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A safetensors file.")],
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Add an optional asset to an imported prior, or replace it."""
    prior = _priors(home, tenant).attach(name, asset, path)
    show.as_json(_data(prior)) if json else show.prior(prior)


@app.command()
def calibrate(
    name: Name,
    samples: Annotated[int | None, typer.Option(help="Pictures to draw and measure; default: by resolution.")] = None,
    motion: Annotated[
        bool, typer.Option("--motion", help="Train a latent transformer, too, so that `move` works. Takes longer.")
    ] = False,
    faces: Annotated[
        int | None, typer.Option(help="With --motion: so many faces it is asked about; default: the usual number.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="With --motion: steps of its training; default: the usual number.")
    ] = None,
    seed: Seed = 0,
    no_wait: NoWait = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Measure an imported prior, once, so that personas can be made from it. Goes on where it was when it is cut off."""
    job = _priors(home, tenant).calibrate(name, samples=samples, motion=motion, faces=faces, steps=steps, seed=seed)
    if no_wait:
        return show.as_json(show.job_data(job)) if json else print(job.id)
    prior = job.wait(progress=not json)
    show.as_json(_data(prior)) if json else show.prior(prior)


@app.command()
def info(name: Name, home: Home = None, tenant: Tenant = None, json: AsJson = False) -> None:
    """Where it came from, its licence, its assets, what is missing, what was measured."""
    prior = _priors(home, tenant).get(name)
    show.as_json(_data(prior)) if json else show.prior(prior)


@app.command()
def verify(name: Name, home: Home = None, tenant: Tenant = None, json: AsJson = False) -> None:
    """Hash every asset again and draw with the generator. Exit code 1 when something is wrong."""
    found = _priors(home, tenant).verify(name)
    if json:
        show.as_json({**vars(found), "ok": found.ok})
    else:
        show.checks({"weights are what was imported": found.hash, "a small forward pass gives the recorded numbers": found.probe,
                     "a full picture is finite": found.finite, "calibration is whole": found.calibrated,
                     **{f"{a} is what was attached": found.assets[a] for a in OPTIONAL if a in found.assets}})  # fmt: skip
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def export(
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write.")],
    layout: Annotated[
        str, typer.Option(help="nvidia, rosinality or safetensors; folder: the prior with all its assets.")
    ] = "nvidia",
    force: Annotated[bool, typer.Option("--force", help="Overwrite.")] = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Write the generator in another layout, and read it back to see that it is equal to the bit. Or all assets, as a folder."""
    written, notes = _priors(home, tenant).export(name, path, layout=layout, overwrite=force)
    if json:
        return show.as_json({"path": str(written), "layout": layout, "notes": notes})
    print(f"{printable(str(written))}: {layout}, " + ("all assets" if layout == "folder" else "reads back equal"))
    for note in notes:
        print(f"  {note}")


@app.command()
def remove(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Even if personas were made from it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: Home = None,
    tenant: Tenant = None,
    json: AsJson = False,
) -> None:
    """Delete an imported prior with its assets."""
    priors = _priors(home, tenant)
    priors.get(name)
    if not yes and not json:
        typer.confirm(f"Delete the prior {name!r}?", abort=True)
    priors.remove(name, force=force)
    show.as_json({"removed": name}) if json else print(f"removed {name}")


def _data(prior: Prior) -> dict[str, object]:
    record = {} if prior.record is None else prior.record.model_dump(mode="json")
    folder = None if prior.folder is None else str(prior.folder)
    return {"name": prior.name, "calibrated": prior.calibrated, "folder": folder, "missing": prior.missing, **record}
