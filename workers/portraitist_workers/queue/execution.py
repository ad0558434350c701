"""One job from claim to finish, without Celery: what the task, the tests and the inline transport share."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from portraitist.backend import Backend
from portraitist.consent import check
from portraitist.errors import (
    Conflict,
    JobCancelled,
    JobFailed,
    PersonaDeleted,
    PortraitistError,
    QueueUnavailable,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from portraitist.ledger import JobRow, LeaseLost, Ledger, rules
from portraitist.ledger.protocol import TERMINAL
from portraitist.priors.home import PriorHome
from portraitist.priors.homes import home_of
from portraitist.requests import CreatePersona
from portraitist.results import PersonaRecord, Progress
from portraitist.store import SealedStore, Store, words
from portraitist.styles.home import StyleHome
from portraitist.styles.home import home_of as styles_of

from .. import settings
from ..provenance.gallery import Gallery
from ..telemetry import Attempt
from . import worker_memory
from .checking import checked
from .fetching import with_photos
from .time_limits import timed_out

if TYPE_CHECKING:
    from ..live.wire import Wire
    from ..persona.rendering import Renderer

log = logging.getLogger(__name__)

# What a supervisor, a node and the reaper allow an attempt before they stop it:
CANCEL_GRACE_S = 5.0  # a job that does not listen for so long is stopped hard
WATCH_S = 0.2  # how often the job looks whether it was cancelled
PROGRESS_S = 0.25  # at most one progress event in so long (a new stage is told at once)
FINISH_PATIENCE_S = 60.0  # how long an outcome is held when the ledger cannot be written ...
OUTAGE_PATIENCE_S = 900.0  # ... and how long a job waits for a ledger or store whose server is away
_PASSING = (QueueUnavailable, StorageUnavailable, StorageFull)  # what may be over if we wait

Run = Callable[[BaseModel, "JobContext"], BaseModel]
T = TypeVar("T")


def worker_name() -> str:
    """Of this process. In a cluster the node's name differs from run to run: a container may come back with the same pid."""
    return f"{settings.current().node or socket.gethostname()}/{os.getpid()}"


def execute(
    backend: Backend, row: JobRow, *, run: Run, lease_s: float | None = None, renderer: Renderer | None = None
) -> None:
    """Do a job that was just claimed. Returns when the outcome is in the ledger, or is somebody else's business."""
    ledger, job_id, lease_s = backend.ledger, row.id, lease_s or settings.current().lease_s
    with Attempt(row) as attempt, JobContext(backend, row, attempt, lease_s=lease_s) as context:
        context.renderer = renderer
        try:
            request = context.request()
            if isinstance(request, CreatePersona):
                check(request.consent, shared=backend.shared, now=time.time())
            request = with_photos(request, context)
            result = run(request, context)
            context.sync()
            outcome = {"status": "succeeded", "result": context.sealed(result)}
        except LeaseLost:
            return _taken_away(backend, job_id)
        except JobCancelled:
            if context.lost:
                return _taken_away(backend, job_id)
            outcome = {"status": "cancelled", "error": rules.cancelled_error(job_id)}
        except Exception as error:
            if worker_memory.exhausted(error) and worker_memory.leave_to_a_larger_one(backend, row):
                return
            if not isinstance(error, PortraitistError):
                log.exception("job %s failed in stage %s", job_id, context.stage)
            outcome = {"status": "failed", "error": _typed(error, row, context.stage).to_dict()}
        if _finish(ledger, row, outcome):
            attempt.over(outcome["status"])
    _drop_checkpoint(backend, job_id)


def _taken_away(backend: Backend, job_id: str) -> None:
    log.warning("job %s was taken away; its work is dropped", job_id)
    if backend.ledger.job(job_id).status in TERMINAL:  # its persona was deleted, perhaps while we were saving
        _drop_checkpoint(backend, job_id)


def _drop_checkpoint(backend: Backend, job_id: str) -> None:
    try:
        backend.store.drop_checkpoint(job_id)
    except PortraitistError:  # also: a forged job's id, of which no checkpoint is kept
        log.warning("the checkpoint of job %s could not be dropped", job_id, exc_info=True)


def _finish(ledger: Ledger, row: JobRow, outcome: dict[str, Any]) -> bool:
    """False: the job is no longer ours. A full disk, or a server that is away, must not turn a finished job into a lost one.
    So it keeps trying while somebody may free some space or start the server again."""
    began = time.monotonic()
    while True:
        try:
            ledger.finish(row.id, row.token, **outcome)
            return True
        except LeaseLost:
            log.warning("job %s was taken away before it could be finished; its work is dropped", row.id)
            return False
        except (StorageError, QueueUnavailable) as error:
            patience = _patience(error) if isinstance(error, _PASSING) else FINISH_PATIENCE_S
            if time.monotonic() - began > patience:
                raise
            log.warning("the outcome of job %s cannot be written yet: %s", row.id, error)
            time.sleep(0.5)


def _patience(error: PortraitistError) -> float:
    return settings.current().full_patience_s if isinstance(error, StorageFull) else OUTAGE_PATIENCE_S


def _typed(error: Exception, row: JobRow, stage: str) -> PortraitistError:
    """Errors of ours pass as they are; any other becomes a JobFailed that says where it happened."""
    where = f"in stage {stage!r}" if stage else "before its first stage"
    if isinstance(error, PortraitistError):
        typed = error
    elif worker_memory.exhausted(error):
        typed = JobFailed(f"job {row.id} ran out of memory {where}; {worker_memory.advice()}")
    elif isinstance(error, ImportError):
        typed = JobFailed(f"job {row.id} could not load what it needs {where}: {error}; run `portraitist doctor`")
    else:
        summary = f"{type(error).__name__}: {error}".split("\n")[0][:300]
        typed = JobFailed(
            f"job {row.id} ({row.operation}) failed {where} by a fault of ours: {summary}; the worker's log has the details, "
            "please report them"
        )
    typed.details.setdefault("job_id", row.id)
    typed.details.setdefault("stage", stage)
    return typed


class JobContext(Gallery):
    """`operations.Context` on a ledger and a store. Use as a context manager: it renews the lease from a thread."""

    def __init__(self, backend: Backend, row: JobRow, attempt: Attempt, *, lease_s: float) -> None:
        self.stage, self.step = "", 0
        self.lost = False  # the job is no longer ours
        self.renderer: Renderer | None = None  # what its pictures are made by; None: alone
        self.wire: Wire | None = None  # a live session's clients
        self._backend, self._ledger, self._row, self._attempt, self._lease_s = (
            backend,
            backend.ledger,
            row,
            attempt,
            lease_s,
        )
        self._cancelled = False
        self._written: list[str] = []
        self._told = 0.0
        self._untold: Progress | None = None
        self._telling = threading.Lock()
        self._began = time.monotonic()
        self._said = -30.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"lease-{row.id}", daemon=True)
        super().__init__()

    def __enter__(self) -> JobContext:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=5.0)

    @cached_property
    def _store(self) -> Store | SealedStore:
        """The persona's part of the store; jobs about nobody (calibrating a prior) keep no secrets."""
        row, backend = self._row, self._backend
        return self._patiently(lambda: backend.sealed(row.persona_id, row.id)) if row.persona_id else backend.store

    def request(self) -> Any:
        """Raises what `checked` does."""
        return self._patiently(lambda: checked(self._backend, self._row))

    def sealed(self, model: BaseModel) -> Any:
        """As JSON for the ledger, with the person's words sealed."""
        data = model.model_dump(mode="json")
        return words.sealed(self._store, data) if isinstance(self._store, SealedStore) else data

    # -- what operations call ------------------------------------------------------------------------------------

    @cached_property
    def priors(self) -> PriorHome:
        return home_of(self._backend.of(self._row.tenant), self._patiently)

    @cached_property
    def styles(self) -> StyleHome:
        return styles_of(self._backend.of(self._row.tenant), self._patiently)

    def blob(self, digest: str) -> bytes:
        data = self._patiently(lambda: self._store.get(digest))
        self._attempt.moved("read", len(data))
        return data

    def put(self, data: bytes) -> str:
        self._listen()
        digest = self._patiently(lambda: self._store.put(data))
        self._attempt.moved("written", len(data))
        self._written.append(digest)
        try:
            self._patiently(lambda: self._ledger.refer(self._row.id, self._row.token, [digest]))
        except LeaseLost:
            # Cancelled, deleted or taken over while we wrote: leave nothing behind.
            self.lost = True
            if digest not in self._ledger.referenced([digest]):
                self._store.erase(digest)
            raise
        return digest

    def amend(self, request: BaseModel) -> None:
        """Later attempts find this request instead."""
        self.sync()
        body = self.sealed(request)
        self._patiently(lambda: self._ledger.amend(self._row.id, self._row.token, body))

    def sync(self) -> None:
        """Make everything that was put durable, before the ledger says that the job has succeeded."""
        self._patiently(lambda: self._store.sync(self._written))

    def persona(self, persona_id: str) -> PersonaRecord:
        row = self._patiently(lambda: self._ledger.persona(persona_id))
        rules.usable(row, persona_id)
        return PersonaRecord.model_validate(self._patiently(lambda: self._backend.readable(row.id, row.record)))

    def on_step(self, progress: Progress) -> None:
        self._listen()
        self._untold, begins = progress, progress.stage != self.stage
        if begins:
            self._attempt.stage(progress.stage)
        self.stage, self.step = progress.stage, progress.step
        if begins or progress.step >= progress.steps or time.monotonic() - self._told >= PROGRESS_S:
            self._tell()

    def check(self) -> None:
        self._patiently(self._look)
        self._listen()

    def _tell(self) -> None:
        """Whatever has not been told yet. Called from two threads: if the next step takes for ever, this one must be known."""
        with self._telling:
            progress, self._untold = self._untold, None
            if progress is None:
                return
            self._told = time.monotonic()
            try:
                self._ledger.progress(self._row.id, self._row.token, self.sealed(progress))
            except (QueueUnavailable, StorageFull) as error:  # the work goes on; nobody could read it now anyway
                self._away(error)

    def load_checkpoint(self) -> bytes | None:
        return self._patiently(lambda: self._store.load_checkpoint(self._row.id))

    def save_checkpoint(self, data: bytes) -> None:
        self._listen()
        try:
            if self._ledger.heartbeat(self._row.id, self._row.token, lease_s=self._lease_s):  # never over a successor's
                self._cancelled = True
        except (QueueUnavailable, StorageFull) as error:  # whether there is a successor cannot be known
            self._away(error)
            return
        try:
            self._store.save_checkpoint(self._row.id, data)
        except (StorageUnavailable, StorageFull) as error:  # the work goes on; a crash now would cost a little more
            self._away(error)
        except Conflict:  # we were given up between two heartbeats, and our successor has saved its own
            self.lost = True
            self._listen()

    def _patiently(self, call: Callable[[], T]) -> T:
        """`call()`, again and again while the ledger's or the store's server is away, or a disk is full."""
        began = time.monotonic()
        while True:
            try:
                return call()
            except _PASSING as error:
                if time.monotonic() - began > _patience(error):
                    raise
                self._away(error)
                time.sleep(0.5)
                self._listen()

    def _away(self, error: PortraitistError) -> None:
        """Meanwhile nothing can be told, no checkpoint saved and no lease renewed. Said once, not for every step."""
        if time.monotonic() - self._said > 30.0:
            self._said = time.monotonic()
            log.warning("job %s goes on as far as it can: %s", self._row.id, error)

    # -- the lease -----------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        if self.lost:
            raise JobCancelled(f"job {self._row.id} was taken over by another worker", job_id=self._row.id)
        if self._cancelled:
            raise JobCancelled(f"job {self._row.id} was cancelled", job_id=self._row.id)
        if time.monotonic() - self._began > settings.current().limit_s(self._row.lane):
            raise timed_out(self._backend, self._row, self.stage, self.step)

    def _look(self) -> None:
        """Whether it is still ours, and shall go on. Raises QueueUnavailable, StorageError."""
        try:
            row = self._ledger.job(self._row.id)
        except PersonaDeleted:
            self.lost = True
            return
        if row.token != self._row.token or row.status != "running":
            self.lost = True
        else:
            self._cancelled = row.cancel_requested is not None

    def _watch(self) -> None:
        renewed = time.monotonic()
        try:
            while not self._over.wait(WATCH_S):
                try:
                    self._look()
                    if self.lost:
                        return
                    if time.monotonic() - self._told >= PROGRESS_S:
                        self._tell()
                    if time.monotonic() - renewed > self._lease_s / 3:
                        self._ledger.heartbeat(self._row.id, self._row.token, lease_s=self._lease_s)
                        renewed = time.monotonic()
                except (LeaseLost, PersonaDeleted):
                    self.lost = True
                    return
                except (
                    QueueUnavailable,
                    StorageFull,
                ) as error:  # the lease is renewed when it is back, and the reaper waits
                    self._away(error)
                except PortraitistError:  # the operation will meet it and say so
                    log.warning("the lease of job %s could not be renewed", self._row.id, exc_info=True)
        finally:
            self._ledger.close()
