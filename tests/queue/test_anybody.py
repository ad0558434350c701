"""Anybody's photo by a prior alone: what the worker asks, whatever a client has written."""

from dataclasses import replace

import pytest

from portraitist.errors import InvalidRequest
from portraitist.requests import Enhance, Photo
from portraitist.studio import Studio
from portraitist.testing import fake_backend, plain_pictures
from portraitist.transport import Capability, InlineTransport
from portraitist_workers.queue.checking import checked
from portraitist_workers.queue.execution import execute

PHOTO = b"a photo"


class SharedTransport(InlineTransport):
    capabilities = frozenset({Capability.MULTI_HOST})


@pytest.fixture
def backend(ledger):
    return fake_backend(ledger=ledger)


def test_a_row_that_needs_a_person_is_refused(backend):
    studio = Studio(backend.of())
    job = studio.priors["default"].edit(PHOTO, yaw=1, wait=False)
    job.wait()
    row = backend.ledger.job(job.id)
    assert checked(backend, row).values == [{"yaw": 1}]  # the control
    photo = Photo(name="a.jpg", blob=row.request["photo"]["blob"])
    enhance = Enhance(persona_id=row.persona_id, photo=photo).model_dump(mode="json")
    with pytest.raises(InvalidRequest, match="enhance needs a person"):
        checked(backend, replace(row, operation="enhance", request=enhance))


def test_the_worker_asks_for_consent_too(backend, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_CONSENT", "optional")
    cluster = replace(backend, transport=SharedTransport(lambda job_id: None))
    studio = Studio(cluster.of())
    monkeypatch.setattr("portraitist.jobs.Job.wait", lambda *_, **__: pytest.fail("it was submitted"))
    with pytest.raises(pytest.fail.Exception):
        studio.priors["default"].edit(PHOTO, yaw=1)
    [row] = cluster.ledger.jobs()
    claimed = cluster.ledger.claim(row.id, worker="w/1", lease_s=60.0)
    monkeypatch.delenv("PORTRAITIST_CONSENT")
    execute(cluster, claimed, run=plain_pictures)
    assert cluster.ledger.job(row.id).error["code"] == "consent_missing" and "prior:default" not in studio.personas
