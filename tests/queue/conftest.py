"""Studios with a real worker process that runs `fake_operations`."""

import os
import signal
import time
from pathlib import Path

import portraitist
import pytest
from portraitist.backend import embedded

HERE = Path(__file__).parent
PHOTOS = [("a.jpg", b"first photo"), ("b.jpg", b"second photo"), ("c.jpg", b"third photo")]


@pytest.fixture(scope="session", autouse=True)
def fake_operations():
    """The worker inherits the environment of the client that starts it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PORTRAITIST_TEST_OPERATIONS", "fake_operations")
    patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    patch.setenv("PORTRAITIST_IDLE_S", "60")
    patch.setenv("OMP_NUM_THREADS", "1")
    yield
    patch.undo()


@pytest.fixture(scope="session")
def shared(tmp_path_factory, fake_operations):
    """One home and worker for all tests that leave it in good health."""
    home = tmp_path_factory.mktemp("shared")
    yield portraitist.connect(home=home)
    embedded(home).transport.stop()


@pytest.fixture
def studio(tmp_path, fake_operations):
    """A home and worker of its own."""
    home = tmp_path / "home"
    yield portraitist.connect(home=home)
    if home.exists():
        embedded(home).transport.stop()


@pytest.fixture
def create(request):
    """create(studio, name=None, **script) -> Job; the script is what `fake_operations` does."""
    count = iter(range(1000))

    def submit(studio, name=None, **script):
        name = name or f"{request.node.name[:40].strip('[')}-{next(count)}".replace("[", "-").replace("]", "")
        return studio.personas.create(name, PHOTOS, labels={"a.jpg": script} if script else None)

    return submit


def row(studio, job):
    return studio._backend.ledger.job(job.id)


def until(condition, timeout=20.0):
    """Wait for `condition()` to be true; its value."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def running(studio, job, step=1):
    """Wait until the job has done `step` steps."""
    return until(lambda: isinstance(s := job.status, portraitist.Running) and s.stage == "work" and s.step >= step and s)


def child_pid(studio, job):
    return int(row(studio, job).worker.rpartition("/")[2])


def worker_pid(studio):
    return studio._backend.transport.state()["pid"]


def kill(pid):
    os.kill(pid, signal.SIGKILL)
