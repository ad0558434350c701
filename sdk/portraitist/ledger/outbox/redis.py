"""The Redis ledger's outbox; its atomic steps are in outbox.lua."""

from __future__ import annotations

import builtins
import json
from typing import TYPE_CHECKING, Any

from .. import rules
from .protocol import KEEP_DEAD_S, DeliveryRow

if TYPE_CHECKING:
    from ..redis import RedisLedger


class RedisOutbox:
    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger

    def take(self, *, limit: int, lease_s: float) -> builtins.list[DeliveryRow]:
        found = self._ledger._run("take_deliveries", limit=limit, lease_s=lease_s, keep_dead_s=KEEP_DEAD_S)
        return [_delivery(dict(zip(flat[::2], flat[1::2], strict=True))) for flat in found]

    def settle(self, delivery: DeliveryRow, *, error: str = "", retry_s: float | None = None) -> None:
        self._ledger._run(
            "settle_delivery", id=delivery.id, attempts=delivery.attempts, error=error or None, retry_s=retry_s
        )

    def list(self, *, dead: bool | None = None, limit: int = 100) -> builtins.list[DeliveryRow]:
        rows: list[DeliveryRow] = []
        names = {None: ("outbox", "dead"), False: ("outbox",), True: ("dead",)}[dead]
        redis, prefix, mine = self._ledger._redis, self._ledger._prefix, self._ledger.tenant
        with self._ledger._typed():
            ids = [i for name in names for i in redis.zrange(prefix + name, 0, limit - 1 if mine is None else -1)]
            with redis.pipeline(transaction=False) as pipe:
                for one in ids:
                    pipe.hgetall(f"{prefix}delivery:{one}")
                rows = [_delivery(found) for found in pipe.execute() if found]
        return sorted((d for d in rows if mine in (None, d.tenant)), key=lambda d: d.due)[:limit]

    def resend(self, delivery_id: str) -> DeliveryRow:
        flat = self._ledger._run("resend_delivery", id=delivery_id)
        if not flat:
            raise rules.no_delivery(delivery_id)
        return _delivery(dict(zip(flat[::2], flat[1::2], strict=True)))


def _delivery(h: dict[str, Any]) -> DeliveryRow:
    values: dict[str, Any] = {
        **{name: h[name] for name in ("id", "tenant", "job_id", "operation", "persona_id", "kind", "url", "error")},
        **{name: int(h[name]) for name in ("seq", "attempts")},
        **{name: float(h[name]) for name in ("created", "due")},
    }
    return DeliveryRow(**values, data=json.loads(h["data"]), dead=h["dead"] == "1")
