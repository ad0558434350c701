"""webhooks: what could not be delivered, sending it again, and the secret."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from ..backend import open_backend
from ..studio import connect
from . import show
from .options import AsJson, Home, Store, Tenant, Url

app = typer.Typer(name="webhooks", help="Webhooks that wait or were given up.", no_args_is_help=True)


@app.command("list")
def list_(
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    home: Home = None,
    url: Url = None,
    store: Store = None,
    json: AsJson = False,
) -> None:
    """Those of all tenants that wait for their next attempt, and those that were given up."""
    found = open_backend(url, home, store).ledger.outbox.list(dead=True if dead else None)
    if json:
        return show.as_json([asdict(d) for d in found])
    table = Table(
        Column("webhook", no_wrap=True), "tenant", "event", "attempts", "next", "last error", box=None, pad_edge=False
    )
    for d in found:
        then = "given up" if d.dead else datetime.fromtimestamp(d.due).strftime("%d %b %H:%M:%S")
        table.add_row(d.id, d.tenant, d.kind, str(d.attempts), then, escape(d.error))
    show.console.print(table if found else "none")


@app.command()
def resend(
    webhook_id: Annotated[str, typer.Argument(metavar="ID", help="One that was given up.")],
    home: Home = None,
    url: Url = None,
    store: Store = None,
    json: AsJson = False,
) -> None:
    """Try one again that was given up; one that still waits is left as it is."""
    delivery = open_backend(url, home, store).ledger.outbox.resend(webhook_id)
    show.as_json(asdict(delivery)) if json else print(
        "it is due now" if delivery.attempts == 0 else "it is still being tried"
    )


@app.command()
def secret(
    tenant: Tenant = None,
    home: Home = None,
    url: Url = None,
    store: Store = None,
    json: AsJson = False,
) -> None:
    """Print a tenant's signing secret, for the endpoint that receives. Keep it like a password."""
    signing = connect(url, home=home, store=store, tenant=tenant).webhooks.secret()
    show.as_json({"secret": signing}) if json else print(signing)
