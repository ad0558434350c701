"""Secrets of API keys and sessions: 256 random bits, of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
import time

from ...backend import Backend
from ...errors import InvalidRequest
from ...ledger.api_keys import SCOPES, ApiKeyRow, Scope

PREFIX = "ptk_"
_DAY_S = 86400.0


def new_secret(prefix: str = PREFIX) -> str:
    return prefix + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def create_key(
    backend: Backend,
    tenant: str,
    name: str,
    scope: Scope,
    *,
    days: float | None = None,
    rate: float | None = None,
    jobs: int | None = None,
) -> tuple[ApiKeyRow, str]:
    """A new key and its secret, which is shown now and never again. `days`: it expires after so many. `rate`: requests a minute. `jobs`:
    so many a day. Raises InvalidRequest."""
    if scope not in SCOPES:
        raise InvalidRequest(f"{scope[:60]!r} is no scope; take one of {', '.join(SCOPES)}", param="scope")
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise InvalidRequest("name: say in 1 to 100 printable characters what the key is for", param="name")
    for param, value in (("days", days), ("rate", rate), ("jobs", jobs)):
        if value is not None and not 0 < value < 1e9:
            raise InvalidRequest(f"{param}: {value!r} is not a number above 0", param=param)
    secret, now = new_secret(), time.time()
    row = ApiKeyRow(
        id="key_" + secrets.token_hex(6),
        tenant=tenant,
        name=name,
        scope=scope,
        digest=digest_of(secret),
        created=now,
        expires=None if days is None else now + days * _DAY_S,
        rate=rate,
        jobs=jobs,
    )
    backend.ledger.api_keys.add(row)
    return row, secret
