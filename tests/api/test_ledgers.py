"""The same calls over every ledger: SQLite and Redis answer as memory does."""

import shutil
import subprocess

import pytest
from ports import free_port

from portraitist.errors import QueueUnavailable
from portraitist.ledger import MemoryLedger, RedisLedger, SqliteLedger
from portraitist.testing import fake_backend

from .conftest import PHOTOS, learn, serving, until
from .test_following import messages


def answers(ledger):
    try:
        return ledger.depth("serve") == 0
    except QueueUnavailable:
        return False


@pytest.fixture
def redis(tmp_path):
    program = shutil.which("redis-server") or shutil.which("valkey-server") or pytest.skip("there is no redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    ledger = RedisLedger(f"redis://127.0.0.1:{port}/0")
    until(lambda: answers(ledger))
    yield ledger
    server.terminate()
    server.wait(timeout=60)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_a_day_with_the_api(kind, tmp_path, request):
    made = {"memory": MemoryLedger, "sqlite": lambda: SqliteLedger(tmp_path / "ledger.sqlite3")}
    ledger = made[kind]() if kind in made else request.getfixturevalue("redis")
    with serving(fake_backend(ledger=ledger)) as served, served.client() as api:
        learn(api, "ana")
        once = [
            api.post("/v1/personas/ana/synthesize", json={"n": 2}, headers={"Idempotency-Key": "k"}).json()["id"]
            for _ in range(2)
        ]
        assert once[0] == once[1]
        with api.stream("GET", f"/v1/jobs/{once[0]}/events") as stream:
            assert [kind for _, kind, _ in messages(stream.iter_lines())][-1] == "succeeded"
        done = api.get(f"/v1/jobs/{once[0]}").json()
        assert api.get(done["result"]["pictures"][1]["blob"]).content.startswith(b"\x89PNG")
        for seed in range(4):
            api.post("/v1/personas/ana/synthesize", json={"seed": seed}, headers={"Prefer": "wait=10"})
        pages, cursor = [], {}
        while cursor is not None:
            page = api.get("/v1/jobs", params={"limit": 4, **cursor}).json()
            pages.append(len(page["items"]))
            cursor = {"cursor": page["next"]} if page["next"] else None
        assert pages == [4, 2]
        with served.client(tenant="other") as other:
            assert other.get(f"/v1/jobs/{once[0]}").status_code == other.get("/v1/personas/ana").status_code == 404
            assert other.get("/v1/jobs").json()["items"] == []
        with served.client("read") as reader:
            assert reader.post("/v1/personas", files=PHOTOS).status_code == 403
        for row in served.backend.ledger.api_keys.list():
            served.backend.ledger.api_keys.revoke(row.id)
        assert api.get("/v1").status_code == 401
