"""A ledger in dictionaries, for one process: tests of apps, and the second witness of the conformance suite."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from copy import copy
from dataclasses import replace
from itertools import count
from typing import Literal, TypeVar

from ..errors import NotFound
from . import rules
from .api_keys.memory import MemoryApiKeys
from .api_keys.protocol import ApiKeyRow
from .outbox.memory import MemoryOutbox
from .outbox.protocol import DeliveryRow
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

_Row = TypeVar("_Row", JobRow, PersonaRow, DeliveryRow, Deletion)


class MemoryLedger:
    """Thread-safe; everything is gone with the process."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.tenant: str | None = None
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._jobs: dict[str, JobRow] = {}  # in the order of submission
        self._events: dict[str, list[EventRow]] = {}
        self._personas: dict[str, PersonaRow] = {}
        self._refs: dict[str, set[str]] = {}  # job id -> digests
        self._quotas: dict[str, Quotas] = {}
        self._turns: dict[tuple[Lane, str], int] = {}  # (lane, tenant) -> place of its last service among all services
        self._services = count(1)
        self._keys: dict[str, str] = {}  # persona id -> wrapped data key
        self._deletions: dict[str, Deletion] = {}
        self._deliveries: dict[str, DeliveryRow] = {}
        self._api_keys: dict[str, ApiKeyRow] = {}  # by the digest of the secret
        self._api_key_jobs: dict[str, tuple[int, int]] = {}  # by the key's id: the last day, and its jobs then

    def of(self, tenant: str) -> MemoryLedger:
        ledger = copy(self)
        ledger.tenant = tenant
        return ledger

    @property
    def outbox(self) -> MemoryOutbox:
        return MemoryOutbox(self, self._deliveries)

    @property
    def api_keys(self) -> MemoryApiKeys:
        return MemoryApiKeys(self, self._api_keys, self._api_key_jobs)

    # -- the client's side ---------------------------------------------------------------------------------------

    def submit(self, job: NewJob) -> tuple[JobRow, bool]:
        with self._changed:
            tenant = self.tenant or job.tenant
            for row in self._of(tenant, self._jobs.values()):
                if job.key is not None and row.key == job.key:
                    return rules.same_or_conflict(job, row, f"the idempotency key {job.key!r}"), False
            if job.creates is not None:
                for persona in self._of(tenant, self._personas.values()):
                    if persona.name == job.creates and persona.status != "deleted":
                        rules.not_expired(rules.at(persona, self._clock()))
                        holder = self._jobs[persona.job_id]
                        return rules.same_or_conflict(job, holder, f"the name {job.creates!r}"), False
            elif job.persona_id:
                persona_row = self._personas.get(job.persona_id)
                known = persona_row is not None and persona_row.tenant == tenant
                rules.usable(rules.at(persona_row, self._clock()) if persona_row and known else None, job.persona_id)
                for row in self._jobs.values() if job.adds else ():
                    if (row.operation, row.persona_id) == (ADD, job.persona_id) and row.status not in TERMINAL:
                        return rules.same_addition(job, row), False
            self._within(tenant, "queued", sum(r.status == "queued" for r in self._of(tenant, self._jobs.values())))
            if job.creates is not None:
                held = sum(p.status != "deleted" for p in self._of(tenant, self._personas.values()))
                self._within(tenant, "personas", held)
                self._keys[job.persona_id] = job.wrapped_key
                self._personas[job.persona_id] = PersonaRow(
                    job.persona_id, tenant, job.creates, "creating", None, job.id, job.consent, job.expires
                )
            self._jobs[job.id] = JobRow(
                id=job.id,
                tenant=tenant,
                operation=job.request["operation"],
                persona_id=job.persona_id,
                status="queued",
                request=job.request,
                body_hash=job.body_hash,
                shape=job.shape,
                key=job.key,
                lane=job.lane,
                priority=job.priority,
                trace=job.trace,
                attempts=0,
                token=0,
                worker="",
                lease_until=0.0,
                cancel_requested=None,
                result=None,
                error=None,
                created=self._clock(),
                started=None,
                finished=None,
                webhook=job.webhook,
            )
            self._refs[job.id] = set(job.blobs)
            self._event(job.id, "queued")
            return self._jobs[job.id], True

    def by_key(self, key: str) -> JobRow | None:
        with self._changed:
            return next((row for row in self._of(self.tenant, self._jobs.values()) if row.key == key), None)

    def job(self, job_id: str) -> JobRow:
        with self._changed:
            if not self._mine(self._jobs.get(job_id)):
                raise NotFound(f"there is no job {job_id!r}; studio.jobs.list() shows those there are", param="job_id")
            return self._jobs[job_id]

    def jobs(
        self,
        *,
        status: Status | None = None,
        persona_id: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[JobRow]:
        with self._changed:
            mine = self._of(self.tenant, self._jobs.values())
            rows = [r for r in mine if status in (None, r.status) and persona_id in (None, r.persona_id)]
            if before is not None:
                self.job(before)  # it is there
                place = {job_id: place for place, job_id in enumerate(self._jobs)}
                rows = [r for r in rows if place[r.id] < place[before]]
            return rows[::-1][:limit]

    def ahead(self, job_id: str) -> int:
        with self._changed:
            row = self._jobs.get(job_id)
            if row is None or not self._mine(row) or row.status != "queued":
                return 0
            lines = {line.tenant: line for line in self._lines(row.lane, also=row.tenant)}
            mine = lines.pop(row.tenant)
            before = (
                0
                if row.lane != "tune"
                else sum(r.status == "queued" and r.lane == "serve" for r in self._jobs.values())
            )
            return before + rules.ahead(mine, mine.ids.index(job_id), lines.values())

    def events(self, job_id: str, *, after: int = 0, wait_s: float = 0.0) -> list[EventRow]:
        def ready() -> bool:
            return self.job(job_id).status in TERMINAL or any(e.seq > after for e in self._events[job_id])

        with self._changed:
            self._changed.wait_for(ready, wait_s)
            return [e for e in self._events[job_id] if e.seq > after]

    def standing(self, job_ids: Collection[str]) -> dict[str, Standing]:
        with self._changed:
            rows = [row for job_id in job_ids if (row := self._jobs.get(job_id)) is not None and self._mine(row)]
            return {row.id: Standing(len(self._events.get(row.id, ())), row.status) for row in rows}

    def cancel(self, job_id: str) -> JobRow:
        with self._changed:
            row = self.job(job_id)
            if row.status == "queued":
                self._end(row, "cancelled", None, rules.cancelled_error(job_id))
            elif row.status == "running" and row.cancel_requested is None:
                self._jobs[job_id] = replace(row, cancel_requested=self._clock())
                self._event(job_id, "cancel_requested")
            return self._jobs[job_id]

    def persona(self, id_or_name: str) -> PersonaRow:
        with self._changed:
            mine = list(self._of(self.tenant, self._personas.values()))
            for row in mine:
                if row.status != "deleted" and id_or_name in (row.id, row.name):
                    return rules.at(row, self._clock())
            if any(id_or_name == r.id or rules.tombstone(id_or_name) == r.name for r in mine):
                raise rules.deleted(id_or_name)
            rules.usable(None, id_or_name)
            raise AssertionError("not reached")

    def wrapped_key(self, persona_id: str) -> str:
        with self._changed:
            row = self.persona(persona_id)
            rules.not_expired(row)
            return self._keys[row.id]

    def rewrap(self, change: Callable[[str, str], str]) -> int:
        with self._changed:
            mine = [persona_id for persona_id in self._keys if self._mine(self._personas.get(persona_id))]
            self._keys |= {persona_id: change(persona_id, self._keys[persona_id]) for persona_id in mine}
            return len(mine)

    def personas(self) -> list[PersonaRow]:
        with self._changed:
            rows = (rules.at(row, self._clock()) for row in self._of(self.tenant, self._personas.values()))
            return sorted((r for r in rows if r.status == "active"), key=lambda r: r.name)

    def delete_persona(self, persona_id: str) -> Deletion:
        with self._changed:
            persona = self._personas.get(persona_id)
            if persona is None or not self._mine(persona):
                rules.usable(None, persona_id)
            elif persona.status == "deleted":
                raise rules.deleted(persona_id)
            assert persona is not None
            jobs = [r.id for r in self._jobs.values() if r.persona_id == persona_id]
            blobs = set().union(*(self._refs.pop(job_id, set()) for job_id in jobs))
            self._keys.pop(persona_id, None)
            for job_id in jobs:
                self._events[job_id] = []
                if self._jobs[job_id].status not in TERMINAL:
                    self._end(self._jobs[job_id], "cancelled", None, rules.job_of_deleted())
                row = self._jobs[job_id]
                error = None if row.status == "failed" else row.error
                self._jobs[job_id] = replace(
                    row,
                    persona_id="",
                    request={"operation": row.operation},
                    shape={},
                    result=None,
                    error=error,
                    key=None,
                    body_hash="",
                    webhook=None,
                )
            self.outbox.drop_jobs(jobs)
            if persona_id in self._personas:
                name = rules.tombstone(persona.name)
                self._personas[persona_id] = replace(persona, status="deleted", record=None, consent=None, name=name)
            self._changed.notify_all()
            free = tuple(blobs.difference(*self._refs.values()))
            self._deletions[persona_id] = Deletion(persona_id, persona.tenant, self._clock(), free, tuple(jobs))
            return self._deletions[persona_id]

    def deletion(self, persona_id: str) -> Deletion:
        with self._changed:
            found = self._deletions.get(persona_id)
            if found is None or self.tenant not in (None, found.tenant):
                raise rules.no_deletion(persona_id)
            return found

    def unfinished_deletions(self, older_than_s: float) -> list[Deletion]:
        with self._changed:
            limit = self._clock() - older_than_s
            mine = self._of(self.tenant, self._deletions.values())
            return [d for d in mine if d.receipt is None and d.time <= limit]

    def close_deletion(self, persona_id: str, receipt: Json) -> Json:
        with self._changed:
            found = self.deletion(persona_id)
            if found.receipt is None:
                self._deletions[persona_id] = replace(found, blobs=(), jobs=(), receipt=receipt)
            return found.receipt or receipt

    # -- the worker's side ---------------------------------------------------------------------------------------

    def take(
        self, lane: Lane, *, worker: str, lease_s: float, prefer: Collection[str] = (), memory: int = 0
    ) -> JobRow | None:
        with self._changed:
            return next(
                (self.claim(job_id, worker=worker, lease_s=lease_s) for job_id in self.queued(lane=lane, limit=1)), None
            )

    def claim(self, job_id: str, *, worker: str, lease_s: float) -> JobRow | None:
        with self._changed:
            row = self._jobs.get(job_id)
            if row is None or not self._mine(row) or row.status != "queued" or self._full(row.tenant):
                return None
            now = self._clock()
            self._turns[row.lane, row.tenant] = next(self._services)
            self._jobs[job_id] = replace(
                row,
                status="running",
                attempts=row.attempts + 1,
                token=row.token + 1,
                worker=worker,
                lease_until=now + lease_s,
                started=row.started or now,
            )
            self._event(job_id, "started", {"attempt": row.attempts + 1})
            return self._jobs[job_id]

    def heartbeat(self, job_id: str, token: int, *, lease_s: float) -> bool:
        with self._changed:
            row = self._held(job_id, token)
            self._jobs[job_id] = replace(row, lease_until=self._clock() + lease_s)
            return row.cancel_requested is not None

    def progress(self, job_id: str, token: int, data: Json) -> None:
        with self._changed:
            row = self._held(job_id, token)
            self.outbox.put(row, "progress", self._event(job_id, "progress", data), data)

    def refer(self, job_id: str, token: int, blobs: Iterable[str]) -> None:
        with self._changed:
            self._held(job_id, token)
            self._refs.setdefault(job_id, set()).update(blobs)

    def amend(self, job_id: str, token: int, request: Json) -> None:
        with self._changed:
            self._jobs[job_id] = replace(self._held(job_id, token), request=request)

    def finish(
        self,
        job_id: str,
        token: int,
        status: Literal["succeeded", "failed", "cancelled"],
        *,
        result: Json | None = None,
        error: Json | None = None,
    ) -> None:
        with self._changed:
            self._end(self._held(job_id, token), status, result, error)

    def requeue(self, job_id: str, token: int, *, reason: str, count: bool = True) -> JobRow:
        with self._changed:
            row = self._held(job_id, token)
            status, event, error = rules.after_death(row, reason, count)
            if status == "queued":
                attempts = row.attempts - (0 if count else 1)
                self._jobs[job_id] = replace(
                    row, status="queued", lease_until=0.0, token=row.token + 1, attempts=attempts
                )
                self._event(job_id, event, {"reason": reason, "attempt": row.attempts})
            else:
                self._end(row, status, None, error)
            return self._jobs[job_id]

    def queued(self, *, lane: Lane | None = None, limit: int = 10) -> list[str]:
        with self._changed:
            lanes = LANES if lane is None else (lane,)
            return [job_id for one in lanes for job_id in rules.in_turn(self._lines(one), limit)][:limit]

    def depth(self, lane: Lane) -> int:
        with self._changed:
            return sum(r.status == "queued" and r.lane == lane for r in self._of(self.tenant, self._jobs.values()))

    def oldest(self, lane: Lane) -> float | None:
        with self._changed:
            rows = self._of(self.tenant, self._jobs.values())
            return min((r.created for r in rows if r.status == "queued" and r.lane == lane), default=None)

    def running(self, *, worker: str | None = None) -> list[JobRow]:
        with self._changed:
            rows = self._of(self.tenant, self._jobs.values())
            return [r for r in rows if r.status == "running" and worker in (None, r.worker)]

    def expired(self) -> list[JobRow]:
        return [row for row in self.running() if row.lease_until < self._clock()]

    def referenced(self, blobs: Iterable[str]) -> set[str]:
        with self._changed:
            mine = (refs for job_id, refs in self._refs.items() if self._mine(self._jobs[job_id]))
            return set(blobs) & set().union(*mine)

    # -- the operator's side -----------------------------------------------------------------------------------------

    def tenants(self) -> list[TenantRow]:
        with self._changed:
            jobs, personas = (
                list(self._of(self.tenant, self._jobs.values())),
                self._of(self.tenant, self._personas.values()),
            )
            living = [p.tenant for p in personas if p.status != "deleted"]
            states = [(r.tenant, r.status) for r in jobs]
            names = (
                {r.tenant for r in jobs}
                | {*living}
                | {t for t in self._quotas if t != "*" and self.tenant in (None, t)}
            )
            return [
                TenantRow(t, states.count((t, "running")), states.count((t, "queued")), living.count(t), self.quotas(t))
                for t in sorted(names)
            ]

    def quotas(self, tenant: str) -> Quotas:
        return self._quotas.get(tenant) or self._quotas.get("*") or Quotas()

    def set_quotas(self, tenant: str, quotas: Quotas) -> None:
        with self._changed:
            self._quotas[tenant] = quotas

    def overdue(self) -> list[PersonaRow]:
        with self._changed:
            rows = (rules.at(row, self._clock()) for row in self._of(self.tenant, self._personas.values()))
            return [row for row in rows if row.status == "expired"]

    def forget(self, *, after_s: float, limit: int = 1000) -> int:
        with self._changed:
            kept = {p.job_id for p in self._personas.values() if p.status != "deleted"}
            before = self._clock() - after_s
            rows = self._of(self.tenant, self._jobs.values())
            over = [r.id for r in rows if r.finished is not None and r.finished < before and r.id not in kept][:limit]
            for job_id in over:
                for table in (self._jobs, self._events, self._refs):
                    table.pop(job_id, None)
            self.outbox.drop_jobs(over)
            return len(over)

    def close(self) -> None:
        pass

    # -- under the lock ----------------------------------------------------------------------------------------------

    def _mine(self, row: JobRow | PersonaRow | None) -> bool:
        return row is not None and self.tenant in (None, row.tenant)

    def _within(self, tenant: str, quota: Literal["queued", "personas"], held: int) -> None:
        limit = getattr(self.quotas(tenant), quota)
        if limit is not None and held >= limit:
            raise rules.quota_exceeded(tenant, quota, held, limit)

    def _full(self, tenant: str) -> bool:
        limit = self.quotas(tenant).running
        return limit is not None and sum(r.status == "running" for r in self._of(tenant, self._jobs.values())) >= limit

    def _lines(self, lane: Lane, *, also: str | None = None) -> list[rules.Line]:
        """Of the tenants that may have a job claimed, and of `also`."""
        lines: dict[str, rules.Line] = {}
        rows = [r for r in self._of(None if also else self.tenant, self._jobs.values()) if r.lane == lane]
        queued = sorted((r for r in rows if r.status == "queued"), key=lambda r: -r.priority)  # stable: by age within
        running = [r.tenant for r in rows if r.status == "running"]
        for tenant in {r.tenant for r in queued}:
            if tenant == also or not self._full(tenant):
                ids = [r.id for r in queued if r.tenant == tenant]
                turn = self._turns.get((lane, tenant), 0)
                lines[tenant] = rules.Line(tenant, running.count(tenant), turn, len(ids), ids)
        return list(lines.values())

    @staticmethod
    def _of(tenant: str | None, rows: Iterable[_Row]) -> Iterator[_Row]:
        return (row for row in rows if tenant in (None, row.tenant))

    def _held(self, job_id: str, token: int) -> JobRow:
        row = self._jobs.get(job_id)
        if row is None or not self._mine(row) or row.status != "running" or row.token != token:
            raise LeaseLost(f"job {job_id}: token {token} is no longer current")
        return row

    def _end(self, row: JobRow, status: Status, result: Json | None, error: Json | None) -> None:
        self._jobs[row.id] = replace(
            row,
            status=status,
            result=result,
            error=error,
            finished=self._clock(),
            lease_until=0.0,
            token=row.token + 1,
            key=row.key if status == "succeeded" else None,
        )
        if row.operation == "create" and status == "succeeded":
            self._personas[row.persona_id] = replace(self._personas[row.persona_id], status="active", record=result)
        elif row.operation == "create":
            self._personas.pop(row.persona_id, None)
            self._keys.pop(row.persona_id, None)
            self._refs.pop(row.id, None)
        elif row.operation == ADD and status == "succeeded":
            persona = self._personas[row.persona_id]
            self._personas[row.persona_id] = replace(persona, record=result)
            self._refs.setdefault(persona.job_id, set()).update(self._refs.get(row.id, ()))
        self.outbox.put(row, status, self._event(row.id, status), error)

    def _event(self, job_id: str, kind: str, data: Json | None = None) -> int:
        events = self._events.setdefault(job_id, [])
        events.append(EventRow(len(events) + 1, self._clock(), kind, data or {}))
        self._changed.notify_all()
        return len(events)
