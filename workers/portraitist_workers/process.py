"""What the processes of every worker have in common: logging, and the environment that their children compute in."""

from __future__ import annotations

import logging
import os
import sys
import warnings


def set_up_logging() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("portraitist_workers").setLevel(logging.INFO)
    logging.getLogger("celery").setLevel(logging.WARNING)
    logging.getLogger("kombu").setLevel(logging.ERROR)  # it warns that memory:// names no host
    warnings.filterwarnings(
        "ignore", message="(?s).*superuser privileges"
    )  # messages are JSON: nothing in them can run


def set_for_children() -> None:
    """Set before the child is spawned; torch reads it when it is imported."""
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
