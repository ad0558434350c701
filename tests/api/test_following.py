"""Following jobs: Server-Sent Events, `Prefer: wait`, and one task for all of them."""

import asyncio
import json
import threading
import time

import httpx
import pytest

from portraitist.errors import QueueUnavailable
from portraitist.http.follower import Follower
from portraitist.http.routes.jobs import waited
from portraitist.http.threads import Threads
from portraitist.results import Progress
from portraitist.testing import fake_backend, plain_pictures

from .conftest import learn, serving, until


def messages(lines):
    """The events of a stream: (id, event, data)."""
    found, now = [], {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            now[name] = value
        elif now.get("event"):
            found.append((int(now["id"]), now["event"], json.loads(now["data"])))
            now = {}
        else:
            now = {}
    return found


class Gate:
    """Fake work that stops in its middle until it is let go on."""

    def __init__(self):
        self.open = threading.Event()

    def run(self, request, context):
        if request.operation == "synthesize":
            context.on_step(Progress(stage="wait", step=0, steps=2, eta=3.0))
            while not self.open.wait(0.02):
                context.on_step(Progress(stage="wait", step=1, steps=2))
        return plain_pictures(request, context)


@pytest.fixture
def gated():
    gate = Gate()
    with serving(fake_backend(gate.run)) as served, served.client() as client:
        learn(client, "ana")
        yield gate, served, client
        gate.open.set()


def test_events_come_until_the_job_is_over(gated):
    gate, _, api = gated
    job = api.post("/v1/personas/ana/synthesize", json={}).json()["id"]
    with api.stream("GET", f"/v1/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        seen = []
        for line in lines:
            seen.append(line)
            if "event: progress" in line:
                gate.open.set()
        found = messages(seen)
    assert [seq for seq, _, _ in found] == list(range(1, len(found) + 1))
    assert [kind for _, kind, _ in found if kind != "progress"] == ["queued", "started", "succeeded"]
    assert found[2][2]["progress"]["stage"] == "wait" and found[2][2]["progress"]["eta"] == 3.0
    last = found[-1][0]
    with api.stream("GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(last - 1)}) as stream:
        assert [(seq, kind) for seq, kind, _ in messages(stream.iter_lines())] == [(last, "succeeded")]
    assert api.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(last)}).status_code == 204
    assert api.get(f"/v1/jobs/{job}/events", params={"after": last}).status_code == 204
    assert api.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": "x"}).status_code == 422
    assert api.get(f"/v1/jobs/job_{'0' * 20}/events").status_code == 404
    assert api.head(f"/v1/jobs/{job}/events").status_code == 405


def test_a_wait_ends_without_the_job(gated):
    gate, _, api = gated
    began = time.monotonic()
    answer = api.post("/v1/personas/ana/synthesize", json={}, headers={"Prefer": "respond-async, wait=1"})
    assert answer.status_code == 202 and 0.9 < time.monotonic() - began < 10
    assert answer.json()["status"] == "running" and answer.json()["progress"]["stage"] == "wait"
    gate.open.set()
    job = answer.json()["id"]
    assert api.get(f"/v1/jobs/{job}", headers={"Prefer": "wait=20"}).json()["status"] == "succeeded"


def test_a_running_job_is_cancelled(gated):
    _, _, api = gated
    job = api.post("/v1/personas/ana/synthesize", json={}).json()["id"]
    until(lambda: api.get(f"/v1/jobs/{job}").json()["status"] == "running")
    early = api.get(f"/v1/jobs/{job}/pictures/0")
    assert (early.status_code, early.json()["code"]) == (409, "wait_timeout")
    api.post(f"/v1/jobs/{job}/cancel")
    assert api.get(f"/v1/jobs/{job}", headers={"Prefer": "wait=20"}).json()["status"] == "cancelled"


def test_a_stream_ends_when_its_person_is_deleted(gated):
    gate, _, api = gated
    job = api.post("/v1/personas/ana/synthesize", json={}).json()["id"]
    with api.stream("GET", f"/v1/jobs/{job}/events") as stream:
        lines = stream.iter_lines()
        while "event: progress" not in next(lines):
            pass
        assert api.delete("/v1/personas/ana").status_code == 200
        began = time.monotonic()
        list(lines)
        assert time.monotonic() - began < 30


def test_the_server_ends_although_streams_are_open():
    gate = Gate()
    with serving(fake_backend(gate.run)) as served, served.client() as client:
        learn(client, "ana")
        job = client.post("/v1/personas/ana/synthesize", json={}).json()["id"]
        with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            lines = stream.iter_lines()
            next(lines)
            began = time.monotonic()
            served.running.stop()
            list(lines)
            assert time.monotonic() - began < 5
    gate.open.set()


def test_many_follow_without_a_thread_each(gated):
    """150 streams of one process; how many threads it has does not depend on them."""
    gate, served, api = gated
    job = api.post("/v1/personas/ana/synthesize", json={}).json()["id"]
    until(lambda: api.get(f"/v1/jobs/{job}").json()["status"] == "running")
    before = threading.active_count()

    async def follow(client):
        async with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            return messages([line async for line in stream.aiter_lines()])

    async def everybody():
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=served.url, headers=dict(api.headers), timeout=60, limits=limits
        ) as client:
            tasks = [asyncio.create_task(follow(client)) for _ in range(150)]
            while served.running.app.state.api.follower.streams < 150:
                await asyncio.sleep(0.02)
            during = threading.active_count()
            gate.open.set()
            return during, await asyncio.gather(*tasks)

    during, found = asyncio.run(everybody())
    assert during <= before + 8
    assert all(events[-1][1] == "succeeded" for events in found) and len({len(events) for events in found}) == 1
    until(lambda: served.running.app.state.api.follower.streams == 0)


def test_one_question_is_asked_for_all():
    backend, asked = fake_backend(), []
    real = backend.ledger.standing
    backend.ledger.standing = lambda ids: asked.append(len(ids)) or real(ids)

    async def wait():
        threads = Threads(2)
        follower = Follower(backend, threads)
        follower.start()
        try:
            found = await asyncio.gather(*(follower.moved(f"job_{n}", 0, 5.0) for n in range(500)))
        finally:
            follower.close()
            threads.close()
        return found

    assert asyncio.run(wait()) == [None] * 500  # none of them is there
    assert len(asked) < 10 and max(asked) == 500


@pytest.mark.parametrize(
    "prefer, seconds",
    [
        ("wait=5", 5.0),
        ('respond-async, wait="7"', 7.0),
        ("WAIT = 3; x=1", 3.0),
        ("wait=999999999999999", 60.0),
        ("wait=-1", None),
        ("wait=x", None),
        ("return=minimal", None),
        ("", None),
        ("wait=²", None),
    ],
)
def test_the_preference_is_read(prefer, seconds):
    assert waited(prefer, 60.0) == seconds


def test_followers_are_told_when_no_worker_comes(monkeypatch):
    """And when the job is cancelled all the same."""
    backend = fake_backend(Gate().run)
    with serving(backend) as served, served.client() as client:
        learn(client, "ana")

        def away():
            raise QueueUnavailable("no worker can be started here")

        job = client.post("/v1/personas/ana/synthesize", json={}).json()["id"]
        monkeypatch.setattr(backend.transport, "check", away)
        with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            lines = stream.iter_lines()
            while "event: unavailable" not in next(lines):
                pass
            assert json.loads(next(lines).removeprefix("data: "))["code"] == "queue_unavailable"
            client.post(f"/v1/jobs/{job}/cancel")
            assert [kind for _, kind, _ in messages(lines)][-1] == "cancelled"
