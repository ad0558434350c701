"""The SQLite ledger's API keys: a table beside the jobs."""

from __future__ import annotations

import builtins
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from .. import rules
from .protocol import ApiKeyRow

if TYPE_CHECKING:
    from ..sqlite import SqliteLedger

SCHEMA = """
CREATE TABLE IF NOT EXISTS api_keys (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL, digest TEXT NOT NULL UNIQUE,
    created REAL NOT NULL, expires REAL, rate REAL, jobs INTEGER);
CREATE TABLE IF NOT EXISTS api_key_jobs (key_id TEXT PRIMARY KEY, day INTEGER NOT NULL, jobs INTEGER NOT NULL) WITHOUT ROWID;
"""


class SqliteApiKeys:
    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    def add(self, row: ApiKeyRow) -> None:
        mine = replace(row, tenant=self._ledger.tenant or row.tenant)
        with self._ledger._write() as db:
            db.execute(
                "INSERT INTO api_keys VALUES (:id, :tenant, :name, :scope, :digest, :created, :expires, :rate, :jobs)",
                asdict(mine),
            )

    def find(self, digest: str) -> ApiKeyRow | None:
        with self._ledger._read() as db:
            row = db.execute(
                "SELECT * FROM api_keys WHERE digest = ? AND tenant = ifnull(?, tenant)", (digest, self._ledger.tenant)
            ).fetchone()
        return None if row is None else ApiKeyRow(**dict(row))

    def list(self) -> builtins.list[ApiKeyRow]:
        with self._ledger._read() as db:
            rows = db.execute(
                "SELECT * FROM api_keys WHERE tenant = ifnull(?, tenant) ORDER BY created, id", (self._ledger.tenant,)
            )
            return [ApiKeyRow(**dict(row)) for row in rows]

    def revoke(self, key_id: str) -> None:
        with self._ledger._write() as db:
            gone = db.execute(
                "DELETE FROM api_keys WHERE id = ? AND tenant = ifnull(?, tenant)", (key_id, self._ledger.tenant)
            )
            if not gone.rowcount:
                raise rules.no_api_key(key_id)

    def spend(self, key_id: str, day: int, most: int) -> bool:
        if most < 1:
            return False
        with self._ledger._write() as db:
            counted = db.execute(
                "INSERT INTO api_key_jobs VALUES (?, ?, 1) ON CONFLICT (key_id) DO UPDATE SET"
                " jobs = CASE WHEN day = excluded.day THEN jobs + 1 ELSE 1 END, day = excluded.day"
                " WHERE day != excluded.day OR jobs < ?",
                (key_id, day, most),
            )
            return counted.rowcount > 0

    def give_back(self, key_id: str, day: int) -> None:
        with self._ledger._write() as db:
            db.execute("UPDATE api_key_jobs SET jobs = max(0, jobs - 1) WHERE key_id = ? AND day = ?", (key_id, day))

    def spent(self, day: int) -> dict[str, int]:
        with self._ledger._read() as db:
            rows = db.execute("SELECT key_id, jobs FROM api_key_jobs WHERE day = ? AND jobs > 0", (day,))
            return {row["key_id"]: row["jobs"] for row in rows}
