"""On loopback: a token in the printed address is exchanged, once, for the key of a session that lives as long as the server.

The token stands behind a # in the address, so no browser sends it to anybody. The page sends it in a body, and keeps the session's
key in the browser's storage of this origin. Nothing is a cookie, so no other page can make the browser use it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from ..problems import Refusal
from .rates import Rates
from .secret import digest_of, new_secret

_SESSIONS = 64  # the oldest ends when there are more


class Sessions:
    """`on_new(token)` is called at the start and whenever a token was used: the next browser needs another."""

    def __init__(self, on_new: Callable[[str], None]) -> None:
        self._on_new = on_new
        self._digests: dict[str, None] = {}
        self._tries = Rates()
        self._renew()

    def exchange(self, token: str) -> str:
        """The session's key. Raises Refusal for a token that is wrong or was used."""
        if (wait := self._tries.wait("token", 20.0)) > 0:
            raise Refusal(429, "rate_limited", "too many tries", {"Retry-After": str(round(wait) + 1)})
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise Refusal(
                401,
                "token_refused",
                "this address was used already, or is another server's; use the newest one that was printed",
            )
        key = new_secret("pts_")
        self._digests[digest_of(key)] = None
        while len(self._digests) > _SESSIONS:
            del self._digests[next(iter(self._digests))]
        self._renew()
        return key

    def known(self, digest: str) -> bool:
        return digest in self._digests

    def _renew(self) -> None:
        self._token = secrets.token_urlsafe(32)
        self._on_new(self._token)
