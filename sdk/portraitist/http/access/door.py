"""The door of every route: a bearer key, its scope and its rate. It is asked before a body is read or an id looked up."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ...backend import Backend
from ...ledger.api_keys import SCOPES, Scope
from ...studio import Studio
from ..options import Options
from ..problems import Refusal
from ..threads import Threads
from .allowance import Allowance
from .rates import Rates
from .secret import digest_of
from .session import Sessions

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="An API key (`portraitist keys create`), or on loopback a session's.",
)
_WHO = {"WWW-Authenticate": 'Bearer realm="portraitist"'}


@dataclass(frozen=True)
class Caller:
    """Who asks, with which rights. `studio` is the tenant's."""

    tenant: str
    scope: Scope
    backend: Backend  # as the tenant sees it

    @property
    def studio(self) -> Studio:
        return Studio(self.backend)


class Door:
    """`sessions`: on loopback only."""

    def __init__(
        self, backend: Backend, options: Options, threads: Threads, sessions: Sessions | None, tenant: str
    ) -> None:
        self._backend, self._options, self._threads = backend, options, threads
        self.sessions, self._tenant = sessions, tenant
        self._rates = Rates()

    async def caller(self, secret: str | None, needed: Scope) -> Caller:
        """Raises Refusal: 401 without a key that is good now, 403 for a scope too small, 429."""
        if not secret:
            raise Refusal(401, "key_missing", "send an API key: Authorization: Bearer …", _WHO)
        digest = digest_of(secret)
        if self.sessions is not None and self.sessions.known(digest):
            return Caller(self._tenant, "admin", self._backend.of(self._tenant))
        row = await self._threads.call(self._backend.ledger.api_keys.find, digest)
        if row is None or (row.expires is not None and row.expires <= time.time()):
            raise Refusal(401, "key_refused", "this key is not known, was revoked or has expired", _WHO)
        if SCOPES.index(row.scope) < SCOPES.index(needed):
            raise Refusal(
                403, "scope_too_small", f"this key may {row.scope}; this call needs a key with scope {needed}"
            )
        if (wait := self._rates.wait(row.id, row.rate or self._options.rate)) > 0:
            headers = {"Retry-After": str(int(wait) + 1)}
            raise Refusal(429, "rate_limited", "this key asks too often; wait as long as Retry-After says", headers)
        backend = self._backend.of(row.tenant)
        if row.jobs is not None:
            backend = replace(backend, allowance=Allowance(self._backend.ledger.api_keys, row))
        return Caller(row.tenant, row.scope, backend)


def _may(scope: Scope) -> Callable[..., Coroutine[Any, Any, Caller]]:
    async def ask(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None
    ) -> Caller:
        door: Door = request.app.state.door
        return await door.caller(None if given is None else given.credentials, scope)

    return ask


Reader = Annotated[Caller, Depends(_may("read"))]
Maker = Annotated[Caller, Depends(_may("make"))]
Admin = Annotated[Caller, Depends(_may("admin"))]
