"""The Celery task, thin: claim -> operation -> finish, all in `execution`. Runs in the pool's child process."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown
from pydantic import BaseModel

from portraitist.backend import Backend, cluster, embedded
from portraitist.errors import QueueUnavailable
from portraitist.ledger.protocol import Lane
from portraitist.transport import wakeups

from . import warmth
from .app import app
from .execution import execute, worker_name
from .telemetry import tracing
from .telemetry.monitor import child_is_warm

log = logging.getLogger(__name__)

_LOOK_AHEAD = 4  # how many queued jobs a worker tries whose own wake-up came too late


@app.task(name=wakeups.TASK, max_retries=2)
def run_job(job_id: str, lane: Lane | None = None) -> None:
    """Do `job_id` if nobody else has it. With a lane: else do the oldest job that is queued there, so that a wake-up for a job
    that is over makes up for one that was lost."""
    backend = _backend()
    try:
        done = _run(backend, job_id)
        if lane is not None and not done:
            any(_run(backend, other) for other in backend.ledger.queued(lane=lane, limit=_LOOK_AHEAD))
        warmth.tell(backend)
    except QueueUnavailable as error:  # the reaper sends another wake-up when the server is back
        log.warning("job %s: %s", job_id, error)


def _run(backend: Backend, job_id: str) -> bool:
    return execute(backend, job_id, run=_operations(), worker=worker_name())


@functools.cache
def _backend() -> Backend:
    url = os.environ.get("PORTRAITIST_URL")
    backend = cluster(url, create=False) if url else embedded(os.environ["PORTRAITIST_HOME"], create=False)
    warmth.start(backend)
    return backend


@functools.cache
def _operations() -> Callable[[BaseModel, Any], BaseModel]:
    """`operations.run`. The tests of the queue put a module of their own in its place, through the worker's environment."""
    module = importlib.import_module(os.environ.get("PORTRAITIST_TEST_OPERATIONS", "portraitist_workers.operations"))
    run: Callable[[BaseModel, Any], BaseModel] = module.run
    return run


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
            getattr(sys.modules[_operations().__module__], "load", lambda: None)()
        child_is_warm()

    threading.Thread(target=load, name="portraitist-warm-up", daemon=True).start()


@worker_process_shutdown.connect
def _flush(**_: object) -> None:
    tracing.flush()
