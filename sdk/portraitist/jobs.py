"""A job's handle: what it is doing, waiting for it, stopping it. Made again from its id in any process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel

from .backend import Backend
from .errors import JobCancelled, PersonaDeleted, PortraitistError, WaitTimeout, from_dict
from .ledger import EventRow, JobRow
from .ledger.protocol import TERMINAL
from .operations import operation
from .results import Progress

if TYPE_CHECKING:
    from .watch import Watch

T = TypeVar("T")

_LOOK_S = 1.0  # while waiting: how often we make sure that there is a worker


Handle = Callable[[Backend, JobRow], Any]
_HANDLES: dict[type[BaseModel], Handle] = {}


def handle_of(result: type[BaseModel]) -> Callable[[Handle], Handle]:
    """Decorates what makes the caller's object of a finished job with such a result."""

    def remember(make: Handle) -> Handle:
        _HANDLES[result] = make
        return make

    return remember


@dataclass(frozen=True)
class Queued:
    ahead: int  # jobs that come first
    attempt: int = 1  # 2 or 3: an earlier attempt's worker died


@dataclass(frozen=True)
class Running:
    stage: str
    step: int
    steps: int
    eta: float | None  # seconds
    message: str  # the name of the photo that was just looked at, the loss, the distance that is left
    attempt: int


@dataclass(frozen=True)
class Succeeded:
    seconds: float  # from start to finish


@dataclass(frozen=True)
class Failed:
    error: PortraitistError


@dataclass(frozen=True)
class Cancelled:
    pass


Status = Queued | Running | Succeeded | Failed | Cancelled


@dataclass(frozen=True)
class Event:
    """`kind`: queued, started, progress, requeued, cancel_requested, succeeded, failed, cancelled."""

    seq: int  # 1, 2, ...; pass the last one seen to `events(after=)`
    time: float  # seconds since the epoch
    kind: str
    progress: Progress | None = None
    detail: str = ""  # requeued: why


class Job(Generic[T]):
    """`T` is what `wait` returns: a Persona, one or more Pictures, or a Prior."""

    def __init__(self, backend: Backend, row: JobRow) -> None:
        self.id: str = row.id
        self.operation: str = row.operation  # its name in the table of operations
        self.persona_id: str = row.persona_id
        self.created: float = row.created
        self._backend = replace(backend, idempotency_key=None)  # the key was for this job, not for what is made of it

    def __repr__(self) -> str:
        return f"Job({self.id!r}, {self.operation})"

    @property
    def status(self) -> Status:
        """Queued, Running, Succeeded, Failed or Cancelled, as of now."""
        row = self._backend.ledger.job(self.id)
        if row.status == "queued":
            return Queued(self._backend.ledger.ahead(self.id), row.attempts + 1)
        if row.status == "running":
            seen = [e for e in self._backend.ledger.events(self.id) if e.kind == "progress"]
            now = self._progress(seen[-1]) if seen else Progress(stage="starting", step=0, steps=1)
            return Running(now.stage, now.step, now.steps, now.eta, now.photo or now.message, row.attempts)
        if row.status == "succeeded":
            return Succeeded((row.finished or 0.0) - (row.started or 0.0))
        if row.status == "failed":
            return Failed(_error(row))
        return Cancelled()

    @property
    def done(self) -> bool:
        return self._backend.ledger.job(self.id).status in TERMINAL

    def events(self, *, after: int = 0, timeout: float | None = None) -> Iterator[Event]:
        """Every event with seq > `after`, as it comes, until the job is over. Raises WaitTimeout, QueueUnavailable."""
        ledger, end = self._backend.ledger, None if timeout is None else time.monotonic() + timeout
        rows: list[EventRow] = []
        looked = 0.0
        while True:
            # The state comes first: events that are written after it was read are found by the next round.
            over = ledger.job(self.id).status in TERMINAL
            if not over and time.monotonic() - looked > _LOOK_S:
                self._backend.transport.check()
                looked = time.monotonic()
            left = _LOOK_S if end is None else min(_LOOK_S, max(0.0, end - time.monotonic()))
            rows = ledger.events(self.id, after=after, wait_s=0.0 if over else left)
            for row in rows:
                after = row.seq
                yield self._event(row)
            if over and not rows:
                return
            if end is not None and time.monotonic() >= end and not over and not rows:
                raise WaitTimeout(
                    f"job {self.id} is not over after {timeout:g} s; it goes on, come back with studio.jobs.get({self.id!r})",
                    param="timeout",
                    job_id=self.id,
                )

    def wait(self, timeout: float | None = None, *, progress: bool = False, cancel_on_timeout: bool = False) -> T:
        """The result, when it is there. `progress`: show a bar. A timeout (seconds) leaves the job running, and so does
        Ctrl-C. Raises the job's own error if it failed; JobCancelled, WaitTimeout, QueueUnavailable."""
        watch: Watch | None = None
        if progress:
            from .watch import Watch

            watch = Watch(self.operation)
        try:
            for event in self.events(timeout=timeout):
                if watch is not None:
                    watch.show(event, self._backend.ledger.ahead(self.id) if event.kind == "queued" else 0)
        except KeyboardInterrupt:
            if watch is not None:
                watch.close()
                print(
                    f"The job goes on. Come back with `portraitist jobs {self.id} --follow` (pictures: with --out FILE); stop it with "
                    f"`portraitist cancel {self.id}`.",
                    file=sys.stderr,
                )
            raise
        except WaitTimeout:
            if cancel_on_timeout:
                self.cancel()
            raise
        finally:
            if watch is not None:
                watch.close()
        return self._outcome(self._backend.ledger.job(self.id))

    def result(self) -> T:
        """The result, without waiting. Raises WaitTimeout if the job is not over, else as `wait`."""
        row = self._backend.ledger.job(self.id)
        if row.status not in TERMINAL:
            raise WaitTimeout(f"job {self.id} is still {row.status}; wait() for it", job_id=self.id)
        return self._outcome(row)

    def cancel(self) -> Status:
        """Queued: cancelled now. Running: stopped at its next step, or hard after a few seconds. Over: nothing happens."""
        row = self._backend.ledger.cancel(self.id)
        if row.status == "cancelled":
            self._backend.store.drop_checkpoint(self.id)
        elif row.status == "running":
            self._backend.transport.wake(self.id, row.lane)  # its worker may be dead, and nobody waiting
        return self.status

    def _event(self, row: EventRow) -> Event:
        progress = self._progress(row) if row.kind == "progress" else None
        return Event(row.seq, row.time, row.kind, progress, str(row.data.get("reason", "")))

    def _progress(self, row: EventRow) -> Progress:
        return self._backend.progress(self.persona_id, row.data)

    def _outcome(self, row: JobRow) -> T:
        if row.status == "cancelled":
            error = _error(row) if row.error else JobCancelled(f"job {self.id} was cancelled", job_id=self.id)
            raise error
        if row.status == "failed" and row.error is not None:
            raise _error(row)
        if row.result is None:
            raise PersonaDeleted(
                f"the result of job {self.id} was deleted together with its persona",
                param="persona_id",
                job_id=self.id,
            )
        return cast(T, _HANDLES[operation(row.operation).result](self._backend, row))


def _error(row: JobRow) -> PortraitistError:
    return from_dict(
        row.error or {"message": f"job {row.id} failed; its persona was deleted since", "details": {"job_id": row.id}}
    )


AnyJob = Job[Any]
