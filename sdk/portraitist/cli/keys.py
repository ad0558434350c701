"""portraitist keys create, list, revoke: API keys of the HTTP API. keys new, rewrap: master keys."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, cast

import typer
from rich.markup import escape
from rich.table import Table

from ..backend import check_tenant, open_backend
from ..ledger import DEFAULT_TENANT
from ..ledger.api_keys import ApiKeyRow, Scope
from ..vault import new_secret
from . import show
from .options import AsJson, Home, Store, Url

app = typer.Typer(
    name="keys",
    help="API keys for `portraitist studio`, and master keys, which wrap every persona's data key.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, in words.")],
    scope: Annotated[
        str,
        typer.Option(
            help="read: look at people, jobs and pictures; make: also start and stop jobs; admin: also delete people."
        ),
    ] = "make",
    tenant: Annotated[str, typer.Option(help="Whose people and jobs it opens.")] = DEFAULT_TENANT,
    days: Annotated[float | None, typer.Option(help="It expires after so many.")] = None,
    rate: Annotated[float | None, typer.Option(help="Requests a minute; default: the server's.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Jobs a day (UTC); default: as many as it likes.")] = None,
    url: Url = None,
    store: Store = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Make an API key and print it. It is shown this once: only its SHA-256 is kept."""
    from ..http.access.secret import create_key

    check_tenant(tenant)
    backend = open_backend(url, home, store)
    row, secret = create_key(backend, tenant, name, cast(Scope, scope), days=days, rate=rate, jobs=jobs)
    show.as_json({**_data(row), "key": secret}) if json else print(secret)


@app.command("list")
def list_(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """All API keys, without their secrets, and how many jobs each has submitted today of those that it may."""
    from ..http.access.allowance import day_of

    keys = open_backend(url, home, store).ledger.api_keys
    found, spent = keys.list(), keys.spent(day_of(time.time()))
    if json:
        return show.as_json([{**_data(row), "jobs_today": _today(row, spent)} for row in found])
    table = Table(
        "key", "tenant", "scope", "for", "made", "expires", "a minute", "jobs today", box=None, pad_edge=False
    )
    for row in found:
        ended = " (over)" if row.expires is not None and row.expires <= time.time() else ""
        expires = "" if row.expires is None else _day(row.expires) + ended
        rate = "" if row.rate is None else f"{row.rate:g}"
        jobs = "" if row.jobs is None else f"{_today(row, spent)} of {row.jobs}"
        table.add_row(row.id, row.tenant, row.scope, escape(row.name), _day(row.created), expires, rate, jobs)
    show.console.print(table if found else "no API keys; `portraitist keys create` makes one")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="key_…, as `keys list` shows it.")],
    url: Url = None,
    store: Store = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Make an API key useless, at once."""
    open_backend(url, home, store).ledger.api_keys.revoke(key_id)
    show.as_json({"revoked": key_id}) if json else print(f"{key_id} opens nothing any more")


@app.command()
def new(json: AsJson = False) -> None:
    """Print a new master key, for PORTRAITIST_MASTER_KEY on every client and worker."""
    secret = new_secret()
    show.as_json({"key": secret}) if json else print(secret)


@app.command()
def rewrap(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """Wrap every data key with the first master key. With PORTRAITIST_MASTER_KEY=NEW,OLD this changes the key; without OLD
    afterwards, older backups of the ledger open nothing."""
    backend = open_backend(url, home, store)
    count = backend.ledger.rewrap(lambda persona_id, wrapped: backend.keyring.rewrap(wrapped, persona_id))
    show.as_json({"rewrapped": count}) if json else print(f"{count} data keys are wrapped with the first master key")


def _data(row: ApiKeyRow) -> dict[str, object]:
    return {name: value for name, value in asdict(row).items() if name != "digest"}


def _today(row: ApiKeyRow, spent: dict[str, int]) -> int | None:
    """Only jobs of keys with a limit are counted."""
    return None if row.jobs is None else spent.get(row.id, 0)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d")
