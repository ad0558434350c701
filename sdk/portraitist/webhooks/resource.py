"""`studio.webhooks`: the tenant's secret, and what could not be delivered."""

from __future__ import annotations

import builtins

from ..backend import Backend
from ..ledger import DEFAULT_TENANT
from ..ledger.outbox import DeliveryRow
from .wire import secret_of


class Webhooks:
    """Webhooks that wait to be sent or were given up. (Those that were delivered are forgotten.)"""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def secret(self) -> str:
        """What this tenant's webhooks are signed with, for `webhooks.verify`: keep it where the endpoint runs, like a password.

        Derived from the master key (docs/storage.md): there is nothing to set up, and it changes only with that key."""
        return secret_of(self._backend.keyring.webhook_keys(self._backend.ledger.tenant or DEFAULT_TENANT)[0])

    def list(self, *, dead: bool | None = None, limit: int = 100) -> builtins.list[DeliveryRow]:
        """By the time of the next attempt. dead=True: only those that were given up."""
        return self._backend.ledger.outbox.list(dead=dead, limit=limit)

    def resend(self, webhook_id: str) -> DeliveryRow:
        """Send one that was given up again, with all its attempts; any other is left as it is. NotFound."""
        return self._backend.ledger.outbox.resend(webhook_id)
