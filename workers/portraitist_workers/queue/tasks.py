"""The Celery task, thin: claim -> operation -> finish, all in `execution`. Runs in the pool's child process."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from portraitist.backend import Backend, cluster, embedded
from portraitist.errors import NotFound, QueueUnavailable, StorageError
from portraitist.ledger import JobRow, Ledger
from portraitist.ledger.protocol import Lane
from portraitist.operations import operation
from portraitist.transport import RedisTransport, wakeups

from .. import settings
from ..telemetry import tracing
from ..telemetry.monitor import child_is_warm
from . import warm_models
from .app import app
from .chosen import operations
from .execution import execute, worker_name

log = logging.getLogger(__name__)


@app.task(name=wakeups.TASK, max_retries=2)
def run_job(job_id: str, lane: Lane | None = None) -> None:
    """With a lane (a cluster): do the job whose turn it is there, whichever this wake-up was sent for. Else (the embedded
    worker, whose supervisor knows whose turn it is): do `job_id`."""
    backend = _backend()
    ledger = backend.ledger
    try:
        who: dict[str, Any] = {"worker": worker_name(), "lease_s": settings.current().lease_s}
        row = (
            ledger.take(lane, **who, prefer=operations().warm_ids(), memory=settings.current().memory)
            if lane
            else ledger.claim(job_id, **who)
        )
        if row is not None:
            _do(backend, [row, *_companions(ledger, row, who)])
            _wake_next(backend, row.lane)
        warm_models.tell(backend, operations())
    except QueueUnavailable as error:  # the reaper sends another wake-up when the server is back
        log.warning("job %s: %s", job_id, error)


def _companions(ledger: Ledger, row: JobRow, who: dict[str, Any]) -> list[JobRow]:
    """More jobs like `row`, claimed in their turn, as far as the batch goes. Only first attempts: what has brought a process
    down before runs alone."""
    found: list[JobRow] = []
    batch = settings.current().batch
    if batch == 1 or not operation(row.operation).shares_passes or row.attempts > 1:
        return found
    with suppress(QueueUnavailable, NotFound, StorageError):  # what we have is done all the same
        for job_id in ledger.queued(lane=row.lane, limit=batch - 1):
            waiting = ledger.job(job_id)
            if (
                waiting.operation == row.operation
                and waiting.attempts == 0
                and (claimed := ledger.claim(job_id, **who))
            ):
                found.append(claimed)
    return found


def _do(backend: Backend, rows: list[JobRow]) -> None:
    run, batch = operations().run, settings.current().batch
    if batch == 1 or not operation(rows[0].operation).shares_passes:
        return execute(backend, rows[0], run=run)
    member = operations().side_by_side(len(rows), batch)

    def one(row: JobRow) -> None:
        with member() as renderer:
            execute(backend, row, run=run, renderer=renderer)

    with ThreadPoolExecutor(len(rows)) as pool:
        list(pool.map(one, rows))
    return None


def _wake_next(backend: Backend, lane: Lane) -> None:
    """A job whose tenant was at its quota of running jobs has had its wake-up in vain."""
    transport = backend.transport
    if isinstance(transport, RedisTransport) and not transport.waiting(lane):
        for job_id in backend.ledger.queued(lane=lane, limit=1):
            transport.wake(job_id, lane)


@functools.cache
def _backend() -> Backend:
    told = settings.current()
    backend = cluster(told.url, create=False) if told.url else embedded(told.home, create=False)
    warm_models.start(backend, operations())
    return backend


@worker_process_init.connect
def _die_with_parent(**_: object) -> None:
    """A child whose worker was killed must not go on working unseen, even if the worker was killed before the child got here."""
    parent = settings.current().worker_pid

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, name="portraitist-parent-watch", daemon=True).start()


@worker_process_init.connect
def _warm_up(**_: object) -> None:
    """Aside, so that a job that waits need not. Embedded workers come and go: they load when there is a job."""

    def load() -> None:
        if settings.current().url:
            operations().load()
        child_is_warm()

    threading.Thread(target=load, name="portraitist-warm-up", daemon=True).start()


@worker_process_shutdown.connect
def _flush(**_: object) -> None:
    tracing.flush()
