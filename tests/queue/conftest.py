"""Studios with a real worker process that runs `fake_operations`."""

import os
from pathlib import Path

import pytest

import portraitist
from portraitist.backend import embedded
from portraitist.ledger import MemoryLedger, RedisLedger, SqliteLedger

from .processes import PHOTOS
from .redis_server import RedisServer
from .s3_server import S3Server

HERE = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def fake_operations():
    """The worker inherits the environment of the client that starts it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PORTRAITIST_TEST_OPERATIONS", "fake_operations")
    patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    patch.setenv("PORTRAITIST_IDLE_S", "60")
    patch.setenv("OMP_NUM_THREADS", "1")
    patch.setenv("PORTRAITIST_CONSENT", "optional")  # of people who are made up
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


@pytest.fixture(scope="session")
def one_redis_server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis_server(one_redis_server):
    """The session's server, empty."""
    one_redis_server.client.flushall()
    return one_redis_server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The session's server, named in the environment as any S3 client wants it; `s3.bucket()` is a new bucket's URL."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


ADAPTERS = {
    "memory": lambda folder, clock, redis: MemoryLedger(clock=clock),
    "sqlite": lambda folder, clock, redis: SqliteLedger(folder / "ledger.sqlite3", clock=clock),
    "redis": lambda folder, clock, redis: RedisLedger(redis().url, clock=clock),
}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=ADAPTERS)
def ledger(request, tmp_path, clock):
    ledger = ADAPTERS[request.param](tmp_path, clock, lambda: request.getfixturevalue("redis_server"))
    yield ledger
    ledger.close()
