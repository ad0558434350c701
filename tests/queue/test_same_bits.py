"""The real engine on a real worker: whatever is killed, and whatever runs beside it, ends with the bits of what was left alone.

The short form kills one job of each kind, beside the other tests; `make test-chaos` kills twenty times (CHAOS_KILLS), beside two busy
processes.
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

from .processes import child_pid, children_of, kill, row, until

PHOTOS = sorted((Path(__file__).parents[2] / "examples" / "photos").glob("photo-*.jpg"))
KILLS = int(os.environ.get("CHAOS_KILLS", "20"))
EACH = 2  # kills of one job: the third attempt is its last


@pytest.fixture
def studio(tmp_path, monkeypatch):
    if _weights().state != "ok":
        pytest.skip("the bundled prior is not complete")
    monkeypatch.setenv("PORTRAITIST_TEST_OPERATIONS", "short_operations")
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


class Undisturbed:
    """One job of each kind that was left alone: its bits, and how long it took."""

    KINDS = ("create", "edit", "enhance")

    def __init__(self, studio):
        self.studio, self.made = studio, 0
        jobs = {"create": self.submit("create")}
        self.person = jobs["create"].wait(timeout=900)
        for kind in ("edit", "enhance"):
            jobs[kind] = self.submit(kind)
        self.bits = {kind: bits(studio, job) for kind, job in jobs.items()}
        self.seconds = {kind: row(studio, job).finished - row(studio, job).started for kind, job in jobs.items()}

    def again(self, kind):
        """The same request once more, where no process has opened a photo yet: else there is little left to do."""
        for child in children_of(self.studio):
            kill(child)
        return self.submit(kind)

    def submit(self, kind):
        if kind == "create":
            self.made += 1
            return self.studio.personas.create(f"person-{self.made}", PHOTOS[:4], preset="fast", seed=5)
        if kind == "edit":
            return self.person.edit(PHOTOS[6], smile=0.7, preset="best", seed=5, wait=False)
        return self.person.enhance(PHOTOS[6], degradation=[Noise(20)], seed=5, wait=False)


def bits(studio, job):
    """Digest of what a job has made: a persona's weights, or a picture's pixels (signatures differ)."""
    made = job.wait(timeout=900)
    if isinstance(made, portraitist.Persona):
        return hashlib.sha256(studio._backend.sealed(made.id).get(made.record.weights)).hexdigest()
    return hashlib.sha256(made.image.tobytes()).hexdigest()


def killed(studio, job, moments):
    """Kill the job's process after so many seconds of each attempt; how many kills were in time."""
    for landed, seconds in enumerate(moments):
        until(
            lambda attempt=landed + 1: (
                job.done or (row(studio, job).status, row(studio, job).attempts) == ("running", attempt)
            )
        )
        time.sleep(seconds)
        if job.done or row(studio, job).status != "running":
            return landed
        kill(child_pid(studio, job))
    return len(moments)


@pytest.mark.slow
def test_killed_once_each(studio):
    """And what is left behind once the personas are deleted: nothing."""
    whole, store = Undisturbed(studio), studio._backend.store

    def in_the_middle(job, kind):
        return getattr(job.status, "stage", "") == "tune" and (kind != "create" or store.load_checkpoint(job.id))

    for kind in ("edit", "enhance", "create"):
        job = whole.again(kind)
        until(lambda job=job, kind=kind: job.done or in_the_middle(job, kind), timeout=300)
        kill(child_pid(studio, job))
        assert bits(studio, job) == whole.bits[kind] and row(studio, job).attempts == 2
    broken = job.wait()
    portrait, again = (person.synthesize(yaw=5, smile=0.5, seed=7) for person in (broken, whole.person))
    assert portrait.image.tobytes() == again.image.tobytes()
    told = portraitist.verify(portrait.read())
    assert told.credentials.state == "valid" and told.mark.found
    whole.person.delete()
    assert store.has(broken.record.weights)
    broken.delete()
    assert not list((studio._backend.home / "blobs").glob("??/*"))


@pytest.mark.chaos
def test_twenty_kills_at_random_moments_beside_two_busy_processes(studio):
    whole, choose = Undisturbed(studio), random.Random(time.time_ns())
    kills = dict.fromkeys(whole.KINDS, 0)
    with two_busy_processes():
        while sum(kills.values()) < KILLS:
            kind = min(kills, key=lambda k: kills[k])
            job = whole.again(kind)
            kills[kind] += killed(studio, job, [choose.uniform(0, whole.seconds[kind]) for _ in range(EACH)])
            assert bits(studio, job) == whole.bits[kind], (kind, kills)
            print(f"\n{kind}: the same bits after {row(studio, job).attempts - 1} kills", end="", flush=True)
    print(f"\n{kills}: every result has the bits of one that was left alone")
