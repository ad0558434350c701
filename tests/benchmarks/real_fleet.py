"""A real small fleet, measured: real Redis, real Celery workers, operations that only sleep. What the simulation is held against,
and what the server pays for each worker and job."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.queue.fleet import Fleet

QUEUE_TESTS = Path(__file__).parents[1] / "queue"
PHOTO = [("a.jpg", b"a photo")]


@dataclass
class Jobs:
    """Times in seconds, one entry per job, in the order of submission."""

    arrive: np.ndarray  # since the first
    service: np.ndarray  # what the operation slept
    wait: np.ndarray  # from submission to start
    work: np.ndarray  # from start to end


@dataclass
class Server:
    """What the Redis server did in a second."""

    commands: float
    busy: float  # seconds of processor time


class RealFleet:
    """Context manager. The lease is production's."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> RealFleet:
        os.environ["PORTRAITIST_TEST_OPERATIONS"] = "fake_operations"
        os.environ["PYTHONPATH"] = os.pathsep.join([str(QUEUE_TESTS), os.environ.get("PYTHONPATH", "")])
        os.environ |= {"OMP_NUM_THREADS": "1", "PORTRAITIST_CONSENT": "optional"}
        self._folder = tempfile.TemporaryDirectory()
        self._fleet = Fleet(Path(self._folder.name), aof=True, lease_s=15.0)
        self._fleet.add(self.workers)
        self._fleet.ready(timeout=120)
        self.jobs([0.0] * 3 * self.workers, [0.0] * 3 * self.workers)  # every child has loaded its code
        return self

    def __exit__(self, *_: object) -> None:
        self._fleet.stop()
        self._folder.cleanup()

    def jobs(self, arrive, service) -> Jobs:
        """Submit jobs at these times, and wait for all of them."""
        studio, ledger = self._fleet.studio, self._fleet.ledger
        began, made = time.monotonic(), []
        for at, seconds in zip(arrive, service, strict=True):
            time.sleep(max(0.0, began + at - time.monotonic()))
            script = {"a.jpg": {"steps": 1, "dt": float(seconds)}}
            made.append(studio.personas.create(f"p{time.monotonic_ns()}", PHOTO, labels=script))
        for job in made:
            job.wait(timeout=600)
        rows = [ledger.job(job.id) for job in made]
        created = np.array([row.created for row in rows])
        started = np.array([row.started for row in rows])
        finished = np.array([row.finished for row in rows])
        return Jobs(created - created[0], np.array(service, float), started - created, finished - started)

    def server(self, seconds: float) -> Server:
        """What it does now."""
        first, at = self._told(), time.monotonic()
        time.sleep(seconds)
        second, span = self._told(), time.monotonic() - at
        return Server(*((b - a) / span for a, b in zip(first, second, strict=True)))

    def memory(self, count: int) -> tuple[float, float]:
        """Bytes of the server's memory that are left by a creation with its persona, and by a request for a picture; each the
        mean of `count`."""
        person = self._fleet.studio.personas.create(f"p{time.monotonic_ns()}", PHOTO).wait(timeout=60)

        def requests() -> None:
            for job in [person.synthesize(wait=False, yaw=10, smile=0.5, seed=seed) for seed in range(count)]:
                job.wait(timeout=600)

        left = []
        for make in (lambda: self.jobs([0.0] * count, [0.0] * count), requests):
            before = self._fleet.server.client.info("memory")["used_memory"]
            make()
            left.append((self._fleet.server.client.info("memory")["used_memory"] - before) / count)
        return left[0], left[1]

    def _told(self) -> tuple[float, float]:
        info = self._fleet.server.client.info()
        return info["total_commands_processed"], info["used_cpu_user"] + info["used_cpu_sys"]
