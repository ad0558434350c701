"""Watches over one host's jobs: sends wake-ups for what is queued, and deals with attempts that died or will not stop."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from celery.worker import state

import portraitist
import portraitist_workers
from portraitist.backend import Backend
from portraitist.errors import PortraitistError, StorageError, StorageFull
from portraitist.ledger import JobRow, LeaseLost
from portraitist.ledger.protocol import TERMINAL, WOKEN, Lane
from portraitist.transport.lock import WorkerLock

from .. import settings
from ..telemetry import logs, metrics
from ..telemetry.monitor import clean_up
from . import worker_memory
from .execution import CANCEL_GRACE_S
from .live_process import LiveProcess
from .sweeping import SWEEP_S, look_after_deletions, sweep
from .tasks import run_job
from .time_limits import LIMIT_GRACE_S, fail_late
from .webhook_sender import Sender

log = logging.getLogger(__name__)

LOOK_S = 0.02  # how often the ledger is read
RESEND_S = 1.0  # a wake-up that got lost is sent again ...
STUCK_S = 180.0  # ... and one that was received and not answered for longer than a child takes to start
YOUNG_S = 3.0  # a worker does not start anew before it is so old
ROOM = 2**18  # bytes; with less, a disk counts as full
COMPARE_S = 2.0  # how often we look, between jobs, whether we run the installed code


class Supervisor:
    """`run` is the loop, in a thread of the worker's main process. With `idle_s` = 0 it never ends by itself. `processes` gives the
    children's process ids."""

    def __init__(
        self, backend: Backend, lock: WorkerLock, *, idle_s: float, processes: Callable[[], list[int]]
    ) -> None:
        self._backend, self._ledger, self._store = backend, backend.ledger, backend.store
        self._lock, self._idle_s, self._processes = lock, idle_s, processes
        self._sender, self._live = Sender(backend), LiveProcess(backend)
        self._sent: dict[str, tuple[float, list[int]]] = {}  # job id -> when its wake-up was sent, and to whom
        self._silent: dict[str, float] = {}  # job id -> since when its lease is over
        self._begun: dict[tuple[str, int], float] = {}  # (job id, token) -> when we first saw it run
        self._children: set[int] = set()  # children as last seen
        self._deadlocked = False  # whether one has ended that was not at work, for all that we know
        self._started = time.monotonic()
        self._full = False  # whether the ledger's disk was, when we last met it
        self._busy = time.monotonic()
        self._swept, self._tidied = -SWEEP_S, -settings.current().deletions_s
        self._ending = threading.Lock()  # whoever takes it ends the process; the others leave it alone
        self._code, self._compared = code_stamp(), time.monotonic()
        self.ticked = time.monotonic()  # when the loop last turned

    def recover(self) -> None:
        """We hold the lock, so no job can be running: what says so was left by a worker that died."""
        for row in self._ledger.running():
            self._requeue(row, "its worker process was killed")

    def run(self) -> None:
        while True:
            self.ticked = time.monotonic()
            try:
                self.look()
            except StorageError as error:
                if not self._home_exists():
                    log.error("%s; ending", error)
                    os._exit(1)
                log.warning("%s", error)
                self._full = isinstance(error, StorageFull)
                time.sleep(1.0)
            except Exception:  # one odd row must not stop the loop
                log.exception("supervisor")
                time.sleep(1.0)
            recent = time.monotonic() - self._busy < 30.0
            time.sleep(LOOK_S if recent else 3 * LOOK_S)

    def look(self) -> None:
        """One round."""
        running, now = self._ledger.running(), time.monotonic()
        self._begun = {(row.id, row.token): self._begun.get((row.id, row.token), now) for row in running}
        self._count_children(running)
        for row in running:
            self._watch(row)
        queued = {lane: job_id for lane in WOKEN for job_id in self._ledger.queued(lane=lane, limit=1)}
        self._sent = {job_id: sent for job_id, sent in self._sent.items() if job_id in queued.values()}
        if self._live.look() or running or queued:
            self._busy = now
        if not running and self._deadlocked and now - self._started > YOUNG_S:
            self._start_anew()
        if not running and self._outdated(now):
            self._replace()
        if not self._ending.locked():
            self._send(queued, running, now)
        if not running and now - self._swept > SWEEP_S:
            self._swept = now
            sweep(self._backend)
        if now - self._tidied > settings.current().deletions_s:
            self._tidied = now
            look_after_deletions(self._backend)
        self._sender.look()
        if self._idle_s and now - self._busy > self._idle_s and not self._sender.pending(self._idle_s):
            self._end_unless_needed()

    def _count_children(self, running: list[JobRow]) -> None:
        """A child that waits for work holds the lock of the queue to the children. Killed then, it takes the lock with it, and no
        other child is ever given a job."""
        now, at_work = set(self._processes()), {_pid(row) for row in running}
        self._deadlocked |= bool(self._children - now - at_work)
        self._children = now

    def _send(self, queued: dict[Lane, str], running: list[JobRow], now: float) -> None:
        """One job of each lane at a time, so that the order is decided when the lane is free, not before."""
        busy, processes = {row.lane for row in running if row.lane in WOKEN}, self._processes()
        for lane, job_id in queued.items():
            sent_at, sent_to = self._sent.get(job_id, (-STUCK_S, []))
            # A second message would start a second child, which that job does not need. But a child that was killed may have
            # taken the first one with it, before it claimed the job: then nobody else knows of it.
            received = job_id in state.requests and set(sent_to) <= set(processes)
            if lane in busy or now - sent_at < (STUCK_S if received else RESEND_S):
                continue
            others = busy | {other for other, sent in queued.items() if sent in self._sent} - {lane}
            if others and len(processes) < len(WOKEN) and not worker_memory.beside(self._ledger.job(job_id)):
                continue  # it waits, as the only process does one job after the other
            self._sent[job_id] = now, processes
            run_job.apply_async((job_id,), task_id=job_id)

    def stop(self) -> None:
        """End at once. A running job goes back to the queue, resumes from its checkpoint, and is not charged an attempt."""
        self._ending.acquire()
        try:
            for row in self._ledger.running():
                self._requeue(
                    row, "the worker was asked to stop", count=False
                )  # before its death is noticed and charged
                _kill(row)
        except PortraitistError as error:
            log.warning("%s", error)
        clean_up()
        os._exit(0)  # Celery's own shutdown would wait for the child that we just killed

    def _watch(self, row: JobRow) -> None:
        if not _alive(row):
            self._requeue(row, "its worker process died")
        elif row.cancel_requested is not None and time.time() - row.cancel_requested > CANCEL_GRACE_S:
            _kill(row)
            self._requeue(row, "it did not stop when asked to")
        elif time.monotonic() - self._begun[row.id, row.token] > settings.current().limit_s(row.lane) + LIMIT_GRACE_S:
            _kill(row)
            fail_late(self._backend, row)
        elif row.lease_until >= time.time():
            self._silent.pop(row.id, None)
        elif time.monotonic() - self._silent.setdefault(row.id, time.monotonic()) > settings.current().silent_s:
            self._give_up_silent(row)

    def _give_up_silent(self, row: JobRow) -> None:
        """On a full disk nobody can renew a lease. Then the process gets a new one, when that can be written, to show that it lives.
        A single write that went through does not show that there is room: the next process's may not."""
        self._full |= self._no_room()
        if self._full:
            with suppress(LeaseLost):
                self._ledger.heartbeat(row.id, row.token, lease_s=settings.current().lease_s)
            self._full = self._no_room()
            return
        self._requeue(row, "its worker process stopped answering")  # and only then, since this may fail
        _kill(row)

    def _requeue(self, row: JobRow, reason: str, *, count: bool = True) -> None:
        try:
            after = self._ledger.requeue(row.id, row.token, reason=reason, count=count)
            log.warning(
                "job %s: %s (attempt %d): %s", row.id, reason, row.attempts, after.status, extra=logs.about(row)
            )
            metrics.requeued(reason)
            if after.status in TERMINAL:
                metrics.ended(row, after.status)
                self._store.drop_checkpoint(row.id)
        except LeaseLost:
            pass  # it finished after all

    def _end_unless_needed(self) -> None:
        """Let go of the lock first: a client that submits from now on starts a new worker; one that submitted before is
        seen by the last look."""
        if not self._ending.acquire(blocking=False):
            return
        self._lock.release()
        if self._ledger.queued(limit=1) and self._lock.acquire(patience_s=0.5):
            self._busy = time.monotonic()
            self._ending.release()
            return
        log.info("idle; ending")
        clean_up()
        os._exit(0)

    def _outdated(self, now: float) -> bool:
        """Whether the installed code is no longer what we run (looked at every few seconds, between jobs)."""
        if now - self._compared < COMPARE_S or not self._idle_s:  # in the foreground, whoever started us decides
            return False
        self._compared = now
        return code_stamp() != self._code

    def _replace(self) -> None:
        """Start a successor that runs the new code, and end. (The lock is dropped by ending; the successor waits for it.)"""
        if not self._ending.acquire(blocking=False):
            return
        log.info("the installed code has changed; starting anew")
        subprocess.Popen(
            [sys.executable, "-m", "portraitist_workers.queue.embedded", *sys.argv[1:]], start_new_session=True
        )
        os._exit(0)

    def _start_anew(self) -> None:
        """As the same process, with new children. Not more often than every few seconds."""
        if not self._ending.acquire(blocking=False):
            return
        log.warning("a child has ended that may have held the queue's lock; starting anew")
        self._live.kill()
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.execv(sys.executable, [sys.executable, "-m", "portraitist_workers.queue.embedded", *sys.argv[1:]])

    def _no_room(self) -> bool:
        home = self._backend.home
        return home is not None and shutil.disk_usage(home).free < ROOM

    def _home_exists(self) -> bool:
        try:
            self._ledger.queued(limit=1)
            return True
        except StorageError:
            return False


def code_stamp() -> str:
    """Changes when the installed code does."""
    newest, count = 0, 0
    for package in (portraitist, portraitist_workers):
        for path in Path(package.__path__[0]).rglob("*.py"):
            newest, count = max(newest, path.stat().st_mtime_ns), count + 1
    return f"{count}-{newest}"


def _pid(row: JobRow) -> int | None:
    host, _, pid = row.worker.rpartition("/")
    return int(pid) if host == socket.gethostname() and pid.isdigit() else None


def _alive(row: JobRow) -> bool:
    """Whether the process that holds the job exists; True when it is on another host (its lease will tell)."""
    pid = _pid(row)
    if pid is None:
        return True
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True


def _kill(row: JobRow) -> None:
    pid = _pid(row)
    if pid is not None and pid != os.getpid():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
