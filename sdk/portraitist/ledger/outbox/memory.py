"""The memory ledger's outbox. It shares the ledger's lock."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import rules
from ..protocol import JobRow, Json
from .protocol import KEEP_DEAD_S, PROGRESS_S, DeliveryRow, delivery_id

if TYPE_CHECKING:
    from ..memory import MemoryLedger


class MemoryOutbox:
    def __init__(self, ledger: MemoryLedger, rows: dict[str, DeliveryRow]) -> None:
        self._ledger, self._rows = ledger, rows

    def put(self, row: JobRow, kind: str, seq: int, data: Json | None) -> None:
        """Under the lock."""
        waiting = [d.id for d in self._rows.values() if d.job_id == row.id and d.kind == "progress"]
        if kind != "progress":
            self.drop(waiting)
        if row.webhook is None or kind not in row.webhook["events"] or (kind == "progress" and waiting):
            return
        now = self._ledger._clock()
        self._rows[delivery_id(row.id, seq)] = DeliveryRow(
            id=delivery_id(row.id, seq),
            tenant=row.tenant,
            job_id=row.id,
            operation=row.operation,
            persona_id=row.persona_id,
            kind=kind,
            seq=seq,
            created=now,
            data=data or {},
            url=row.webhook["url"],
            attempts=0,
            due=now + (PROGRESS_S if kind == "progress" else 0.0),
            dead=False,
            error="",
        )

    def drop(self, ids: builtins.list[str]) -> None:
        for one in ids:
            self._rows.pop(one, None)

    def drop_jobs(self, jobs: builtins.list[str]) -> None:
        self.drop([d.id for d in self._rows.values() if d.job_id in jobs])

    def take(self, *, limit: int, lease_s: float) -> builtins.list[DeliveryRow]:
        with self._ledger._changed:
            now = self._ledger._clock()
            self.drop([d.id for d in self._rows.values() if d.dead and d.due < now - KEEP_DEAD_S])
            due = [d for d in self.list(dead=False, limit=len(self._rows)) if d.due <= now][:limit]
            for d in due:
                self._rows[d.id] = replace(d, attempts=d.attempts + 1, due=now + lease_s)
            return [self._rows[d.id] for d in due]

    def settle(self, delivery: DeliveryRow, *, error: str = "", retry_s: float | None = None) -> None:
        with self._ledger._changed:
            row = self._rows.get(delivery.id)
            if row is None or row.dead or row.attempts != delivery.attempts:
                return
            if not error:
                del self._rows[row.id]
            else:
                due = self._ledger._clock() + (retry_s or 0.0)
                self._rows[row.id] = replace(row, due=due, dead=retry_s is None, error=error)

    def list(self, *, dead: bool | None = None, limit: int = 100) -> builtins.list[DeliveryRow]:
        with self._ledger._changed:
            mine = self._ledger._of(self._ledger.tenant, self._rows.values())
            return sorted((d for d in mine if dead in (None, d.dead)), key=lambda d: d.due)[:limit]

    def resend(self, delivery_id: str) -> DeliveryRow:
        with self._ledger._changed:
            row = self._rows.get(delivery_id)
            if row is None or self._ledger.tenant not in (None, row.tenant):
                raise rules.no_delivery(delivery_id)
            if row.dead:
                self._rows[row.id] = replace(row, dead=False, attempts=0, due=self._ledger._clock())
            return self._rows[row.id]
