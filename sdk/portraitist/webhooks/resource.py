"""`studio.webhooks`: the tenant's secret, and what could not be delivered."""

from __future__ import annotations

import builtins

from ..backend import Backend
from ..errors import InvalidRequest
from ..ledger import DEFAULT_TENANT
from ..ledger.outbox import DeliveryRow
from .secrets import VARIABLE, masters, of_tenant


class Webhooks:
    """Webhooks that wait to be sent or were given up. (Those that were delivered are forgotten.)"""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def secret(self) -> str:
        """What this tenant's webhooks are signed with, for `webhooks.verify`: keep it where the endpoint runs, like a password.

        In a cluster InvalidRequest, unless the operator's secret is in this process's environment too."""
        known = masters(self._backend.home)
        if not known:
            raise InvalidRequest(
                f"{VARIABLE} is not set here; run `portraitist webhooks secret` where it is, and store what it prints", param=VARIABLE
            )
        return of_tenant(known[0], self._backend.ledger.tenant or DEFAULT_TENANT)

    def list(self, *, dead: bool | None = None, limit: int = 100) -> builtins.list[DeliveryRow]:
        """By the time of the next attempt. dead=True: only those that were given up."""
        return self._backend.ledger.outbox.list(dead=dead, limit=limit)

    def resend(self, webhook_id: str) -> DeliveryRow:
        """Send one that was given up again, with all its attempts; any other is left as it is. NotFound."""
        return self._backend.ledger.outbox.resend(webhook_id)
