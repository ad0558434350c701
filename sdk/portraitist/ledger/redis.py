"""The cluster's ledger: one Redis (or Valkey) server, shared by clients and workers on any number of hosts.

Every step that must not be torn apart is one run of `ledger.lua` inside the server. Leases and events use the server's clock, not
those of the hosts. The decisions (`rules`) are made here. The script refuses to act on a decision whose grounds have changed. The
decision is then made again.

The server must keep what it accepted (`appendonly yes`, `appendfsync always`) and must not evict (`maxmemory-policy
noeviction`). All keys share a hash tag, so they lie on one node of a Redis cluster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from importlib import resources
from typing import Any, Literal

from ..errors import NotFound, StorageError
from . import rules
from .api_keys.redis import RedisApiKeys
from .outbox.protocol import PROGRESS_S
from .outbox.redis import RedisOutbox
from .protocol import (
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
from .redis_priors import RedisPriors
from .redis_rows import DAMAGED, deletion_of, dump, event_of, job_of, persona_of, quotas_of, whole_job_of
from .redis_server import open_redis, typed

KEEP_EVENTS_S = 7 * 24 * 3600  # of a job that is over; its row and result stay
_ASIDE, _ASIDE_CHARACTERS = 100, 2000  # entries that are kept, and of each
_WAIT_S = 1.0  # the longest single wait for an event; shorter than the time-out


class RedisLedger:
    """`url` as in redis://host:6379/0; connects on first use. Safe to share between threads, and across a fork."""

    def __init__(self, url: str, *, prefix: str = "{portraitist}:", clock: Callable[[], float] | None = None) -> None:
        self.url = url
        self.tenant: str | None = None
        self._clock = clock  # tests only; else the server's
        self._prefix = prefix
        self._redis = open_redis(url)
        source = "".join(
            resources.files(__package__).joinpath(name).read_text() for name in ("outbox.lua", "ledger.lua")
        )
        self._script = self._redis.register_script(source)  # sent again by itself when the server has forgotten it

    def of(self, tenant: str) -> RedisLedger:
        ledger = copy(self)
        ledger.tenant = tenant
        return ledger

    @property
    def outbox(self) -> RedisOutbox:
        return RedisOutbox(self)

    @property
    def api_keys(self) -> RedisApiKeys:
        return RedisApiKeys(self)

    @property
    def priors(self) -> RedisPriors:
        """The imported priors of this ledger's tenant."""
        return RedisPriors(self)

    @property
    def styles(self) -> RedisPriors:
        """The tenant's learnt styles, which lie on a shelf of their own beside the priors."""
        return RedisPriors(self, shelf="style/")

    # -- the client's side ---------------------------------------------------------------------------------------

    def submit(self, job: NewJob) -> tuple[JobRow, bool]:
        tag, *rest = self._run(
            "submit",
            id=job.id,
            owner=self.tenant or job.tenant,
            operation=job.request["operation"],
            persona_id=job.persona_id,
            request=json.dumps(job.request),
            body_hash=job.body_hash,
            shape=json.dumps(job.shape),
            lane=job.lane,
            priority=job.priority,
            memory=job.memory,
            trace=job.trace,
            blobs=list(job.blobs),
            key=job.key,
            creates=job.creates,
            consent=dump(job.consent),
            expires=job.expires,
            wrapped_key=job.wrapped_key,
            webhook=dump(job.webhook),
        )
        if tag == "quota":
            raise rules.quota_exceeded(self.tenant or job.tenant, *rest)
        if tag == "persona":  # the one that cannot be used, or none
            rules.usable(next(iter(self._personas(rest)), None), job.persona_id)
            raise NotFound(f"persona {rest[0]!r} changed just now; call again", param="persona_id")
        row = job_of(rest[0])
        assert row is not None
        if tag == "key":
            return rules.same_or_conflict(job, row, f"the idempotency key {job.key!r}"), False
        if tag == "adding":
            return rules.same_addition(job, row), False
        if tag == "name":
            return rules.same_or_conflict(job, row, f"the name {job.creates!r}"), False
        return row, True

    def by_key(self, key: str) -> JobRow | None:
        with self._typed():
            ids = [self._redis.hget(self._key("keys", tenant), key) for tenant in self._tenants()]
        return next(iter(self._rows(filter(None, ids))), None)

    def job(self, job_id: str) -> JobRow:
        found = self._rows([job_id])
        if found:
            return found[0]
        with self._typed():
            damaged = self.tenant is None and self._redis.exists(self._key("job", job_id))
        raise rules.damaged(job_id) if damaged else _no_job(job_id)

    def jobs(
        self,
        *,
        status: Status | None = None,
        persona_id: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[JobRow]:
        if before is not None:
            self.job(before)  # it is there
        with self._typed():
            newest = "+inf" if before is None else f"({self._redis.hget(self._key('job', before), 'number')}"
            if persona_id is not None:
                ids = self._redis.zrevrangebyscore(self._key("persona_jobs", persona_id), newest, "-inf")
            else:
                kind, found = "jobs" if status is None else f"status:{status}", []
                for tenant in self._tenants():
                    found += self._redis.zrevrangebyscore(
                        self._key(kind, tenant), newest, "-inf", start=0, num=limit, withscores=True
                    )
                ids = [job_id for job_id, _ in sorted(found, key=lambda pair: -float(pair[1]))[:limit]]
        rows = self._rows(ids)
        return [r for r in rows if status in (None, r.status)][:limit]

    def ahead(self, job_id: str) -> int:
        found = self._run("ahead", id=job_id)
        if not found:
            return 0
        before, place, mine, others = found
        return int(before) + rules.ahead(rules.Line(*mine), place, [rules.Line(*other) for other in others])

    def events(self, job_id: str, *, after: int = 0, wait_s: float = 0.0) -> list[EventRow]:
        deadline, stream = time.monotonic() + wait_s, self._key("events", job_id)
        while True:
            with self._typed(), self._redis.pipeline() as pipe:  # one transaction: the last event must not slip between
                pipe.hmget(self._key("job", job_id), "status", "tenant")
                pipe.xrange(stream, min=f"{after + 1}-0")
                (status, tenant), entries = pipe.execute()
            if status is None or self.tenant not in (None, tenant):
                raise _no_job(job_id)
            left = deadline - time.monotonic()
            if entries or status in TERMINAL or left <= 0:
                return [event_of(entry, fields) for entry, fields in entries]
            with self._typed():
                self._redis.xread({stream: f"{after}-0"}, count=1, block=max(1, round(1000 * min(left, _WAIT_S))))

    def standing(self, job_ids: Collection[str]) -> dict[str, Standing]:
        ids = list(job_ids)
        with self._typed(), self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(self._key("job", job_id), "tenant", "seq", "status")
            answers = pipe.execute()
        found = {}
        for job_id, (tenant, seq, status) in zip(ids, answers, strict=True):
            if status is not None and self.tenant in (None, tenant):
                found[job_id] = Standing(int(seq or 0), status)
        return found

    def cancel(self, job_id: str) -> JobRow:
        tag, *rest = self._run("cancel", id=job_id, error=json.dumps(rules.cancelled_error(job_id)))
        row = job_of(rest[0]) if tag == "ok" else None
        if row is None:
            raise _no_job(job_id)
        return row

    def persona(self, id_or_name: str) -> PersonaRow:
        with self._typed():
            tenants = self._tenants()
            named = [self._redis.hget(self._key("names", tenant), id_or_name) for tenant in tenants]
            rows = self._personas([next(filter(None, named), id_or_name)])
            row = next((row for row in rows if row.tenant in tenants), None)
            if row is not None and row.status != "deleted":
                return row
            gone = rules.tombstone(id_or_name)
            known = row is not None or any(self._redis.sismember(self._key("tombstones", t), gone) for t in tenants)
        if known:
            raise rules.deleted(id_or_name)
        rules.usable(None, id_or_name)
        raise AssertionError("not reached")

    def wrapped_key(self, persona_id: str) -> str:
        row = self.persona(persona_id)
        rules.not_expired(row)
        with self._typed():
            found = self._redis.hget(self._prefix + "wrapped_keys", row.id)
        if found is None:
            raise rules.keyless(persona_id)
        return str(found)

    def rewrap(self, change: Callable[[str, str], str]) -> int:
        with self._typed():
            keys = self._redis.hgetall(self._prefix + "wrapped_keys")
        mine = [row.id for row in self._personas(keys) if self.tenant in (None, row.tenant)]
        for persona_id in mine:  # one that is deleted meanwhile must not come back
            self._run("rewrap", persona_id=persona_id, wrapped_key=change(persona_id, keys[persona_id]))
        return len(mine)

    def secret(self, new: str | None) -> str | None:
        """The installation's own master key; `new` becomes it when there is none."""
        with self._typed():
            if new is not None:
                self._redis.setnx(self._prefix + "secret", new)
            found = self._redis.get(self._prefix + "secret")
        return None if found is None else str(found)

    def personas(self) -> list[PersonaRow]:
        with self._typed():
            ids = [i for tenant in self._tenants() for i in self._redis.smembers(self._key("active", tenant))]
        return sorted((r for r in self._personas(ids) if r.status == "active"), key=lambda r: r.name)

    def delete_persona(self, persona_id: str) -> Deletion:
        with self._typed():
            name = self._redis.hget(self._key("persona", persona_id), "name")  # it never changes
        tag, *rest = self._run(
            "delete_persona",
            persona_id=persona_id,
            tombstone=rules.tombstone(name or ""),
            error=json.dumps(rules.job_of_deleted()),
        )
        if tag == "none":
            rules.usable(None, persona_id)
        if tag == "deleted":
            raise rules.deleted(persona_id)
        return deletion_of(rest[0])

    def deletion(self, persona_id: str) -> Deletion:
        with self._typed():
            found = self._redis.hgetall(self._key("deletion", persona_id))
        if not found or self.tenant not in (None, found["tenant"]):
            raise rules.no_deletion(persona_id)
        return deletion_of(found)

    def unfinished_deletions(self, older_than_s: float) -> list[Deletion]:
        return [
            self.deletion(persona_id) for persona_id in self._run("unfinished_deletions", older_than_s=older_than_s)
        ]

    def close_deletion(self, persona_id: str, receipt: Json) -> Json:
        tag, *rest = self._run("close_deletion", persona_id=persona_id, receipt=json.dumps(receipt))
        if tag == "none":
            raise rules.no_deletion(persona_id)
        kept: Json = json.loads(rest[0])
        return kept

    # -- the worker's side ---------------------------------------------------------------------------------------

    def take(
        self, lane: Lane, *, worker: str, lease_s: float, prefer: Collection[str] = (), memory: int = 0
    ) -> JobRow | None:
        preferred = dict.fromkeys(prefer, 1) or None
        return self._claimed("take", lane=lane, worker=worker, lease_s=lease_s, prefer=preferred, memory=memory or None)

    def claim(self, job_id: str, *, worker: str, lease_s: float) -> JobRow | None:
        return self._claimed("claim", id=job_id, worker=worker, lease_s=lease_s)

    def heartbeat(self, job_id: str, token: int, *, lease_s: float) -> bool:
        return bool(self._held("heartbeat", job_id, token, lease_s=lease_s)[0])

    def progress(self, job_id: str, token: int, data: Json) -> None:
        self._held("progress", job_id, token, data=json.dumps(data), progress_s=PROGRESS_S)

    def refer(self, job_id: str, token: int, blobs: Iterable[str]) -> None:
        self._held("refer", job_id, token, blobs=list(blobs))

    def amend(self, job_id: str, token: int, request: Json) -> None:
        self._held("amend", job_id, token, request=json.dumps(request))

    def finish(
        self,
        job_id: str,
        token: int,
        status: Literal["succeeded", "failed", "cancelled"],
        *,
        result: Json | None = None,
        error: Json | None = None,
    ) -> None:
        self._held("finish", job_id, token, status=status, result=dump(result), error=dump(error))

    def requeue(self, job_id: str, token: int, *, reason: str, count: bool = True, memory: int | None = None) -> JobRow:
        """`memory`: it needs so much, as was found out."""
        while True:
            row = next(iter(self._rows([job_id])), None)
            if row is None:
                raise LeaseLost(f"job {job_id} does not exist")
            status, event, error = rules.after_death(row, reason, count)
            answer = self._held(
                "requeue",
                job_id,
                token,
                status=status,
                event=event,
                error=dump(error),
                data=json.dumps({"reason": reason, "attempt": row.attempts}),
                refund=None if count else True,
                cancelling=row.cancel_requested is not None,
                memory=memory,
            )
            if answer and (after := job_of(answer[0])) is not None:
                return after

    def queued(self, *, lane: Lane | None = None, limit: int = 10) -> list[str]:
        ids: list[str] = []
        for one in LANES:
            if lane in (None, one) and len(ids) < limit:
                left = limit - len(ids)
                ids += rules.in_turn([rules.Line(*line) for line in self._run("queued", lane=one, limit=left)], left)
        return ids

    def beyond(self, lane: Lane, memory: int, *, limit: int = 100) -> list[JobRow]:
        """Of the first queued jobs, those that need more than `memory` bytes."""
        return [row for row in self._rows(self.queued(lane=lane, limit=limit)) if row.memory > memory]

    def depth(self, lane: Lane) -> int:
        with self._typed():
            return int(self._redis.zcard(self._lane(lane)))

    def oldest(self, lane: Lane) -> float | None:
        with self._typed():
            ids = self._redis.zrange(self._lane(lane), 0, 0)
        return next((row.created for row in self._rows(ids)), None)

    def running(self, *, worker: str | None = None) -> list[JobRow]:
        with self._typed():
            if worker is None:
                ids = self._redis.zrange(self._prefix + "running", 0, -1)
            else:
                ids = self._redis.smembers(self._key("held", worker))
        return [row for row in self._rows(ids) if row.status == "running"]

    def expired(self) -> list[JobRow]:
        return [row for row in self._rows(self._run("expired")) if row.status == "running"]

    def refused(self) -> int:
        """How many writes came with an old token, since the server's data began."""
        with self._typed():
            return int(self._redis.hget(self._prefix + "stats", "stale") or 0)

    def set_aside(self, entry: str) -> None:
        """Keep something that is not as it must be, shortened, where an operator can look at it, and count it."""
        with self._typed(), self._redis.pipeline(transaction=False) as pipe:
            pipe.lpush(self._prefix + "set_aside", entry[:_ASIDE_CHARACTERS])
            pipe.ltrim(self._prefix + "set_aside", 0, _ASIDE - 1)
            pipe.expire(self._prefix + "set_aside", KEEP_EVENTS_S)
            pipe.hincrby(self._prefix + "stats", "set_aside", 1)
            pipe.execute()

    def aside(self) -> int:
        """How many entries were set aside, since the server's data began."""
        with self._typed():
            return int(self._redis.hget(self._prefix + "stats", "set_aside") or 0)

    def risks(self) -> list[str]:
        """Settings of the server with which an accepted job can be lost; none when it does not tell."""
        import redis

        try:
            with self._typed():
                told = self._redis.config_get("append*", "maxmemory*")
        except (redis.ResponseError, StorageError):  # managed servers forbid the question
            return []
        found = []
        if told.get("appendonly") != "yes":
            found.append("appendonly is off: a restart of the server loses every job; set appendonly yes")
        elif told.get("appendfsync") != "always":
            found.append("a power cut loses the last seconds of accepted jobs; set appendfsync always")
        if told.get("maxmemory-policy") != "noeviction":
            found.append("the server may forget jobs when its memory is full; set maxmemory-policy noeviction")
        return found

    def rewrite_if_due(self) -> None:
        """After deletions: have the server write its files anew, without what was deleted. They keep old lines until then."""
        import redis

        with self._typed():
            if not self._redis.getdel(self._prefix + "rewrite"):
                return
            try:
                told = self._redis.config_get("appendonly", "save")
                if told.get("appendonly") == "yes":
                    self._redis.bgrewriteaof()
                if told.get("save"):
                    self._redis.bgsave(schedule=True)
            except (
                redis.RedisError
            ):  # one is under way that may have begun before the deletion; or a managed server forbids it
                self._redis.set(self._prefix + "rewrite", 1)

    def referenced(self, blobs: Iterable[str]) -> set[str]:
        digests = list(blobs)
        with self._typed(), self._redis.pipeline(transaction=False) as pipe:
            for digest in digests:
                pipe.smembers(self._key("refs", digest))
            jobs = dict(zip(digests, pipe.execute(), strict=True))
        if self.tenant is not None:
            holders: set[str] = set().union(*jobs.values())
            mine = {row.id for row in self._rows(holders)}
            mine |= {one for one in holders if one.startswith(f"prior:{self.tenant}:")}
            jobs = {digest: ids & mine for digest, ids in jobs.items()}
        return {digest for digest, ids in jobs.items() if ids}

    # -- the operator's side -----------------------------------------------------------------------------------------

    def tenants(self) -> list[TenantRow]:
        with self._typed():
            names, texts = sorted(self._tenants()), self._redis.hgetall(self._prefix + "quotas")
            with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.zcard(self._key("status", f"running:{name}"))
                    pipe.zcard(self._key("status", f"queued:{name}"))
                    pipe.hlen(self._key("names", name))
                counts = pipe.execute()
        rows = []
        for index, name in enumerate(names):
            running, queued, personas = counts[3 * index : 3 * index + 3]
            rows.append(TenantRow(name, running, queued, personas, quotas_of(texts.get(name), texts.get("*"))))
        return rows

    def quotas(self, tenant: str) -> Quotas:
        with self._typed():
            return quotas_of(*self._redis.hmget(self._prefix + "quotas", tenant, "*"))

    def set_quotas(self, tenant: str, quotas: Quotas) -> None:
        limits = {name: limit for name, limit in asdict(quotas).items() if limit is not None}
        self._run("set_quotas", of=tenant, quotas=json.dumps(limits))

    def overdue(self) -> list[PersonaRow]:
        with self._typed():
            ids = self._redis.zrangebyscore(self._prefix + "expiring", "-inf", self._now())
        return [r for r in self._personas(ids) if r.status == "expired" and self.tenant in (None, r.tenant)]

    def forget(self, *, after_s: float, limit: int = 1000) -> int:
        return int(self._run("forget", after_s=after_s, limit=limit))

    def close(self) -> None:
        """Nothing: connections are pooled, and belong to no thread."""

    # --------------------------------------------------------------------------------------------------------------------

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _lane(self, lane: Lane) -> str:
        """All that is queued there, as far as we see it."""
        return self._key("queue", lane) if self.tenant is None else self._key("waiting", f"{lane}:{self.tenant}")

    def _run(self, step: str, **arguments: Any) -> Any:
        if self._clock is not None:
            arguments["now"] = self._clock()
        arguments["tenant"] = self.tenant
        arguments["keep_events_s"] = KEEP_EVENTS_S
        body = json.dumps({name: value for name, value in arguments.items() if value is not None})
        with self._typed():
            return self._script(keys=[self._prefix], args=[step, body])

    def _claimed(self, step: str, **arguments: Any) -> JobRow | None:
        tag, *rest = self._run(step, error=json.dumps(rules.damaged().to_dict()), **arguments)
        if tag != "ok":
            return None
        try:
            return job_of(rest[0])
        except DAMAGED:
            job_id = rest[0][rest[0].index("id") + 1]
            self._run("give_up", id=job_id, error=json.dumps(rules.damaged(job_id).to_dict()))
            return None

    def _held(self, step: str, job_id: str, token: int, **arguments: Any) -> list[Any]:
        tag, *rest = self._run(step, id=job_id, token=token, **arguments)
        if tag == "stale":
            raise LeaseLost(f"job {job_id}: token {token} is no longer current")
        return list(rest)

    def _rows(self, ids: Iterable[str]) -> list[JobRow]:
        with self._typed(), self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hgetall(self._key("job", job_id))
            rows = (whole_job_of(found) for found in pipe.execute())
            return [row for row in rows if row is not None and self.tenant in (None, row.tenant)]

    def _now(self) -> float:
        if self._clock is not None:
            return self._clock()
        seconds, micro = self._redis.time()
        return float(seconds) + float(micro) / 1e6

    def _personas(self, ids: Iterable[str]) -> list[PersonaRow]:
        with self._typed(), self._redis.pipeline(transaction=False) as pipe:
            for persona_id in ids:
                pipe.hgetall(self._key("persona", persona_id))
            rows = [row for found in pipe.execute() if (row := persona_of(found)) is not None]
            now = self._now() if any(row.expires for row in rows) else 0.0
            return [rules.at(row, now) for row in rows]

    def _tenants(self) -> list[str]:
        return [self.tenant] if self.tenant is not None else sorted(self._redis.smembers(self._prefix + "tenants"))

    @contextmanager
    def _typed(self) -> Iterator[None]:
        with typed(self.url):
            yield


def _no_job(job_id: str) -> NotFound:
    return NotFound(f"there is no job {job_id!r}; studio.jobs.list() shows those there are", param="job_id")
