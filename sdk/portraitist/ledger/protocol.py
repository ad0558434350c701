"""What a ledger does: jobs, their events, and personas, so that no accepted job is lost and none has its effect twice.

The rules that every adapter keeps (`tests/queue/test_ledger_conformance.py` checks them):

* A job is `queued -> running -> succeeded | failed | cancelled`; `running -> queued` when its worker died.
* `claim` is a compare-and-set: of any number of workers one wins. It counts an attempt and hands out a *fencing token*,
  larger than every earlier one of that job. Every later write names the token. An older one raises `LeaseLost` and
  changes nothing. So a worker that was believed dead cannot overwrite its successor.
* A worker renews its lease by `heartbeat`. Whoever finds a lease expired, or the process dead, calls `requeue`. After
  `MAX_ATTEMPTS` attempts the job fails instead (a poison job stops).
* `submit` is atomic: it checks idempotency and the persona, reserves a new persona's name, and queues the job.
  A persona becomes visible in the same step in which its create job succeeds. If that fails, the name is free again.
* A job that adds photos to a persona replaces the record in the step in which it succeeds. Until then, and if it fails, the old
  record stays. Each persona has one such job at a time. What it has written is kept as long as the persona is.
* Blobs that a job mentions are recorded (`blobs`, `refer`), so that deletion finds them and nothing else.
* Every job, persona, name, key and blob reference belongs to a tenant. `of(tenant)` is the ledger as that tenant sees it: what
  belongs to another one is unknown to it, in every method. Workers use the ledger that sees all.
* Whose turn it is: lane "serve" goes before "tune", and "live" waits for neither. In a lane the tenant with the fewest running jobs is
  next, then the one that was served longest ago. Of its jobs, the one of the highest priority is next, then the oldest. A tenant at
  its quota of running jobs has no turn.
* A persona has an end if its creation says so (`expires`). From then on it cannot be used, until somebody deletes it (`overdue`).

Times are seconds since the epoch, by the ledger's own clock. Methods raise `NotFound`, `PersonaDeleted`, `Conflict`,
`StorageError`, `StorageFull`, and `QueueUnavailable` when the ledger is on a server that cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from .api_keys import ApiKeys
    from .outbox import Outbox

MAX_ATTEMPTS = 3
DEFAULT_TENANT = "default"
ADD = "add"  # the operation that replaces a persona's record

Json = dict[str, Any]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Lane = Literal[
    "serve", "tune", "live"
]  # serve: seconds, goes first; tune: minutes; live: sessions, as long as somebody holds them
LANES: tuple[Lane, ...] = ("serve", "tune", "live")
WOKEN: tuple[Lane, ...] = (
    "serve",
    "tune",
)  # in the order of service; sessions have a process of their own, which looks for them
TERMINAL: frozenset[Status] = frozenset({"succeeded", "failed", "cancelled"})


class LeaseLost(Exception):
    """The token is no longer current: the job was cancelled, finished or taken over. The writer must stop."""


@dataclass(frozen=True)
class NewJob:
    """What `submit` takes."""

    id: str
    request: Json  # a portraitist.requests.Request
    body_hash: str  # equal for requests that ask for the same thing
    blobs: tuple[str, ...] = ()  # digests that the request mentions
    key: str | None = None  # idempotency key; None: the job has none
    creates: str | None = None  # the name to reserve, if this job makes a persona
    lane: Lane = "serve"
    shape: Json = field(default_factory=dict)  # how the SDK arranges the pictures of the result
    wrapped_key: str = ""  # of the persona that it makes: her data key, wrapped with the master key
    tenant: str = DEFAULT_TENANT  # a ledger `of` a tenant puts its own here
    trace: str | None = None  # the submission's W3C traceparent, when the app is traced
    priority: int = 0  # -9 to 9; higher goes first, among the tenant's own jobs of that lane
    webhook: Json | None = None  # {"url": …, "events": […]}: whom to tell
    memory: int = 0  # bytes that its worker must have; ledgers of one worker leave that aside

    @property
    def persona_id(self) -> str:
        """Empty for jobs that are about no person."""
        return str(self.request.get("persona_id", ""))

    @property
    def adds(self) -> bool:
        """Whether it adds photos to a persona."""
        return bool(self.request["operation"] == ADD)

    @property
    def consent(self) -> Json | None:
        """Of the person whom a creation is about."""
        return self.request.get("consent")

    @property
    def expires(self) -> float | None:
        """When the persona that this job makes comes to its end."""
        return self.request.get("expires")


@dataclass(frozen=True)
class JobRow:
    id: str
    tenant: str
    operation: str
    persona_id: str
    status: Status
    request: Json
    body_hash: str
    shape: Json
    key: str | None
    lane: Lane
    priority: int
    trace: str | None
    attempts: int
    token: int
    worker: str  # "host/pid" of the process that holds or last held the lease
    lease_until: float
    cancel_requested: float | None
    result: Json | None
    error: Json | None  # PortraitistError.to_dict()
    created: float
    started: float | None
    finished: float | None
    webhook: Json | None
    memory: int = 0


@dataclass(frozen=True)
class EventRow:
    seq: int  # 1, 2, ... per job, without gaps
    time: float
    kind: str  # queued, started, progress, requeued, cancel_requested, succeeded, failed, cancelled
    data: Json  # progress: a portraitist.results.Progress


@dataclass(frozen=True)
class Standing:
    """How far a job is, in short."""

    seq: int  # of its last event
    status: Status


@dataclass(frozen=True)
class PersonaRow:
    id: str
    tenant: str
    name: str  # deleted: "" (a tombstone keeps no personal data)
    status: Literal["creating", "active", "expired", "deleted"]
    record: Json | None  # a portraitist.results.PersonaRecord, once active
    job_id: str
    consent: Json | None = None  # a portraitist.Consent
    expires: float | None = None


@dataclass(frozen=True)
class Quotas:
    """Of one tenant; None: no limit."""

    running: int | None = None  # jobs at the same time
    queued: int | None = None  # jobs that wait
    personas: int | None = None  # those being created too


@dataclass(frozen=True)
class TenantRow:
    name: str
    running: int
    queued: int
    personas: int
    quotas: Quotas


@dataclass(frozen=True)
class Deletion:
    """What is left of a deleted persona: what is to be erased from the store, and once that is done the receipt instead."""

    persona_id: str
    tenant: str
    time: float
    blobs: tuple[str, ...]  # digests that no other job mentions
    jobs: tuple[str, ...]  # their checkpoints
    receipt: Json | None = None  # a portraitist.vault.receipts.Receipt


class Ledger(Protocol):
    tenant: str | None  # None: it sees all

    @property
    def outbox(self) -> Outbox:
        """Webhooks that are due. `submit`, `progress` and whatever ends a job write into it in their own step."""

    @property
    def api_keys(self) -> ApiKeys:
        """Whoever asks over HTTP has one."""

    def of(self, tenant: str) -> Ledger:
        """The same ledger, as this tenant sees it."""

    # -- the client's side ---------------------------------------------------------------------------------------

    def submit(self, job: NewJob) -> tuple[JobRow, bool]:
        """Queue `job`, or return the earlier one that asked for the same (False).

        Same key or same persona name with another body: Conflict. A failed or cancelled job holds neither. So is one that adds photos
        while another one adds different photos to the same persona.
        A persona that is unknown or still being created: NotFound; one deleted or expired: PersonaDeleted, PersonaExpired.
        Too many queued jobs or personas: QuotaExceeded."""

    def job(self, job_id: str) -> JobRow: ...

    def by_key(self, key: str) -> JobRow | None:
        """The job that holds this idempotency key: `submit` would return it, or refuse another request."""

    def jobs(
        self,
        *,
        status: Status | None = None,
        persona_id: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[JobRow]:
        """Newest first. `before`: only those submitted before this job. NotFound."""

    def ahead(self, job_id: str) -> int:
        """How many queued jobs will be claimed before this one, if nothing else is submitted and nothing ends."""

    def events(self, job_id: str, *, after: int = 0, wait_s: float = 0.0) -> list[EventRow]:
        """Events with seq > after; waits up to `wait_s` for the first. Empty after a terminal event: there is no more."""

    def standing(self, job_ids: Collection[str]) -> dict[str, Standing]:
        """How far each of these jobs is; those that are not there are left out. For whoever follows many at once."""

    def cancel(self, job_id: str) -> JobRow:
        """Queued: cancelled at once. Running: flagged, its worker stops it. Over: unchanged."""

    def persona(self, id_or_name: str) -> PersonaRow:
        """An active persona, or one expired or being created. NotFound; PersonaDeleted if only a deleted one matches."""

    def wrapped_key(self, persona_id: str) -> str:
        """The data key of a persona, also of one being created. NotFound, PersonaDeleted, PersonaExpired."""

    def rewrap(self, change: Callable[[str, str], str]) -> int:
        """Replace every wrapped key by `change(persona_id, wrapped)`; how many."""

    def personas(self) -> list[PersonaRow]:
        """The active ones, by name."""

    def delete_persona(self, persona_id: str) -> Deletion:
        """Remove record and data key, stop its jobs, scrub their requests, results and events, leave a tombstone. One atomic
        step. NotFound; PersonaDeleted when that was done before."""

    def deletion(self, persona_id: str) -> Deletion:
        """Of a persona that was deleted. NotFound."""

    def unfinished_deletions(self, older_than_s: float) -> list[Deletion]:
        """Those that were begun so long ago and have no receipt yet."""

    def close_deletion(self, persona_id: str, receipt: Json) -> Json:
        """Everything is erased: keep the receipt. The one that is kept, if there is one already."""

    # -- the worker's side ---------------------------------------------------------------------------------------

    def take(
        self, lane: Lane, *, worker: str, lease_s: float, prefer: Collection[str] = (), memory: int = 0
    ) -> JobRow | None:
        """Claim the job of `lane` whose turn it is. Jobs that need more than `memory` bytes are passed over (0: there is enough).

        A ledger of many workers may claim another job of the same tenant and priority instead, about one of the personas `prefer`.
        It does so only if no job waits for long because of that."""

    def claim(self, job_id: str, *, worker: str, lease_s: float) -> JobRow | None:
        """Claim this job, or None when somebody else has it, it is over, or its tenant is at its quota of running jobs."""

    def heartbeat(self, job_id: str, token: int, *, lease_s: float) -> bool:
        """Renew the lease; True when cancellation was asked for."""

    def progress(self, job_id: str, token: int, data: Json) -> None: ...

    def refer(self, job_id: str, token: int, blobs: Iterable[str]) -> None:
        """Record blobs that the job has written, *after* writing them; LeaseLost means: erase them again."""

    def amend(self, job_id: str, token: int, request: Json) -> None:
        """Replace the request: what was an address in it is now a blob, so that every attempt sees the same bytes."""

    def finish(
        self,
        job_id: str,
        token: int,
        status: Literal["succeeded", "failed", "cancelled"],
        *,
        result: Json | None = None,
        error: Json | None = None,
    ) -> None: ...

    def requeue(self, job_id: str, token: int, *, reason: str, count: bool = True) -> JobRow:
        """The attempt ended without a result. The job goes back to the queue. It is cancelled if that was asked for, and fails
        after its last attempt. count=False: the worker was asked to stop, which is no attempt."""

    def queued(self, *, lane: Lane | None = None, limit: int = 10) -> list[str]:
        """Ids of what can be claimed now, in turn."""

    def depth(self, lane: Lane) -> int:
        """How many jobs are queued there."""

    def oldest(self, lane: Lane) -> float | None:
        """Since when the oldest of them has been there."""

    def running(self, *, worker: str | None = None) -> list[JobRow]:
        """`worker`: only what this process holds."""

    def expired(self) -> list[JobRow]:
        """Running jobs whose lease is over."""

    def referenced(self, blobs: Iterable[str]) -> set[str]:
        """Those of `blobs` that some job, or an imported prior, mentions."""

    # -- the operator's side, and what the workers tidy up ---------------------------------------------------------

    def tenants(self) -> list[TenantRow]:
        """All that have jobs, personas or quotas, by name."""

    def quotas(self, tenant: str) -> Quotas: ...

    def set_quotas(self, tenant: str, quotas: Quotas) -> None:
        """Tenant "*": of all those that have none of their own."""

    def overdue(self) -> list[PersonaRow]:
        """Expired personas that were not deleted yet."""

    def forget(self, *, after_s: float, limit: int = 1000) -> int:
        """Remove the rows, events, keys, blob references and webhooks of jobs that have been over for so long; how many there were. The
        job that made a persona stays as long as the persona."""

    def close(self) -> None: ...
