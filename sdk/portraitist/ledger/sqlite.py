"""The embedded ledger: one SQLite file, shared by clients and the worker on one machine.

WAL lets them read while one writes. What must survive a power cut is written with `synchronous=FULL`. Every method is one
IMMEDIATE transaction, so checks and writes cannot be torn apart. Keep the file on a local disk (WAL fails on NFS).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from copy import copy
from pathlib import Path
from typing import Any, Literal

from ..errors import NotFound
from . import rules
from . import sqlite_turns as turns
from .api_keys.sqlite import SqliteApiKeys
from .outbox.sqlite import SqliteOutbox
from .protocol import (
    ADD,
    LANES,
    TERMINAL,
    Deletion,
    EventRow,
    JobRow,
    Json,
    Lane,
    LeaseLost,
    NewJob,
    PersonaRow,
    Quotas,
    Standing,
    Status,
    TenantRow,
)
from .sqlite_file import SqliteFile
from .sqlite_schema import prepare

_JOB_COLUMNS = ", ".join(name for name in JobRow.__dataclass_fields__ if name != "memory")
_JSON_COLUMNS = ("request", "shape", "result", "error", "webhook")


class SqliteLedger(SqliteFile):
    """`path` is the database file; its folder must exist. Safe to share between threads and processes."""

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path)
        self.tenant: str | None = None
        self._clock = clock
        with self._write() as db:
            prepare(db)
        self._prepared()

    def of(self, tenant: str) -> SqliteLedger:
        ledger = copy(self)
        ledger.tenant = tenant
        return ledger

    @property
    def outbox(self) -> SqliteOutbox:
        return SqliteOutbox(self)

    @property
    def api_keys(self) -> SqliteApiKeys:
        return SqliteApiKeys(self)

    # -- the client's side ---------------------------------------------------------------------------------------

    def submit(self, job: NewJob) -> tuple[JobRow, bool]:
        tenant = self.tenant or job.tenant
        with self._write() as db:
            if (
                job.key is not None
                and (holder := self._find(db, "tenant = ? AND key = ?", tenant, job.key)) is not None
            ):
                return rules.same_or_conflict(job, holder, f"the idempotency key {job.key!r}"), False
            if job.creates is not None:
                named = "tenant = ? AND name = ? AND status != 'deleted'"
                if (taken := self._persona_row(db, named, tenant, job.creates)) is not None:
                    rules.not_expired(taken)
                    return rules.same_or_conflict(job, self._get(db, taken.job_id), f"the name {job.creates!r}"), False
            elif job.persona_id:
                rules.usable(self._persona_row(db, "id = ? AND tenant = ?", job.persona_id, tenant), job.persona_id)
                adding = "persona_id = ? AND operation = ? AND status IN ('queued', 'running')"
                if job.adds and (holder := self._find(db, adding, job.persona_id, ADD)) is not None:
                    return rules.same_addition(job, holder), False
            turns.check_room(db, tenant, job)
            if job.creates is not None:
                db.execute(
                    "INSERT INTO personas (id, tenant, name, status, job_id, consent, expires) VALUES (?, ?, ?, 'creating', ?, ?, ?)",
                    (job.persona_id, tenant, job.creates, job.id, _dump(job.consent), job.expires),
                )
                db.execute("INSERT INTO wrapped_keys VALUES (?, ?)", (job.persona_id, job.wrapped_key))
            db.execute(
                "INSERT INTO jobs (id, tenant, operation, persona_id, status, request, body_hash, shape, key, lane, priority,"
                " trace, created, webhook) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job.id,
                    tenant,
                    job.request["operation"],
                    job.persona_id,
                    json.dumps(job.request),
                    job.body_hash,
                    json.dumps(job.shape),
                    job.key,
                    job.lane,
                    job.priority,
                    job.trace,
                    self._clock(),
                    _dump(job.webhook),
                ),
            )
            db.executemany("INSERT OR IGNORE INTO refs VALUES (?, ?)", [(digest, job.id) for digest in job.blobs])
            self._event(db, job.id, "queued")
            return self._get(db, job.id), True

    def by_key(self, key: str) -> JobRow | None:
        with self._read() as db:
            return self._find(db, "key = ? AND tenant = ifnull(?, tenant)", key, self.tenant)

    def job(self, job_id: str) -> JobRow:
        with self._read() as db:
            return self._get(db, job_id)

    def jobs(
        self,
        *,
        status: Status | None = None,
        persona_id: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[JobRow]:
        with self._read() as db:
            if before is not None:
                self._get(db, before)  # it is there
            rows = db.execute(
                f"SELECT {_JOB_COLUMNS} FROM jobs WHERE status = ifnull(?, status) AND persona_id = ifnull(?, persona_id)"
                " AND tenant = ifnull(?, tenant)"
                " AND (? IS NULL OR (created, rowid) < (SELECT created, rowid FROM jobs WHERE id = ?))"
                " ORDER BY created DESC, rowid DESC LIMIT ?",
                (status, persona_id, self.tenant, before, before, limit),
            )
            return [_job(row) for row in rows]

    def ahead(self, job_id: str) -> int:
        with self._snapshot() as db:  # a worker may claim the job meanwhile
            row = self._find(db, "id = ? AND tenant = ifnull(?, tenant) AND status = 'queued'", job_id, self.tenant)
            if row is None:
                return 0
            (place,) = db.execute(
                "SELECT count(*) FROM jobs a JOIN jobs b ON b.id = ? AND a.status = b.status AND a.lane = b.lane"
                " AND a.tenant = b.tenant AND (-a.priority, a.created, a.rowid) < (-b.priority, b.created, b.rowid)",
                (job_id,),
            ).fetchone()
            lines = {line.tenant: line for line in turns.lines(db, row.lane, self.tenant, also=row.tenant)}
            mine = lines.pop(row.tenant)
            before = 0 if row.lane != "tune" else turns.count(db, "jobs WHERE status = 'queued' AND lane = 'serve'")
            return before + rules.ahead(mine, place, lines.values())

    def events(self, job_id: str, *, after: int = 0, wait_s: float = 0.0) -> list[EventRow]:
        deadline, pause = time.monotonic() + wait_s, 0.01
        while True:
            with self._read() as db:
                status = self._get(db, job_id).status  # before the events: the last of them must not slip between
                rows = db.execute(
                    "SELECT seq, time, kind, data FROM events WHERE job_id = ? AND seq > ? ORDER BY seq",
                    (job_id, after),
                ).fetchall()
            left = deadline - time.monotonic()
            if rows or status in TERMINAL or left <= 0:
                return [EventRow(seq, at, kind, json.loads(data)) for seq, at, kind, data in rows]
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.05)

    def standing(self, job_ids: Collection[str]) -> dict[str, Standing]:
        found, ids = {}, list(job_ids)
        for start in range(0, len(ids), 500):  # SQLite allows a limited number of parameters
            part = ids[start : start + 500]
            with self._read() as db:
                rows = db.execute(
                    "SELECT id, status, (SELECT max(seq) FROM events WHERE job_id = id) AS seq FROM jobs"
                    f" WHERE tenant = ifnull(?, tenant) AND id IN ({','.join('?' * len(part))})",
                    (self.tenant, *part),
                )
                found.update({row["id"]: Standing(row["seq"] or 0, row["status"]) for row in rows})
        return found

    def cancel(self, job_id: str) -> JobRow:
        with self._write() as db:
            row = self._get(db, job_id)
            if row.status == "queued":
                self._end(db, row, "cancelled", None, rules.cancelled_error(job_id))
            elif row.status == "running" and row.cancel_requested is None:
                db.execute("UPDATE jobs SET cancel_requested = ? WHERE id = ?", (self._clock(), job_id))
                self._event(db, job_id, "cancel_requested")
            return self._get(db, job_id)

    def persona(self, id_or_name: str) -> PersonaRow:
        with self._read() as db:
            known = "tenant = ifnull(?, tenant) AND (id = ? OR name = ?)"
            row = self._persona_row(db, known + " AND status != 'deleted'", self.tenant, id_or_name, id_or_name)
            if row is None and self._persona_row(db, known, self.tenant, id_or_name, rules.tombstone(id_or_name)):
                raise rules.deleted(id_or_name)
            if row is None:
                rules.usable(None, id_or_name)
            assert row is not None
            return row

    def wrapped_key(self, persona_id: str) -> str:
        row = self.persona(persona_id)
        rules.not_expired(row)
        with self._read() as db:
            found = db.execute("SELECT wrapped FROM wrapped_keys WHERE persona_id = ?", (row.id,)).fetchone()
        if found is None:
            raise rules.keyless(persona_id)
        return str(found["wrapped"])

    def rewrap(self, change: Callable[[str, str], str]) -> int:
        with self._write() as db:
            mine = "SELECT * FROM wrapped_keys WHERE persona_id IN (SELECT id FROM personas WHERE tenant = ifnull(?, tenant))"
            rows = db.execute(mine, (self.tenant,)).fetchall()
            for row in rows:
                wrapped = change(row["persona_id"], row["wrapped"])
                db.execute("UPDATE wrapped_keys SET wrapped = ? WHERE persona_id = ?", (wrapped, row["persona_id"]))
        self._truncate_log()
        return len(rows)

    def personas(self) -> list[PersonaRow]:
        with self._read() as db:
            rows = db.execute(
                "SELECT * FROM personas WHERE status = 'active' AND tenant = ifnull(?, tenant)"
                " AND ifnull(expires > ?, 1) ORDER BY name",
                (self.tenant, self._clock()),
            )
            return [self._persona(row) for row in rows]

    def delete_persona(self, persona_id: str) -> Deletion:
        with self._write() as db:
            persona = self._persona_row(db, "id = ? AND tenant = ifnull(?, tenant)", persona_id, self.tenant)
            if persona is None:
                rules.usable(None, persona_id)
            elif persona.status == "deleted":
                raise rules.deleted(persona_id)
            assert persona is not None
            jobs = [row["id"] for row in db.execute("SELECT id FROM jobs WHERE persona_id = ?", (persona_id,))]
            its = "job_id IN (SELECT id FROM jobs WHERE persona_id = ?)"
            blobs = [
                row["digest"] for row in db.execute(f"SELECT DISTINCT digest FROM refs WHERE {its}", (persona_id,))
            ]
            db.execute("DELETE FROM wrapped_keys WHERE persona_id = ?", (persona_id,))
            db.execute(f"DELETE FROM refs WHERE {its}", (persona_id,))
            db.execute(f"DELETE FROM events WHERE {its}", (persona_id,))
            db.execute("UPDATE jobs SET webhook = NULL WHERE persona_id = ?", (persona_id,))
            db.execute("DELETE FROM deliveries WHERE persona_id = ?", (persona_id,))
            for job_id in jobs:
                row = self._get(db, job_id)
                if row.status not in TERMINAL:
                    self._end(db, row, "cancelled", None, rules.job_of_deleted())
                db.execute(
                    "UPDATE jobs SET request = ?, persona_id = '', shape = '{}', result = NULL, key = NULL, body_hash = ''"
                    " WHERE id = ?",
                    (json.dumps({"operation": row.operation}), job_id),
                )
                db.execute("UPDATE jobs SET error = NULL WHERE id = ? AND status = 'failed'", (job_id,))
            db.execute(
                "UPDATE personas SET status = 'deleted', record = NULL, consent = NULL, name = ? WHERE id = ?",
                (rules.tombstone(persona.name), persona_id),
            )
            kept = self._referenced(db, blobs)
            free = [blob for blob in blobs if blob not in kept]
            db.execute(
                "INSERT INTO deletions VALUES (?, ?, ?, ?, ?, NULL)",
                (persona_id, persona.tenant, self._clock(), " ".join(free), " ".join(jobs)),
            )
        self._truncate_log()
        return self.deletion(persona_id)

    def deletion(self, persona_id: str) -> Deletion:
        with self._read() as db:
            row = db.execute(
                "SELECT * FROM deletions WHERE persona_id = ? AND tenant = ifnull(?, tenant)", (persona_id, self.tenant)
            ).fetchone()
        if row is None:
            raise rules.no_deletion(persona_id)
        return _deletion(row)

    def unfinished_deletions(self, older_than_s: float) -> list[Deletion]:
        with self._read() as db:
            limit = self._clock() - older_than_s
            open_ = "SELECT * FROM deletions WHERE receipt IS NULL AND time <= ? AND tenant = ifnull(?, tenant)"
            return [_deletion(row) for row in db.execute(open_, (limit, self.tenant))]

    def close_deletion(self, persona_id: str, receipt: Json) -> Json:
        with self._write() as db:
            db.execute(
                "UPDATE deletions SET receipt = ?, blobs = '', jobs = '' WHERE persona_id = ? AND receipt IS NULL"
                " AND tenant = ifnull(?, tenant)",
                (json.dumps(receipt), persona_id, self.tenant),
            )
        self._truncate_log()
        return self.deletion(persona_id).receipt or receipt

    # -- the worker's side ---------------------------------------------------------------------------------------

    def take(
        self, lane: Lane, *, worker: str, lease_s: float, prefer: Collection[str] = (), memory: int = 0
    ) -> JobRow | None:
        with self._write(durable=False) as db:
            found = rules.in_turn(turns.lines(db, lane, self.tenant, first=1), 1)
            return self._claim(db, found[0], worker, lease_s) if found else None

    def claim(self, job_id: str, *, worker: str, lease_s: float) -> JobRow | None:
        with self._write(durable=False) as db:
            return self._claim(db, job_id, worker, lease_s)

    def heartbeat(self, job_id: str, token: int, *, lease_s: float) -> bool:
        with self._write(durable=False) as db:
            row = self._held(db, job_id, token)
            db.execute("UPDATE jobs SET lease_until = ? WHERE id = ?", (self._clock() + lease_s, job_id))
            return row.cancel_requested is not None

    def progress(self, job_id: str, token: int, data: Json) -> None:
        with self._write(durable=False) as db:
            row = self._held(db, job_id, token)
            self.outbox.put(db, row, "progress", self._event(db, job_id, "progress", data), data)

    def refer(self, job_id: str, token: int, blobs: Iterable[str]) -> None:
        with self._write(durable=False) as db:
            self._held(db, job_id, token)
            db.executemany("INSERT OR IGNORE INTO refs VALUES (?, ?)", [(digest, job_id) for digest in blobs])

    def amend(self, job_id: str, token: int, request: Json) -> None:
        with self._write() as db:
            self._held(db, job_id, token)
            db.execute("UPDATE jobs SET request = ? WHERE id = ?", (json.dumps(request), job_id))

    def finish(
        self,
        job_id: str,
        token: int,
        status: Literal["succeeded", "failed", "cancelled"],
        *,
        result: Json | None = None,
        error: Json | None = None,
    ) -> None:
        with self._write() as db:
            self._end(db, self._held(db, job_id, token), status, result, error)

    def requeue(self, job_id: str, token: int, *, reason: str, count: bool = True) -> JobRow:
        with self._write() as db:
            row = self._held(db, job_id, token)
            status, event, error = rules.after_death(row, reason, count)
            if status == "queued":
                db.execute(
                    "UPDATE jobs SET status = 'queued', lease_until = 0, token = token + 1, attempts = attempts - ? WHERE id = ?",
                    (0 if count else 1, job_id),
                )
                self._event(db, job_id, event, {"reason": reason, "attempt": row.attempts})
            else:
                self._end(db, row, status, None, error)
            return self._get(db, job_id)

    def queued(self, *, lane: Lane | None = None, limit: int = 10) -> list[str]:
        with self._read() as db:
            lanes = LANES if lane is None else (lane,)
            return [i for one in lanes for i in rules.in_turn(turns.lines(db, one, self.tenant, first=limit), limit)][
                :limit
            ]

    def depth(self, lane: Lane) -> int:
        with self._read() as db:
            return turns.count(
                db, "jobs WHERE status = 'queued' AND lane = ? AND tenant = ifnull(?, tenant)", lane, self.tenant
            )

    def oldest(self, lane: Lane) -> float | None:
        with self._read() as db:
            queued = "SELECT min(created) FROM jobs WHERE status = 'queued' AND lane = ? AND tenant = ifnull(?, tenant)"
            found: float | None = db.execute(queued, (lane, self.tenant)).fetchone()[0]
            return found

    def running(self, *, worker: str | None = None) -> list[JobRow]:
        with self._read() as db:
            rows = db.execute(
                f"SELECT {_JOB_COLUMNS} FROM jobs WHERE status = 'running' AND worker = ifnull(?, worker)"
                " AND tenant = ifnull(?, tenant)",
                (worker, self.tenant),
            )
            return [_job(row) for row in rows]

    def expired(self) -> list[JobRow]:
        return [row for row in self.running() if row.lease_until < self._clock()]

    def referenced(self, blobs: Iterable[str]) -> set[str]:
        with self._read() as db:
            return self._referenced(db, list(blobs), self.tenant)

    # -- the operator's side -----------------------------------------------------------------------------------------

    def tenants(self) -> list[TenantRow]:
        with self._read() as db:
            counted = {
                name: (running, queued, personas)
                for name, running, queued, personas in db.execute(
                    "SELECT tenant, sum(kind = 'running'), sum(kind = 'queued'), sum(kind = 'persona') FROM ("
                    " SELECT tenant, status AS kind FROM jobs UNION ALL"
                    " SELECT tenant, 'persona' FROM personas WHERE status != 'deleted' UNION ALL"
                    " SELECT tenant, '' FROM quotas WHERE tenant != '*') WHERE tenant = ifnull(?, tenant) GROUP BY tenant",
                    (self.tenant,),
                )
            }
            return [TenantRow(name, *counted[name], turns.quotas(db, name)) for name in sorted(counted)]

    def quotas(self, tenant: str) -> Quotas:
        with self._read() as db:
            return turns.quotas(db, tenant)

    def set_quotas(self, tenant: str, quotas: Quotas) -> None:
        with self._write() as db:
            values = (tenant, quotas.running, quotas.queued, quotas.personas)
            db.execute("INSERT OR REPLACE INTO quotas (tenant, running, queued, personas) VALUES (?, ?, ?, ?)", values)

    def overdue(self) -> list[PersonaRow]:
        with self._read() as db:
            rows = db.execute(
                "SELECT * FROM personas WHERE status != 'deleted' AND expires <= ? AND tenant = ifnull(?, tenant)",
                (self._clock(), self.tenant),
            )
            return [self._persona(row) for row in rows]

    def forget(self, *, after_s: float, limit: int = 1000) -> int:
        with self._write() as db:
            found = db.execute(
                "SELECT id FROM jobs WHERE finished < ? AND tenant = ifnull(?, tenant)"
                " AND id NOT IN (SELECT job_id FROM personas WHERE status != 'deleted') LIMIT ?",
                (self._clock() - after_s, self.tenant, limit),
            )
            over = [(row["id"],) for row in found]
            for table, column in (("jobs", "id"), ("events", "job_id"), ("refs", "job_id"), ("deliveries", "job_id")):
                db.executemany(f"DELETE FROM {table} WHERE {column} = ?", over)
            return len(over)

    # -- inside a transaction --------------------------------------------------------------------------------------

    def _get(self, db: sqlite3.Connection, job_id: str) -> JobRow:
        row = self._find(db, "id = ? AND tenant = ifnull(?, tenant)", job_id, self.tenant)
        if row is None:
            raise NotFound(f"there is no job {job_id!r}; studio.jobs.list() shows those there are", param="job_id")
        return row

    def _find(self, db: sqlite3.Connection, where: str, *values: Any) -> JobRow | None:
        row = db.execute(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE {where}", values).fetchone()
        return None if row is None else _job(row)

    def _persona_row(self, db: sqlite3.Connection, where: str, *values: Any) -> PersonaRow | None:
        row = db.execute(f"SELECT * FROM personas WHERE {where}", values).fetchone()
        return None if row is None else self._persona(row)

    def _persona(self, row: sqlite3.Row) -> PersonaRow:
        values = dict(row)
        for name in ("record", "consent"):
            values[name] = None if values[name] is None else json.loads(values[name])
        return rules.at(PersonaRow(**values), self._clock())

    def _claim(self, db: sqlite3.Connection, job_id: str, worker: str, lease_s: float) -> JobRow | None:
        row = self._find(db, "id = ? AND status = 'queued' AND tenant = ifnull(?, tenant)", job_id, self.tenant)
        if row is None or turns.full(db, row.tenant):
            return None
        now = self._clock()
        db.execute(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1, token = token + 1, worker = ?,"
            " lease_until = ?, started = ifnull(started, ?) WHERE id = ?",
            (worker, now + lease_s, now, job_id),
        )
        turns.served(db, row.lane, row.tenant)
        self._event(db, job_id, "started", {"attempt": row.attempts + 1})
        return self._get(db, job_id)

    def _held(self, db: sqlite3.Connection, job_id: str, token: int) -> JobRow:
        row = self._find(db, "id = ? AND tenant = ifnull(?, tenant)", job_id, self.tenant)
        if row is None or row.status != "running" or row.token != token:
            raise LeaseLost(f"job {job_id}: token {token} is no longer current")
        return row

    def _end(
        self, db: sqlite3.Connection, row: JobRow, status: Status, result: Json | None, error: Json | None
    ) -> None:
        db.execute(
            "UPDATE jobs SET status = ?, result = ?, error = ?, finished = ?, lease_until = 0, token = token + 1,"
            " key = CASE WHEN ? = 'succeeded' THEN key END WHERE id = ?",
            (status, _dump(result), _dump(error), self._clock(), status, row.id),
        )
        if row.operation == "create" and status == "succeeded":
            db.execute(
                "UPDATE personas SET status = 'active', record = ? WHERE id = ?", (_dump(result), row.persona_id)
            )
        elif row.operation == "create":  # the name is free again, and nothing of the photos is kept
            db.execute("DELETE FROM personas WHERE id = ? AND status = 'creating'", (row.persona_id,))
            db.execute("DELETE FROM wrapped_keys WHERE persona_id = ?", (row.persona_id,))
            db.execute("DELETE FROM refs WHERE job_id = ?", (row.id,))
        elif row.operation == ADD and status == "succeeded":
            db.execute(
                "UPDATE personas SET record = ? WHERE id = ? AND status = 'active'", (_dump(result), row.persona_id)
            )
            kept = "INSERT OR IGNORE INTO refs SELECT digest, personas.job_id FROM refs, personas WHERE refs.job_id = ? AND personas.id = ?"
            db.execute(kept, (row.id, row.persona_id))
        self.outbox.put(db, row, status, self._event(db, row.id, status), error)

    def _event(self, db: sqlite3.Connection, job_id: str, kind: str, data: Json | None = None) -> int:
        made = db.execute(
            "INSERT INTO events SELECT ?, ifnull(max(seq), 0) + 1, ?, ?, ? FROM events WHERE job_id = ? RETURNING seq",
            (job_id, self._clock(), kind, json.dumps(data or {}), job_id),
        )
        return int(made.fetchone()["seq"])

    def _referenced(self, db: sqlite3.Connection, blobs: list[str], tenant: str | None = None) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(blobs), 500):  # SQLite allows a limited number of parameters
            part = blobs[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = db.execute(
                f"SELECT digest FROM refs JOIN jobs ON id = job_id WHERE tenant = ifnull(?, tenant) AND digest IN ({marks})",
                (tenant, *part),
            )
            found.update(row["digest"] for row in rows)
        return found


def _dump(data: Json | None) -> str | None:
    return None if data is None else json.dumps(data)


def _job(row: sqlite3.Row) -> JobRow:
    values = dict(row)
    for name in _JSON_COLUMNS:
        values[name] = None if values[name] is None else json.loads(values[name])
    return JobRow(**values)


def _deletion(row: sqlite3.Row) -> Deletion:
    receipt = None if row["receipt"] is None else json.loads(row["receipt"])
    blobs, jobs = (tuple(row[name].split()) for name in ("blobs", "jobs"))
    return Deletion(row["persona_id"], row["tenant"], row["time"], blobs, jobs, receipt)
