"""The real engine on a real worker: whatever is killed, and whatever runs beside it, ends with the bits of what was left alone.

The short form kills one job of each kind; `make test-chaos` kills twenty times (CHAOS_KILLS), all beside two busy processes.
"""

import hashlib
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import portraitist
from portraitist.backend import embedded
from portraitist.degradations import Noise
from portraitist.doctor import _weights

from .processes import child_pid, kill, row, until

PHOTOS = sorted((Path(__file__).parents[2] / "examples" / "photos").glob("photo-*.jpg"))
KILLS = int(os.environ.get("CHAOS_KILLS", "20"))
EACH = 2  # kills of one job: the third attempt is its last


@pytest.fixture
def studio(tmp_path, monkeypatch):
    if _weights().state != "ok":
        pytest.skip("the bundled prior is not complete")
    monkeypatch.delenv("PORTRAITIST_TEST_OPERATIONS")
    monkeypatch.delenv("OMP_NUM_THREADS")  # as many threads as there are cores
    yield portraitist.connect(home=tmp_path / "home")
    embedded(tmp_path / "home").transport.stop()


@contextmanager
def two_busy_processes():
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        [process.kill() for process in busy]
        [process.wait() for process in busy]


class Kinds:
    """One request of each kind; `whole` is a persona that was made undisturbed."""

    def __init__(self, studio):
        self.studio, self.made = studio, 0
        self.whole = studio.personas.create("whole", PHOTOS[:4], preset="fast", seed=5).wait(timeout=900)

    def create(self):
        self.made += 1
        return self.studio.personas.create(f"broken-{self.made}", PHOTOS[:4], preset="fast", seed=5)

    def edit(self):
        return self.whole.edit(PHOTOS[6], smile=0.7, seed=5, wait=False)

    def enhance(self):
        return self.whole.enhance(PHOTOS[6], degradation=[Noise(20)], seed=5, wait=False)

    def bits(self, job):
        """Digest of what a job has made: a persona's weights, or a picture's pixels (signatures differ)."""
        made = job.wait(timeout=900)
        if isinstance(made, portraitist.Persona):
            return hashlib.sha256(self.studio._backend.sealed(made.id).get(made.record.weights)).hexdigest()
        return hashlib.sha256(made.image.tobytes()).hexdigest()


def killed(studio, job, moments):
    """Kill the job's process after so many seconds of each attempt; how many were in time."""
    landed = 0
    for seconds in moments:
        attempt = landed + 1
        until(lambda: job.done or (row(studio, job).status, row(studio, job).attempts) == ("running", attempt))  # noqa: B023
        time.sleep(seconds)
        if job.done or row(studio, job).status != "running":
            break
        kill(child_pid(studio, job))
        landed += 1
    return landed


def took(job):
    job.wait(timeout=900)
    return job._backend.ledger.job(job.id).finished - job._backend.ledger.job(job.id).started


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["edit", "enhance"])
def test_killed_once_beside_two_busy_processes(studio, kind):
    kinds = Kinds(studio)
    job = getattr(kinds, kind)()
    expected, seconds = kinds.bits(job), took(job)
    with two_busy_processes():
        broken = getattr(kinds, kind)()
        assert killed(studio, broken, [seconds / 2]) == 1
        assert kinds.bits(broken) == expected and row(studio, broken).attempts == 2


@pytest.mark.chaos
def test_twenty_kills_at_random_moments_beside_two_busy_processes(studio):
    kinds, choose = Kinds(studio), random.Random(time.time_ns())
    expected, seconds, kills = {}, {}, {}
    for kind in ("edit", "enhance", "create"):
        job = getattr(kinds, kind)()
        expected[kind], seconds[kind], kills[kind] = kinds.bits(job), took(job), 0
    with two_busy_processes():
        while sum(kills.values()) < KILLS:
            kind = min(kills, key=lambda k: kills[k])
            job = getattr(kinds, kind)()
            kills[kind] += killed(studio, job, [choose.uniform(0, seconds[kind]) for _ in range(EACH)])
            assert kinds.bits(job) == expected[kind], (kind, kills)
            print(f"\n{kind}: the same bits after {row(studio, job).attempts - 1} kills", end="", flush=True)
    print(f"\n{kills}: every result has the bits of one that was left alone")
