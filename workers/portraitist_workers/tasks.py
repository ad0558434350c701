"""The Celery task, thin: claim -> operation -> finish, all in `execution`. Runs in the pool's child process."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import threading
import time
from types import ModuleType

from celery.signals import worker_process_init, worker_process_shutdown

from portraitist.backend import Backend, cluster, embedded
from portraitist.errors import NotFound, QueueUnavailable
from portraitist.ledger.protocol import Lane
from portraitist.transport import wakeups

from . import warmth
from .app import app
from .execution import execute, worker_name
from .telemetry import tracing
from .telemetry.monitor import child_is_warm

log = logging.getLogger(__name__)

_LOOK_AHEAD = 4  # so many queued jobs a worker looks at: one about a persona that is warm here goes first, ...
_PATIENCE_S = 1.0  # ... unless the one at the head has waited for so long


@app.task(name=wakeups.TASK, max_retries=2)
def run_job(job_id: str, lane: Lane | None = None) -> None:
    """Do `job_id` if nobody else has it. With a lane: else do the first job that is queued there, so that a wake-up for a job
    that is over makes up for one that was lost."""
    backend = _backend()
    try:
        wanted = [job_id] if lane is None else _warm_first(backend, job_id, lane)
        if not any(_run(backend, wanted_id) for wanted_id in wanted) and lane is not None:
            any(_run(backend, other) for other in backend.ledger.queued(lane=lane, limit=_LOOK_AHEAD))
        warmth.tell(backend, _operations())
    except QueueUnavailable as error:  # the reaper sends another wake-up when the server is back
        log.warning("job %s: %s", job_id, error)


def _warm_first(backend: Backend, job_id: str, lane: Lane) -> list[str]:
    """`job_id`, after one that waits beside it and whose persona is warm here, if nobody's patience is tried by that."""
    warm = set(_operations().warm())
    waiting = [id for id in backend.ledger.queued(lane=lane, limit=_LOOK_AHEAD) if id != job_id] if warm else []
    if not waiting:
        return [job_id]
    try:
        rows = [backend.ledger.job(id) for id in (job_id, *waiting)]
    except NotFound:  # a wake-up of a job that is no longer known
        return [job_id]
    if rows[0].persona_id in warm or min(row.created for row in rows) < time.time() - _PATIENCE_S:
        return [job_id]
    beside = [row.id for row in rows[1:] if row.persona_id in warm]
    return [*beside[:1], job_id]


def _run(backend: Backend, job_id: str) -> bool:
    return execute(backend, job_id, run=_operations().run, worker=worker_name())


@functools.cache
def _backend() -> Backend:
    url = os.environ.get("PORTRAITIST_URL")
    backend = cluster(url, create=False) if url else embedded(os.environ["PORTRAITIST_HOME"], create=False)
    warmth.start(backend, _operations())
    return backend


@functools.cache
def _operations() -> ModuleType:
    """The tests of the queue put a module of their own in its place, through the worker's environment."""
    return importlib.import_module(os.environ.get("PORTRAITIST_TEST_OPERATIONS", "portraitist_workers.operations"))


@worker_process_init.connect
def _die_with_parent(**_: object) -> None:
    """A child whose worker was killed must not go on working unseen."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, name="portraitist-parent-watch", daemon=True).start()


@worker_process_init.connect
def _warm_up(**_: object) -> None:
    """Aside, so that a job that waits need not. Embedded workers come and go: they load when there is a job."""

    def load() -> None:
        if os.environ.get("PORTRAITIST_URL"):
            _operations().load()
        child_is_warm()

    threading.Thread(target=load, name="portraitist-warm-up", daemon=True).start()


@worker_process_shutdown.connect
def _flush(**_: object) -> None:
    tracing.flush()
