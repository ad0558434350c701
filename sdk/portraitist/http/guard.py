"""Around everything: whom the server answers to at all, how large and slow a request may be, and the headers of every answer."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics
from .options import Options
from .problems import Refusal, of_refusal
from .traces import Traces

_API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_UNLESS_SAID = {"content-security-policy": _API_POLICY, "cache-control": "no-store"}
_EXPOSED = "ETag, Location, Preference-Applied, Retry-After"
_ALLOWED = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer"
_HOST = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE)
_TRICKS = re.compile(rb"%2f|%5c|%00|\\|//", re.IGNORECASE)


class Guard:
    """ASGI middleware, the outermost. Its refusals are told before anybody is asked who they are."""

    def __init__(self, app: ASGIApp, options: Options, metrics: Metrics, traces: Traces) -> None:
        self._app, self._options, self._metrics, self._traces = app, options, metrics, traces
        self._names = options.names()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = _Headers(scope)
        origin = headers.one("origin")
        foreign = origin is not None and origin in self._options.origins
        began, told = time.perf_counter(), Told(send, origin if foreign else None)
        try:
            self._check(scope, headers, foreign)
            if scope["type"] == "websocket":
                with self._traces.request(scope):
                    return await self._app(scope, receive, send)
            if scope["method"] == "OPTIONS" and foreign:
                return await told.preflight()
            head = scope["method"] == "HEAD"  # what GET says, without its body, which uvicorn keeps back
            inner = dict(scope, method="GET", head=True) if head else scope
            body = Body(receive, headers, self._options)
            with self._traces.request(inner):
                await self._app(inner, body, told)
            scope.update({name: inner[name] for name in ("route",) if name in inner})
        except Refusal as refusal:
            if scope["type"] == "http" and not told.status:
                await of_refusal(refusal)(scope, receive, told)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
        finally:
            self._metrics.answered(scope, told.status, time.perf_counter() - began)

    def _check(self, scope: Scope, headers: _Headers, foreign: bool) -> None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._options.header_bytes:
            raise Refusal(431, "too_large", "the headers are too large", _CLOSE)
        hosts = headers.all("host")
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise Refusal(400, "malformed", "a request names one host", _CLOSE)
        host = hosts[0].lower()
        if self._names and host not in self._names:
            raise Refusal(
                421, "misdirected", "this server does not answer to that name (--allow-host adds one)", _CLOSE
            )
        if headers.one("transfer-encoding") is not None and headers.one("content-length") is not None:
            raise Refusal(400, "malformed", "a request says its length once", _CLOSE)
        for name in ("authorization", "content-length", "content-type", "idempotency-key", "origin"):
            if len(headers.all(name)) > 1:
                raise Refusal(400, "malformed", f"the header {name} is there more than once", _CLOSE)
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        if _TRICKS.search(path) or any(part in (".", "..") for part in unquote(path.decode("latin-1")).split("/")):
            raise Refusal(404, "not_found", "there is nothing here; /openapi.json lists what there is")
        origin = headers.one("origin")
        if origin is not None and not foreign and origin.lower().partition("://")[2] != host:
            raise Refusal(403, "foreign_origin", "another page in the browser may not call this server", _CLOSE)
        site = headers.one("sec-fetch-site")
        if not foreign and site in ("cross-site", "same-site") and scope["path"].startswith("/v1"):
            raise Refusal(403, "foreign_origin", "another page in the browser may not call this server", _CLOSE)


_CLOSE = {"Connection": "close"}


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self._headers if key == name.encode()]

    def one(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


class Body:
    """`receive`, that ends when the body is too large or comes too slowly."""

    def __init__(self, receive: Receive, headers: _Headers, options: Options) -> None:
        self._receive, self._options = receive, options
        kind = (headers.one("content-type") or "").lower()
        self._limit = options.upload_bytes if kind.startswith("multipart/form-data") else options.json_bytes
        length = headers.one("content-length")
        if length is not None and (not length.isdigit() or int(length[:20]) > self._limit):
            raise self._too_large()
        self._began = time.monotonic()
        self._bytes, self._over = 0, False

    async def __call__(self) -> Message:
        if self._over:
            return await self._receive()  # waits for the end of the connection
        end = self._began + self._options.body_s + self._bytes / self._options.body_rate
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, end - time.monotonic()))
        except TimeoutError:
            raise Refusal(408, "too_slow", "the body did not arrive in time; send it again, faster", _CLOSE) from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limit:
            raise self._too_large()
        self._over = not message.get("more_body", False)
        return message

    def _too_large(self) -> Refusal:
        mib = self._limit / 2**20
        return Refusal(413, "too_large", f"a request of this kind has at most {mib:g} MiB; send fewer photos", _CLOSE)


class Told:
    """`send`, that adds what every answer has."""

    def __init__(self, send: Send, origin: str | None) -> None:
        self._send, self._origin = send, origin
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [(k, v) for k, v in message["headers"] if k.lower() != b"server"]
            said = {key.lower().decode("latin-1") for key, _ in headers}
            more: dict[str, Any] = {**_ALWAYS, **{k: v for k, v in _UNLESS_SAID.items() if k not in said}}
            if self._origin is not None:
                more |= {"access-control-allow-origin": self._origin, "access-control-expose-headers": _EXPOSED}
                more |= {"vary": "Origin", "cross-origin-resource-policy": "cross-origin"}
            message = {**message, "headers": headers + [(k.encode(), v.encode("latin-1")) for k, v in more.items()]}
        await self._send(message)

    async def preflight(self) -> None:
        headers = {
            "access-control-allow-methods": "GET, HEAD, POST, DELETE",
            "access-control-allow-headers": _ALLOWED,
            "access-control-max-age": "600",
        }
        pairs = [(k.encode(), v.encode()) for k, v in headers.items()]
        await self({"type": "http.response.start", "status": 204, "headers": pairs})
        await self({"type": "http.response.body", "body": b""})
