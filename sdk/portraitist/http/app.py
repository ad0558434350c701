"""The app: who asks, what may be asked, and the document that says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__
from ..backend import Backend
from ..errors import NotFound, PortraitistError
from ..ledger import DEFAULT_TENANT
from ..operations import OPERATIONS
from ..store.protocol import digest_of
from . import problems
from .access.door import Door
from .access.session import Sessions
from .bodies import Verb, calibrate_verb, create_verb, persona_verbs, replay_verb, style_verb
from .context import Api
from .follower import Follower
from .guard import Guard
from .metrics import Metrics
from .options import Options
from .routes import jobs, live, others, page, personas, priors, replay, styles
from .threads import Threads
from .traces import Traces

_NOTHING = digest_of(b"")  # asked of the store; that it is not there is an answer
_ABOUT = "Personal generative models of faces: people, portraits, edits, restorations. docs/http.md shows it with curl."


def create_app(
    backend: Backend,
    options: Options | None = None,
    *,
    tenant: str | None = None,
    on_token: Callable[[str], None] | None = None,
    traces: Traces | None = None,
) -> FastAPI:
    """`backend` sees all tenants; each key belongs to one. `on_token` is told each new token of the printed address, on loopback:
    whoever brings one acts for `tenant`, with all rights."""
    options = options or Options()
    threads, slow = Threads(options.threads), Threads(options.slow_threads)
    follower = Follower(backend, threads)
    metrics = Metrics(lambda: follower.streams, lambda: len(app.state.api.sessions))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        follower.start()
        try:
            yield
        finally:
            follower.close()
            threads.close()
            slow.close()

    app = FastAPI(
        title="Portraitist",
        version=__version__,
        description=_ABOUT,
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    sessions = Sessions(on_token) if on_token is not None and options.loopback else None
    app.state.api = Api(backend, options, threads, slow, follower, lambda: _ready(backend))
    app.state.door = Door(backend, options, threads, sessions, backend.of(tenant).ledger.tenant or DEFAULT_TENANT)
    app.state.metrics = metrics
    problems.install(app, private=options.loopback)
    for router in (
        others.router,
        personas.router(),
        jobs.router,
        live.router,
        replay.router(),
        priors.router(),
        styles.router(),
        page.router(),
    ):
        app.include_router(router)
    app.add_middleware(Guard, options=options, metrics=metrics, traces=traces or Traces(None))
    app.openapi = _openapi_of(app)  # type: ignore[method-assign]
    return app


def _ready(backend: Backend) -> Mapping[str, str]:
    return {
        "ledger": _state(lambda: backend.ledger.depth("serve")),
        "store": _state(lambda: backend.store.get(_NOTHING)),
    }


def _state(ask: Callable[[], object]) -> str:
    try:
        ask()
    except NotFound:
        pass
    except PortraitistError as error:
        return error.code  # not its text, which names servers and folders
    return "ok"


def _openapi_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The document, with the bodies and results of the table of operations in it."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = make()
        schemas = document["components"]["schemas"]
        verbs: list[Verb] = [create_verb(), calibrate_verb(), style_verb(), replay_verb(), *persona_verbs().values()]
        bodies = {model for verb in verbs for model in (verb.json_body, verb.part)}
        results: dict[str, type[BaseModel]] = {row.result.__name__: row.result for row in OPERATIONS.values()}
        for models, mode in ((bodies, "validation"), (results.values(), "serialization")):
            _, found = models_json_schema(
                [(model, mode) for model in models],  # type: ignore[misc]
                ref_template="#/components/schemas/{model}",
            )
            schemas |= {name: schema for name, schema in found.get("$defs", {}).items() if name not in schemas}
        kinds = [{"$ref": f"#/components/schemas/{name}"} for name in sorted(results)]
        result = schemas["JobShown"]["properties"]["result"]
        result["anyOf"] = [*kinds, {"type": "null"}]
        app.openapi_schema = document
        return document

    return openapi
