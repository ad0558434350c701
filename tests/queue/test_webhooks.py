"""Webhooks from real workers, embedded and in a cluster, to a real receiver."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import portraitist
from portraitist import webhooks
from portraitist.errors import InvalidImage, JobCancelled
from portraitist.vault import new_secret

from .fleet import Fleet
from .processes import PHOTOS, row, running, until
from .storm import WORKERS, storm, submitter


class Receiver:
    """`answer()` may hang or refuse; `requests` holds (headers, body)."""

    def __init__(self):
        self.requests, self.answer = [], lambda: 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                status = receiver.answer()
                try:
                    self.send_response(status)
                    self.end_headers()
                except OSError:
                    pass  # the sender was killed

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.webhook = portraitist.Webhook(self.origin + "/in")

    def events(self, secret):
        return [webhooks.verify(body, headers, secret) for headers, body in self.requests]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(monkeypatch):
    """Workers that start in this test may connect to it."""
    receiver = Receiver()
    monkeypatch.setenv("PORTRAITIST_ALLOW_ORIGINS", receiver.origin)
    yield receiver
    receiver.close()


@pytest.fixture
def fleet(tmp_path, fake_operations, monkeypatch):
    """With a master key of its operator's."""
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", new_secret())
    fleet = Fleet(tmp_path, lease_s=2.0)
    yield fleet
    fleet.stop()


def test_embedded(receiver, studio, create):
    told = portraitist.connect(home=studio._backend.home, webhook=receiver.webhook)
    ana = create(told, "ana").wait(timeout=120)
    ana.synthesize(wait=False, webhook=portraitist.Webhook(receiver.webhook.url, events=("failed",))).wait(timeout=120)
    with pytest.raises(InvalidImage):
        create(told, "bad", error=1).wait(timeout=120)
    long = create(told, "long", steps=1000, dt=0.05)
    running(told, long)
    long.cancel()
    with pytest.raises(JobCancelled):
        long.wait(timeout=120)
    create(studio, "untold").wait(timeout=120)
    until(lambda: len(receiver.requests) >= 3 and not told.webhooks.list())
    events = receiver.events(told.webhooks.secret())
    assert {e.status for e in events} == {"succeeded", "failed", "cancelled"} and {e.operation for e in events} == {
        "create"
    }
    done = next(e for e in events if e.status == "succeeded")
    assert done.persona_id == ana.id and studio.jobs.get(done.job_id).result().id == ana.id
    assert type(next(e for e in events if e.status == "failed").error) is InvalidImage
    assert len(events) == 3


def test_on_the_command_line(studio, create):
    """One that was given up, seen and sent again."""
    ana = create(studio, "ana").wait(timeout=120)
    ana.synthesize(wait=False, webhook=portraitist.Webhook("https://127.0.0.1/"))
    (dead,) = until(lambda: studio.webhooks.list(dead=True))

    def ask(*words):
        program = [sys.executable, "-m", "portraitist", "webhooks", *words, "--home", str(studio._backend.home)]
        return subprocess.run(program, capture_output=True, text=True, check=True).stdout

    (listed,) = json.loads(ask("list", "--dead", "--json"))
    assert listed["id"] == dead.id and "public internet" in listed["error"] and "given up" in ask("list")
    assert ask("resend", dead.id) == "it is due now\n" and ask("secret").strip() == studio.webhooks.secret()
    until(lambda: studio.webhooks.list(dead=True))
    ana.delete()
    assert studio.webhooks.list() == []


def test_cluster_and_a_sender_that_is_killed(receiver, fleet, create):
    """The worker dies in the middle of an attempt; another one delivers, with the same id."""
    fleet.add()
    fleet.ready()
    release = threading.Event()
    receiver.answer = lambda: release.wait(30) and 204
    acme = portraitist.connect(fleet.server.url, store=fleet.store, tenant="acme", webhook=receiver.webhook)
    job = create(acme, "ana")
    job.wait(timeout=120)
    until(lambda: receiver.requests)
    fleet.workers[0].kill()
    receiver.answer = lambda: 204
    fleet.add(2)
    until(lambda: len(receiver.requests) >= 2 and not acme.webhooks.list(), timeout=120)
    release.set()
    first, second = receiver.events(acme.webhooks.secret())
    assert first == second and (second.tenant, second.job_id, second.status) == ("acme", job.id, "succeeded")
    fleet.ready()  # two senders, nobody dies: nothing comes twice
    jobs = {acme.personas.get("ana").synthesize(seed=seed, wait=False).id for seed in range(20)}
    until(lambda: len(receiver.requests) >= 22 and not acme.webhooks.list(), timeout=120)
    assert sorted(e.job_id for e in receiver.events(acme.webhooks.secret())[2:]) == sorted(jobs)
    other = portraitist.connect(fleet.server.url, store=fleet.store, tenant="other")
    assert other.webhooks.secret() != acme.webhooks.secret()
    kept = "".join(map(str, dump(fleet.server.client))) + fleet.log.read_text()
    for secret in (os.environ["PORTRAITIST_MASTER_KEY"], acme.webhooks.secret()):
        assert secret.removeprefix("whsec_") not in kept


@pytest.mark.chaos
def test_through_a_storm_every_end_is_told(receiver, tmp_path, fake_operations):
    """Workers, children and the server killed while jobs end; the receiver refuses some and is slow with others."""
    scale, luck = float(os.environ.get("CHAOS_SCALE", "1")) / 4, random.Random(0)
    count = round(1000 * scale)
    receiver.answer = lambda: luck.choice([204] * 8 + [500, time.sleep(luck.choice([0, 0, 3])) or 204])
    fleet = Fleet(tmp_path, aof=True)
    try:
        fleet.add(WORKERS)
        fleet.ready()
        studio = portraitist.connect(fleet.server.url, store=fleet.store, webhook=receiver.webhook)
        jobs = []
        app = submitter(lambda n: jobs.append(studio.personas.create(f"p{n}", PHOTOS).id), count, scale=scale)
        began = time.monotonic()
        app.start()
        done = storm(fleet, scale=scale)
        app.join()
        until(lambda: all(studio.jobs.get(job).done for job in jobs), timeout=1800)
        until(lambda: not studio.webhooks.list(), timeout=1800)
        events = receiver.events(studio.webhooks.secret())
        told = {(e.job_id, e.status) for e in events}
        assert told == {(job, row(studio, studio.jobs.get(job)).status) for job in jobs} and len(told) == count
        assert len({e.id for e in events}) == count
        print(
            f"\nwebhooks: {count} jobs, blows {done}: all {count} ends told, after {time.monotonic() - began:.0f} s; "
            f"{len(events)} attempts reached the receiver, which refused one in ten"
        )
    finally:
        fleet.stop()


def dump(client):
    """Everything that Redis holds."""
    read = {"hash": client.hgetall, "set": client.smembers, "string": client.get, "stream": client.xrange}
    read |= {"zset": lambda k: client.zrange(k, 0, -1), "list": lambda k: client.lrange(k, 0, -1)}
    for key in client.scan_iter():
        yield key
        yield read[client.type(key)](key)
