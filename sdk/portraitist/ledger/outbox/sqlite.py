"""The SQLite ledger's outbox: a table beside the jobs."""

from __future__ import annotations

import builtins
import json
import sqlite3
from typing import TYPE_CHECKING

from .. import rules
from ..protocol import JobRow, Json
from .protocol import KEEP_DEAD_S, PROGRESS_S, DeliveryRow, delivery_id

if TYPE_CHECKING:
    from ..sqlite import SqliteLedger

SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, job_id TEXT NOT NULL, operation TEXT NOT NULL, persona_id TEXT NOT NULL,
    kind TEXT NOT NULL, seq INTEGER NOT NULL, created REAL NOT NULL, data TEXT NOT NULL, url TEXT NOT NULL,
    attempts INTEGER NOT NULL, due REAL NOT NULL, dead INTEGER NOT NULL, error TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_by_due ON deliveries (dead, due);
CREATE INDEX IF NOT EXISTS deliveries_by_job ON deliveries (job_id);
"""


class SqliteOutbox:
    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    def put(self, db: sqlite3.Connection, row: JobRow, kind: str, seq: int, data: Json | None) -> None:
        """Inside a transaction."""
        if row.webhook is None:
            return
        progress = "job_id = ? AND kind = 'progress'"
        if kind != "progress":
            db.execute(f"DELETE FROM deliveries WHERE {progress}", (row.id,))
        elif db.execute(f"SELECT 1 FROM deliveries WHERE {progress}", (row.id,)).fetchone():
            return
        if kind in row.webhook["events"]:
            now = self._ledger._clock()
            due = now + (PROGRESS_S if kind == "progress" else 0.0)
            db.execute(
                "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, '')",
                (delivery_id(row.id, seq), row.tenant, row.id, row.operation, row.persona_id, kind, seq, now,
                 json.dumps(data or {}), row.webhook["url"], due),
            )  # fmt: skip

    def take(self, *, limit: int, lease_s: float) -> builtins.list[DeliveryRow]:
        now = self._ledger._clock()
        with self._ledger._read() as db:  # mostly there is nothing to do, and writers need not wait for us to see that
            known = "SELECT 1 FROM deliveries WHERE (dead = 0 AND due <= ?) OR (dead = 1 AND due < ?) LIMIT 1"
            if not db.execute(known, (now, now - KEEP_DEAD_S)).fetchone():
                return []
        with self._ledger._write(durable=False) as db:
            db.execute("DELETE FROM deliveries WHERE dead = 1 AND due < ?", (now - KEEP_DEAD_S,))
            rows = db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, due = ? WHERE id IN (SELECT id FROM deliveries WHERE dead = 0"
                " AND due <= ? AND tenant = ifnull(?, tenant) ORDER BY due LIMIT ?) RETURNING *",
                (now + lease_s, now, self._ledger.tenant, limit),
            ).fetchall()
            return [_delivery(row) for row in rows]

    def settle(self, delivery: DeliveryRow, *, error: str = "", retry_s: float | None = None) -> None:
        ours = "id = ? AND attempts = ? AND dead = 0"
        with self._ledger._write() as db:
            if not error:
                db.execute(f"DELETE FROM deliveries WHERE {ours}", (delivery.id, delivery.attempts))
            else:
                db.execute(
                    f"UPDATE deliveries SET due = ?, dead = ?, error = ? WHERE {ours}",
                    (self._ledger._clock() + (retry_s or 0.0), retry_s is None, error, delivery.id, delivery.attempts),
                )

    def list(self, *, dead: bool | None = None, limit: int = 100) -> builtins.list[DeliveryRow]:
        with self._ledger._read() as db:
            rows = db.execute(
                "SELECT * FROM deliveries WHERE dead = ifnull(?, dead) AND tenant = ifnull(?, tenant) ORDER BY due LIMIT ?",
                (dead, self._ledger.tenant, limit),
            )
            return [_delivery(row) for row in rows]

    def resend(self, delivery_id: str) -> DeliveryRow:
        known = "id = ? AND tenant = ifnull(?, tenant)"
        with self._ledger._write() as db:
            db.execute(
                f"UPDATE deliveries SET dead = 0, attempts = 0, due = ? WHERE dead = 1 AND {known}",
                (self._ledger._clock(), delivery_id, self._ledger.tenant),
            )
            row = db.execute(f"SELECT * FROM deliveries WHERE {known}", (delivery_id, self._ledger.tenant)).fetchone()
            if row is None:
                raise rules.no_delivery(delivery_id)
            return _delivery(row)


def _delivery(row: sqlite3.Row) -> DeliveryRow:
    values = dict(row)
    return DeliveryRow(**{**values, "data": json.loads(values["data"]), "dead": bool(values["dead"])})
