"""Looking at jobs and processes from the outside."""

import os
import signal
import time
from contextlib import suppress

import psutil

import portraitist

PHOTOS = [("a.jpg", b"first photo"), ("b.jpg", b"second photo"), ("c.jpg", b"third photo")]


def row(studio, job):
    return studio._backend.ledger.job(job.id)


def until(condition, timeout=120.0):
    """Wait for `condition()` to be true; its value."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def running(studio, job, step=1):
    """Wait until the job has done `step` steps."""
    return until(
        lambda: isinstance(s := job.status, portraitist.Running) and s.stage == "work" and s.step >= step and s
    )


def child_pid(studio, job):
    return int(row(studio, job).worker.rpartition("/")[2])


def gone(pid):
    """No such process, or one whose end its parent has not looked at yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def worker_pid(studio):
    return studio._backend.transport.state()["pid"]


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def children_of(studio):
    """Process ids of what does the worker's jobs (not of the tracker that Python puts beside them)."""
    found = set()
    for process in psutil.Process(worker_pid(studio)).children():
        with suppress(psutil.Error):  # it has just ended
            if "spawn_main" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found
