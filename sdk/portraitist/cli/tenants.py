"""portraitist tenants list, set-quota: for the operator, who sees all of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.table import Table

from ..backend import check_tenant, open_backend
from ..errors import InvalidRequest
from ..ledger import Quotas
from . import show
from .options import AsJson, Home, Store, Url

app = typer.Typer(
    name="tenants",
    help="Who shares this installation: what each has and waits for, and how much of it each may.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """Each tenant's running jobs, queued jobs and personas, with its quotas."""
    found = open_backend(url, home, store).ledger.tenants()
    if json:
        return show.as_json([asdict(row) for row in found])
    table = Table("tenant", "running", "queued", "personas", box=None, pad_edge=False)
    for row in found:
        limits = asdict(row.quotas)
        have = {"running": row.running, "queued": row.queued, "personas": row.personas}
        cells = (
            f"{count}" + (f" of {limits[name]}" if limits[name] is not None else "") for name, count in have.items()
        )
        table.add_row(row.name, *cells)
    show.console.print(table if found else "no tenants yet; the first job makes one")


@app.command()
def set_quota(
    tenant: Annotated[str, typer.Argument(help="Its name; '*' for all that have no quotas of their own.")],
    running: Annotated[
        str | None, typer.Option(help="Jobs at the same time; 'none': as many as there are workers.")
    ] = None,
    queued: Annotated[str | None, typer.Option(help="Jobs that wait; 'none': any number.")] = None,
    personas: Annotated[str | None, typer.Option(help="Personas; 'none': any number.")] = None,
    url: Url = None,
    store: Store = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Set what one tenant may have. What is not named stays as it is."""
    if tenant != "*":
        check_tenant(tenant)
    ledger = open_backend(url, home, store).ledger
    asked = {"running": running, "queued": queued, "personas": personas}
    changes = {name: _limit(name, text) for name, text in asked.items() if text is not None}
    ledger.set_quotas(tenant, replace(ledger.quotas(tenant), **changes))
    now: Quotas = ledger.quotas(tenant)
    if json:
        return show.as_json({"tenant": tenant, **asdict(now)})
    print(
        f"{tenant}: " + ", ".join(f"{name} {'any' if limit is None else limit}" for name, limit in asdict(now).items())
    )


def _limit(name: str, text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdigit():
        raise InvalidRequest(f"--{name} {text!r}: expected a whole number, or none", param=f"--{name}")
    return int(text)
