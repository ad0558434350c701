"""Jobs go to workers that have the memory for them; what runs out of it is tried once where there is more."""

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from portraitist import memory
from portraitist.errors import InvalidRequest, JobFailed
from portraitist.operations import GB, OPERATIONS
from portraitist_workers.queue import worker_memory

from .fleet import Fleet, starts
from .processes import row, until


@pytest.fixture
def fleet(tmp_path, fake_operations):
    """Two small workers."""
    fleet = Fleet(tmp_path)
    fleet.add(2, more=("--memory", "4GB"))
    fleet.ready()
    yield fleet
    fleet.stop()


def queues(fleet, *more):
    command = [sys.executable, "-m", "portraitist", "queues", "--url", fleet.server.url, "--store", fleet.store, *more]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_by_memory(fleet, create):
    studio = fleet.studio
    assert create(studio).wait(timeout=120)
    with pytest.raises(JobFailed, match=r"4 GB, and none is larger"):  # at once, not after three attempts
        create(studio, memory=6).wait(timeout=120)

    large = fleet.add(more=("--memory", "16GB"))
    fleet.ready()
    job = create(studio, memory=6)
    assert job.wait(timeout=120) and starts(job) <= 2
    assert (
        next(w for w in fleet.transport.workers() if w.pid == large.pid).node
        == row(studio, job).worker.rpartition("/")[0]
    )
    with pytest.raises(JobFailed, match="memory"):
        create(studio, memory=20).wait(timeout=120)


def test_a_second_process_only_where_there_is_the_memory_for_it(monkeypatch):
    """Embedded: else the job waits until the first process is free."""
    edit, create = (SimpleNamespace(request={"operation": operation}) for operation in ("edit", "create"))
    monkeypatch.setitem(OPERATIONS, "edit", replace(OPERATIONS["edit"], memory=2**60))
    monkeypatch.setitem(OPERATIONS, "create", replace(OPERATIONS["create"], memory=1))
    assert worker_memory.beside(create) and not worker_memory.beside(edit)


def test_a_job_that_fits_no_worker_is_told_of(fleet, create):
    [worker.kill() for worker in fleet.workers]
    until(lambda: not fleet.transport.workers(), timeout=120)
    waiting, small = create(fleet.studio), create(fleet.studio)
    fleet.server.client.hset(f"{{portraitist}}:job:{waiting.id}", "memory", 6 * GB)
    fleet.add(more=("--memory", "4GB"))
    assert small.wait(timeout=120)  # it is passed over
    fleet.ready()
    told = json.loads(queues(fleet, "--json"))["tune"]["too_large"]
    assert told == [{"job": waiting.id, "needed": 6 * GB, "largest": 4 * GB}]
    assert "needs at least 6 GB" in " ".join(queues(fleet).split())
    fleet.add(more=("--memory", "8GB"))
    assert waiting.wait(timeout=120)


def test_amounts():
    assert (
        memory.parse("24GB") == 24 * GB
        and memory.parse("1.5 GiB") == 1.5 * GB
        and memory.show(int(1.5 * GB)) == "1.5 GB"
    )
    at_128, at_256 = (memory.needed({"operation": "create", "prior": name}) for name in ("default", "default-256"))
    assert memory.needed({"operation": "edit"}) < at_128 < at_256
    with pytest.raises(InvalidRequest, match="24GB"):
        memory.parse("much")
