"""Inside a transaction of the SQLite ledger: what each tenant has, may have, and waits for."""

from __future__ import annotations

import sqlite3
from typing import Any

from . import rules
from .protocol import Lane, NewJob, Quotas


def quotas(db: sqlite3.Connection, tenant: str) -> Quotas:
    found = db.execute(
        "SELECT running, queued, personas FROM quotas WHERE tenant IN (?, '*') ORDER BY tenant = '*' LIMIT 1", (tenant,)
    ).fetchone()
    return Quotas(*found) if found else Quotas()


def check_room(db: sqlite3.Connection, tenant: str, job: NewJob) -> None:
    """Raises QuotaExceeded when the tenant may not have one more of what `job` makes."""
    limits = quotas(db, tenant)
    held = {"queued": (limits.queued, "jobs WHERE tenant = ? AND status = 'queued'")}
    if job.creates is not None:
        held["personas"] = (limits.personas, "personas WHERE tenant = ? AND status != 'deleted'")
    for quota, (limit, what) in held.items():
        if limit is not None and (now := count(db, what, tenant)) >= limit:
            raise rules.quota_exceeded(tenant, quota, now, limit)


def full(db: sqlite3.Connection, tenant: str) -> bool:
    """Whether it is at its quota of running jobs."""
    limit = quotas(db, tenant).running
    return limit is not None and count(db, "jobs WHERE status = 'running' AND tenant = ?", tenant) >= limit


def served(db: sqlite3.Connection, lane: Lane, tenant: str) -> None:
    """It was its turn."""
    db.execute("INSERT OR REPLACE INTO turns SELECT ?, ?, ifnull(max(turn), 0) + 1 FROM turns", (lane, tenant))


def lines(
    db: sqlite3.Connection, lane: Lane, tenant: str | None, *, first: int = 0, also: str | None = None
) -> list[rules.Line]:
    """Of those that may have a job claimed (`tenant`: only this one), each with its `first` ids; or of all and `also`."""
    counts = "SELECT tenant, count(*) FROM jobs WHERE status = ? AND lane = ? GROUP BY tenant"
    queued = dict(map(tuple, db.execute(counts, ("queued", lane))))
    running = dict(map(tuple, db.execute(counts, ("running", lane))))
    turns = dict(map(tuple, db.execute("SELECT tenant, turn FROM turns WHERE lane = ?", (lane,))))
    found = []
    for name, waiting in queued.items():
        if name != also and (full(db, name) or (tenant not in (None, name) and also is None)):
            continue
        ids = db.execute(
            "SELECT id FROM jobs WHERE status = 'queued' AND lane = ? AND tenant = ? ORDER BY priority DESC, created, rowid"
            " LIMIT ?",
            (lane, name, first),
        )
        found.append(rules.Line(name, running.get(name, 0), turns.get(name, 0), waiting, [row["id"] for row in ids]))
    return found


def count(db: sqlite3.Connection, what: str, *values: Any) -> int:
    return int(db.execute(f"SELECT count(*) FROM {what}", values).fetchone()[0])
