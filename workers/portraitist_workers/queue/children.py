"""A worker's children: who they are, and the environment that they compute in."""

from __future__ import annotations

import os
import threading
from typing import Any

from .. import settings


def children(worker: Any) -> list[int]:
    """Process ids of a Celery worker's children; none before it has started."""
    pool = getattr(worker.pool, "_pool", None)
    return [process.pid for process in pool._pool if process.pid] if pool is not None else []


def maintained_by_one(worker: Any) -> None:
    """Let one thread at a time start and bury children. Two do, billiard's own and the autoscaler's. The one would take a child that the
    other is just starting for dead, and its crash would end the worker."""
    pool, turn = worker.pool._pool, threading.Lock()
    maintain = pool._maintain_pool

    def in_turn() -> None:
        with turn:
            maintain()

    pool._maintain_pool = in_turn


def set_for_children() -> None:
    """Set before the child is spawned; torch reads it when it is imported."""
    settings.tell(worker_pid=os.getpid())
    os.environ.setdefault(
        "PYTHONWARNINGS", "ignore:semaphore_tracker"
    )  # we end without Celery's clean-up; the system does it
    os.environ.setdefault("OMP_NUM_THREADS", str(_cores()))
    # By default OpenMP's threads wait for each other by spinning for milliseconds. Beside other busy programs they then burn
    # the time that the thread they wait for needs: convolutions on 2 shared cores ran 6 times slower than with short spins.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    # glibc hands every big tensor back to the kernel and asks for it anew, zeroed: a third of the time of a training step.
    os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**40))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
