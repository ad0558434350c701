"""Promise 12: whenever a worker is killed or finds the disk full while it saves, a reader sees old or new, never half."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import portraitist
from portraitist.backend import embedded, open_store
from portraitist.errors import NotFound, StorageFull

from .processes import PHOTOS
from .save_points import NEW, OLD, PREVIEW, WEIGHTS

POINTS = 50
NEEDED = 900_000  # bytes that a save takes, the ledger's log included


class Saver:
    """Jobs whose worker is a child of a process of its own, and the reader who looks at what they left."""

    def __init__(self, home, store=""):
        embedded(home)
        self.backend = embedded(home, create=False)
        if store:
            self.backend = replace(self.backend, store=open_store(store))
        command = [sys.executable, str(Path(__file__).with_name("save_points.py")), str(home), str(store)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.backend = replace(self.backend, transport=Nobody())
        self.studio, self.count = portraitist.Studio(self.backend), 0

    def submit(self):
        """A creation that has saved one checkpoint."""
        self.count += 1
        job = self.studio.personas.create(f"p{self.count}", PHOTOS[:1])
        self.backend.sealed(job.persona_id, job.id).save_checkpoint(job.id, OLD)
        return job

    def save(self, job, kill_at=0, limit=0):
        self.process.stdin.write(f"{job.id} {kill_at} {limit}\n")
        self.process.stdin.flush()
        fate, lines = self.process.stdout.readline().split()
        return fate, int(lines)

    def look(self, job):
        """What a reader sees: "old" or "new". Anything else fails."""
        row = self.backend.ledger.job(job.id)
        if row.status == "succeeded":
            person = self.studio.personas.get(job.persona_id)
            sealed = self.backend.sealed(person.id)
            assert sealed.get(person.record.weights) == WEIGHTS and person.preview == PREVIEW
            return "new"
        with pytest.raises(NotFound):
            self.studio.personas.get(job.persona_id)
        assert row.status in ("queued", "running", "failed")
        if row.status != "failed":
            assert self.backend.sealed(job.persona_id).load_checkpoint(job.id) in (OLD, NEW)
        return "old"

    def try_again(self, job):
        """The next attempt of a job that was cut off ends well, whatever was left."""
        row = self.backend.ledger.job(job.id)
        if row.status == "running":
            self.backend.ledger.requeue(row.id, row.token, reason="killed")
            assert self.save(job)[0] == "done" and self.look(job) == "new"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=120)


class Nobody:
    """Jobs are done when the test says so."""

    capabilities = frozenset()

    def wake(self, *_):
        pass

    check = describe = wake


@pytest.fixture
def saver(tmp_path):
    made = []

    def make(home=None, store=""):
        made.append(Saver(home or tmp_path / "home", store))
        return made[-1]

    yield make
    [saver.stop() for saver in made]


def killed_at_points(saver, points):
    fate, lines = saver.save(first := saver.submit())
    assert fate == "done" and saver.look(first) == "new" and lines > 100
    seen = []
    for point in range(points):
        job = saver.submit()
        fate, _ = saver.save(job, kill_at=1 + point * (lines - 1) // points)
        seen.append(saver.look(job))
        assert fate == "killed" or seen[-1] == "new"
        if point % 5 == 0:
            saver.try_again(job)
    return seen


def test_12_killed_at_50_points_of_saving(saver):
    seen = killed_at_points(saver(), POINTS)
    assert {"old", "new"} == set(seen) and seen == sorted(seen, reverse=True)  # the record appears at one point, last


@pytest.mark.parametrize("points", [4, pytest.param(POINTS, marks=pytest.mark.chaos)])
def test_12_killed_at_points_of_saving_to_s3(saver, s3, points):
    seen = killed_at_points(saver(store=s3.bucket() + "/folder"), points)
    assert seen[0] == "old"


def test_12_the_disk_is_full_at_50_points_of_saving(saver, tmp_path):
    """A small file system of its own, on which ever more room is left; without root, a limit on the size of files."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "none", disk], capture_output=True).returncode == 0
    )
    try:
        saver = saver(disk / "home")
        fates, seen, filler = set(), [], disk / "filler"
        for point in range(POINTS):
            job = saver.submit()
            room = NEEDED * point // POINTS
            if mounted:
                left = os.statvfs(disk)
                with open(filler, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, max(1, left.f_bavail * left.f_bsize - room))
            fate, _ = saver.save(job, limit=0 if mounted else max(1, room))
            filler.unlink(missing_ok=True)
            fates.add(fate)
            seen.append(saver.look(job))
            row = saver.backend.ledger.job(job.id)
            assert row.status != "failed" or row.error["code"] in ("storage_full", "storage_error")
            if point % 10 == 0:
                saver.try_again(job)
        if mounted:
            assert {"old", "new"} == set(seen) and fates <= {"done", StorageFull.__name__}
        assert not list(disk.rglob(".tmp-*"))
    finally:
        if mounted:  # lazily: the saver has it open
            subprocess.run(["umount", "-l", disk], check=True)


def test_12_the_test_notices_half_a_blob(saver):
    """Negative control: the same look at what a writer in place would leave."""
    saver = saver()
    job = saver.submit()
    assert saver.save(job)[0] == "done"
    weights = saver.studio.personas.get(job.persona_id).record.weights
    path = saver.backend.store._blob(weights)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(portraitist.StorageError, match="damaged"):
        saver.look(job)
