"""`portraitist studio`: the app under uvicorn, until it is told to end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..backend import Backend
from ..errors import QueueUnavailable
from ..live.commands import LARGEST
from .app import create_app
from .options import Options
from .traces import Traces, tracer

_GRACE_S = 5
_KEEP_ALIVE_S = 20  # for a connection on which nothing is asked


class Running:
    """One server, listening from the start. `address` is where; on loopback `say` is told it with a one-time token. Raises
    QueueUnavailable when a port cannot be used."""

    def __init__(
        self,
        backend: Backend,
        options: Options,
        *,
        tenant: str | None = None,
        monitor: str | None = None,
        say: Callable[[str], None] = print,
        traces: Traces | None = None,
    ) -> None:
        listening = _listen(options.host, options.port)
        options = replace(options, port=listening.getsockname()[1])
        self.address = f"http://{f'[{options.host}]' if ':' in options.host else options.host}:{options.port}"
        self.app = create_app(
            backend,
            options,
            tenant=tenant,
            traces=traces or Traces(tracer()),
            on_token=(lambda token: say(f"{self.address}/#token={token}")) if options.loopback else None,
        )
        if not options.loopback:
            say(f"{self.address}/ (with an API key: portraitist keys create)")
        self._servers = [(Server(_config(self.app, options)), listening)]
        self._servers[0][0].ending = self.app.state.api.follower.close
        if monitor:
            host, _, port = monitor.rpartition(":")
            at = _listen(host or "127.0.0.1", int(port) if port.isdigit() else -1)
            self._servers.append((Server(_config(_monitor(self.app), options, lifespan="off")), at))

    async def serve(self) -> None:
        """Until SIGINT, SIGTERM or `stop`."""
        await asyncio.gather(*(server.serve(sockets=[at]) for server, at in self._servers))

    def stop(self) -> None:
        """From any thread."""
        for server, _ in self._servers:
            server.should_exit = True


def run(
    backend: Backend, options: Options, *, tenant: str | None, monitor: str | None, say: Callable[[str], None]
) -> None:
    asyncio.run(Running(backend, options, tenant=tenant, monitor=monitor, say=say).serve())


class Server(uvicorn.Server):
    """Streams of events end when the server is to end; else it would wait for them."""

    ending: Callable[[], None] | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.ending is not None:
            self.ending()
        await super().shutdown(sockets)


def protocol(options: Options) -> type[H11Protocol]:
    """uvicorn's, that hangs up on who does not send a request's headers in time, or does not read what is sent."""

    class Punctual(H11Protocol):
        _late: asyncio.TimerHandle | None = None
        _full: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._forget()
            elif self._late is None:
                self._expect()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._full = self.loop.call_later(options.read_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._full is not None:
                self._full.cancel()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            if self._full is not None:
                self._full.cancel()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._forget()  # from here on uvicorn's own limit of idle connections holds

        def _expect(self) -> None:
            self._late = self.loop.call_later(options.header_s, self._hang_up)

        def _forget(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _hang_up(self) -> None:
            self._late = None
            if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
                self.transport.close()

    return Punctual


def _config(app: Any, options: Options, lifespan: Any = "on") -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol(options),
        ws="websockets-sansio",
        ws_max_size=LARGEST,
        ws_max_queue=64,
        ws_per_message_deflate=False,  # pictures
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        lifespan=lifespan,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        limit_concurrency=options.connections,
        h11_max_incomplete_event_size=options.header_bytes,
    )


def _monitor(app: FastAPI) -> Any:
    """/live, /ready and /metrics on an address of their own, as the workers have them."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path, api = Request(scope).url.path, app.state.api
        response: Response = JSONResponse(
            {"paths": "/live, /ready, and /metrics (pip install 'portraitist[metrics]')"}, 404
        )
        if path == "/live":
            response = JSONResponse({"loop": "ok"})
        elif path == "/ready":
            checks = dict(await api.threads.call(api.ready))
            response = JSONResponse(checks, 200 if all(state == "ok" for state in checks.values()) else 503)
        elif path == "/metrics" and (told := app.state.metrics.text()) is not None:
            response = Response(told[0], media_type=told[1])
        await response(scope, receive, send)

    return answer


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError, ValueError) as error:
        raise QueueUnavailable(
            f"cannot listen on {host} port {port}: {error}; choose a free port with --port", param="port"
        ) from error
