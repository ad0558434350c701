"""What Redis and its append-only file tell whoever reads them, beside a job from photos to a picture."""

import dataclasses

import pytest

import portraitist
from portraitist import Consent
from portraitist.backend import cluster
from portraitist.errors import StorageError
from portraitist.store import words
from portraitist_workers.operations.progress import Stages
from portraitist_workers.queue.execution import execute

from . import fake_operations
from .redis_server import RedisServer

PHOTOS = [("Anna Privatissima.jpg", b"first"), ("holiday with Bertram.jpg", b"second"), ("c.jpg", b"third")]
CONSENT = Consent(subject="Frau Geheimrat", by="her guardian Cuthbert", text="I agree", scope="a gift for Dorothea")
SECRET = ["Privatissima", "Bertram", "Geheimrat", "Cuthbert", "Dorothea", "Portrait of Emil"]
PLAIN = [
    "ana-in-the-index",
    "acme",
    "broken.jpg",
]  # docs/storage.md says so: names of personas, tenants, errors' messages


@pytest.fixture
def server(tmp_path):
    server = RedisServer(tmp_path, aof=True)
    yield server
    server.stop()


def run(request, context):
    if request.operation == "create":
        on_photo = Stages(context).photos("intake")
        for index, photo in enumerate(request.photos):
            on_photo(index + 1, len(request.photos), photo.name)
    return fake_operations.run(request, context)


def test_file_names_and_consents_are_nowhere_in_redis(server, tmp_path):
    backend = cluster(server.url, tmp_path / "store")
    studio = portraitist.Studio(backend.of("acme"))

    def work(job, lane):
        row = backend.ledger.take(lane, worker="w/1", lease_s=60.0)
        execute(backend, row, run=run)
        return job

    made = studio.personas.create("ana-in-the-index", PHOTOS, consent=CONSENT, retain_days=1)
    ana = work(made, "tune").wait(timeout=10)
    job = ana.edit(("Portrait of Emil.png", b"a photo"), yaw=3, wait=False)
    assert work(job, "serve").wait(timeout=10)
    broken = studio.personas.create("bob", [("broken.jpg", b"x")], consent=CONSENT, labels={"broken.jpg": {"error": 1}})
    with pytest.raises(portraitist.InvalidImage):
        work(broken, "tune").wait(timeout=10)
    read = b"".join(path.read_bytes() for path in tmp_path.rglob("*.aof")).decode(errors="replace")
    assert [word for word in SECRET if word in read] == [] and [word for word in PLAIN if word not in read] == []
    # ... and whoever may read them still does:
    again = portraitist.connect(server.url, store=tmp_path / "store", tenant="acme")
    assert [v.name for v in again.personas.get("ana-in-the-index").photos] == [name for name, _ in PHOTOS]
    assert (
        again.personas.list()[0].consent == CONSENT and again.jobs.get(made.id).result().photos[0].name == PHOTOS[0][0]
    )
    looked = [e.progress for e in again.jobs.get(made.id).events() if e.progress and e.progress.stage == "intake"]
    assert {progress.photo for progress in looked} & {name for name, _ in PHOTOS} and not any(p.message for p in looked)
    same = studio.personas.create("ana-in-the-index", PHOTOS, consent=CONSENT, retain_days=1)
    assert same.id == made.id  # the same call is still the same job
    row = backend.ledger.job(job.id)
    with pytest.raises(StorageError, match="another persona"):
        words.opened(lambda: backend.sealed(_other(backend, studio, work)), row.request)
    damaged = dataclasses.replace(row, request={"photo": {"name": "sealed:%%%"}})
    with pytest.raises(StorageError, match="damaged"):
        backend.readable(ana.id, damaged.request)


def _other(backend, studio, work):
    return work(studio.personas.create("cyd", PHOTOS, consent=CONSENT), "tune").wait(timeout=10).id
