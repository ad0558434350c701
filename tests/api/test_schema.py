"""Fuzzed by schemathesis from the server's own OpenAPI document: no 5xx, and every answer fits what the document says."""

from contextlib import suppress

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from portraitist.http.options import Options
from portraitist.testing import fake_backend

from .conftest import learn, serving

STREAMS = "/v1/jobs/{job_id}/events"  # test_following.py reads them
DELETES = ("DELETE", "/v1/personas/{persona}")


@pytest.fixture(scope="module")
def fuzzed():
    with serving(fake_backend(), Options(port=0, wait_s=0.05)) as served:
        with served.client() as client:
            learn(client, "ana")
            served.job = client.post("/v1/personas/ana/synthesize", json={}, headers={"Prefer": "wait=5"}).json()["id"]
        yield served


def operations(served):
    document = httpx.get(served.url + "/openapi.json", timeout=60).json()
    del document["paths"][STREAMS]
    loaded = schemathesis.openapi.from_dict(document)
    loaded.config.update(base_url=served.url)
    return [found.ok() for found in loaded.get_all_operations()]


def fuzz(served, examples, *, start=0):
    """How many answers of each status there were. Raises what schemathesis finds."""
    statuses = {}
    for number, operation in enumerate(operations(served)):
        for mode in GenerationMode:

            @seed(start + number)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case):
                tame = made_tame(case, served)
                answer = case.call(headers={"Authorization": f"Bearer {served.keys['acme', 'admin']}"})
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                # What fits the schema may still be refused (no face, no such attribute); further query parameters are ignored.
                ignored = [negative_data_rejection] if tame or case.query else []
                case.validate_response(answer, excluded_checks=[positive_data_acceptance, *ignored])

            with suppress(Unsatisfiable):  # nothing can be wrong with a request that says nothing
                send()
    return statuses


def made_tame(case, served):
    """Mostly, ids become those of things that there are; else nearly all would be 404."""
    known = {"persona": "ana", "job_id": served.job, "prior": "default"}
    if (case.method.upper(), case.path) == DELETES or len(repr(case.path_parameters)) % 3 == 0:
        return False
    found = {name: value for name, value in known.items() if name in case.path_parameters}
    case.path_parameters.update(found)
    return bool(found)


def test_every_answer_fits_the_document(fuzzed):
    statuses = fuzz(fuzzed, 3)
    assert sum(statuses.values()) > 100 and statuses.get(200, 0) + statuses.get(202, 0) > 20, statuses
    assert not [status for status in statuses if status >= 500]


@pytest.mark.chaos
@pytest.mark.parametrize("piece", range(8))
def test_24000_requests(fuzzed, capsys, piece):
    """Each piece sends data that fits and data that does not to every operation, 75 of each."""
    statuses = fuzz(fuzzed, 75, start=1000 * (piece + 1))
    with capsys.disabled():
        print(f"\nfuzzed requests: {sum(statuses.values())}, by status {dict(sorted(statuses.items()))}")
    assert not [status for status in statuses if status >= 500]
