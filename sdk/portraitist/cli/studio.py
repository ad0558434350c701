"""portraitist studio: the HTTP API, and the page in the browser."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Annotated
from urllib.parse import quote

import typer

from ..backend import check_tenant, open_backend
from ..errors import InvalidRequest
from .options import Home, Monitor, Store, Tenant, Url

_NEEDED = ("fastapi", "uvicorn", "h11", "python_multipart")


def studio(
    host: Annotated[
        str, typer.Option(help="Where it listens. Any other than loopback asks everybody for an API key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8321,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="PORTRAITIST_HTTP_HOSTS",
            help="A name that it is asked for under, as in studio.example:443; repeatable.",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            envvar="PORTRAITIST_HTTP_ORIGINS",
            help="Another page's origin that browsers may call from (CORS); repeatable.",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=1, help="Requests a minute of an API key that has no rate of its own.")
    ] = 600.0,
    browser: Annotated[
        bool | None,
        typer.Option("--browser/--no-browser", help="Open the page; default: on loopback, from a terminal."),
    ] = None,
    person: Annotated[str | None, typer.Option(help="A person's name: the page opens on their portrait.")] = None,
    monitor: Monitor = None,
    url: Url = None,
    store: Store = None,
    home: Home = None,
    tenant: Tenant = None,
) -> None:
    """Open the studio: a page in your browser, and the HTTP API that it uses. On loopback the printed address lets one browser in."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise InvalidRequest(
            f"the studio needs packages that are missing ({', '.join(missing)}); run `pip install 'portraitist[http]'`",
            param="studio",
        )
    from ..http.browser import show
    from ..http.options import Options
    from ..http.server import run

    options = Options(
        host=host,
        port=port,
        hosts=tuple(h.lower() for h in allow_host or ()),
        origins=tuple(allow_origin or ()),
        rate=rate,
    )
    shown = not (browser if browser is not None else options.loopback and sys.stdout.isatty())

    def say(address: str) -> None:
        nonlocal shown
        if person is not None and options.loopback:
            address += f"&person={quote(person)}"
        print(address, flush=True)
        if not shown:
            shown = True
            show(address)

    tenant = None if tenant is None else check_tenant(tenant)
    run(open_backend(url, home, store), options, tenant=tenant, monitor=monitor, say=say)
