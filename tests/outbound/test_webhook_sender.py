"""The worker's sender against a real HTTPS receiver: signed, retried, given up, never private."""

import threading
import time

import pytest

from portraitist import webhooks
from portraitist.backend import Backend
from portraitist.ledger import MemoryLedger, NewJob
from portraitist.vault import Keyring, in_memory
from portraitist.webhooks import wire
from portraitist_workers.queue import webhook_sender
from portraitist_workers.queue.webhook_sender import Sender

from .network import reply

KEYRING = Keyring(in_memory())


def secret(tenant="acme"):
    return wire.secret_of(KEYRING.webhook_keys(tenant)[0])


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(clock):
    return MemoryLedger(clock=clock)


@pytest.fixture
def sender(ledger, outbound):
    sender = Sender(Backend(ledger, None, None, keyring=KEYRING), outbound=outbound())

    def send():
        """One round, to its end."""
        sender._looked = 0.0
        sender.look()
        deadline = time.monotonic() + 60
        while sender._free._value < webhook_sender.AT_ONCE and time.monotonic() < deadline:
            time.sleep(0.005)

    return send


def end(
    ledger, number=1, url="https://hooks.example/in", tenant="acme", status="succeeded", events=webhooks.wire.KINDS
):
    request = {"operation": "create", "persona_id": f"per_{number}", "name": f"p{number}"}
    job = NewJob(
        f"job_{number}", request, "x", creates=f"p{number}", tenant=tenant, webhook={"url": url, "events": list(events)}
    )
    ledger.submit(job)
    row = ledger.claim(job.id, worker="w", lease_s=10.0)
    ledger.finish(
        row.id,
        row.token,
        status,
        result={},
        error={"code": "job_failed", "message": "m"} if status == "failed" else None,
    )


def test_delivered_and_verified(site, sender, ledger):
    receiver = site(lambda h: reply(h, 204), "hooks.example")
    end(ledger, 1, status="failed")
    sender()
    ((method, path, headers, body),) = receiver.requests
    event = webhooks.verify(body, headers, secret())
    assert (method, path, event.job_id, event.status, event.error.message) == ("POST", "/in", "job_1", "failed", "m")
    assert ledger.outbox.list() == [] and headers["Content-Type"] == "application/json"
    with pytest.raises(webhooks.wire.SignatureInvalid):
        webhooks.verify(body, headers, secret("other"))


def test_retried_with_growing_pauses_then_given_up_and_sent_again(site, sender, ledger, clock, monkeypatch):
    status = [500]
    receiver = site(lambda h: reply(h, status[0]), "hooks.example")
    end(ledger)
    pauses, outcomes = [], []
    monkeypatch.setattr(webhook_sender.metrics, "webhook_sent", outcomes.append)
    for attempt in range(1, webhook_sender.ATTEMPTS + 1):
        sender()
        assert len(receiver.requests) == attempt
        (waiting,) = ledger.outbox.list()
        assert waiting.error == "it answered 500"
        if attempt < webhook_sender.ATTEMPTS:
            pauses.append(waiting.due - clock.now)
            clock.now = waiting.due - 0.1
            sender()
            assert len(receiver.requests) == attempt  # not before its time
            clock.now += 0.2
    for n, pause in enumerate(pauses):
        middle = min(5.0 * 4.0**n, 6 * 3600.0)
        assert 0.7 * middle <= pause <= 1.3 * middle
    assert waiting.dead and waiting.attempts == webhook_sender.ATTEMPTS
    assert len({r[2]["webhook-id"] for r in receiver.requests}) == len({r[3] for r in receiver.requests}) == 1
    status[0] = 200
    ledger.outbox.resend(waiting.id)
    sender()
    assert ledger.outbox.list() == [] and len(receiver.requests) == webhook_sender.ATTEMPTS + 1
    assert outcomes == ["retried"] * (webhook_sender.ATTEMPTS - 1) + ["given_up", "delivered"]


@pytest.mark.parametrize(
    "status, dead", [(301, False), (307, False), (400, False), (410, True), (429, False), (503, False)]
)
def test_what_an_answer_means(site, sender, ledger, canary, status, dead):
    receiver = site(lambda h: reply(h, status, Location="https://127.0.0.1/"), "hooks.example")
    end(ledger)
    sender()
    (row,) = ledger.outbox.list()
    assert row.dead is dead and len(receiver.requests) == 1 and canary.connections == 0


@pytest.mark.parametrize("asked, least", [("120", 120), ("999999", 3600), ("soon", 3), ("-5", 3), ("١٢٠", 3)])
def test_retry_after_is_believed_within_reason(site, sender, ledger, clock, asked, least):
    def answer(h):
        h.wfile.write(f"HTTP/1.1 503 Busy\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n".encode())

    site(answer, "hooks.example")
    end(ledger)
    sender()
    pause = ledger.outbox.list()[0].due - clock.now
    assert least <= pause <= max(7.0, least)


def test_private_addresses_are_given_up_at_once(site, sender, ledger, network, canary):
    network.names["inside.example"] = ["10.0.0.7"]
    for number, url in enumerate(
        ["https://inside.example/", "https://127.0.0.1/", "http://hooks.example/", "https://hooks.example:22/"]
    ):
        end(ledger, number, url)
    sender()
    rows = ledger.outbox.list()
    assert len(rows) == 4 and all(r.dead for r in rows) and canary.connections == 0 and network.connected == []
    assert not any("10.0.0.7" in r.error for r in rows)


def test_a_receiver_that_hangs_does_not_hold_up_the_others(site, sender, ledger, monkeypatch):
    monkeypatch.setattr(webhook_sender, "TIMEOUT_S", 3.0)
    release = threading.Event()
    site(lambda h: release.wait(15), "slow.example", address="8.8.4.4")
    receiver = site(lambda h: reply(h, 200), "hooks.example")
    end(ledger, 1, "https://slow.example/")
    end(ledger, 2)
    sender()
    release.set()
    assert len(receiver.requests) == 1
    (row,) = ledger.outbox.list()
    assert row.job_id == "job_1" and "too long" in row.error


def test_progress_is_sent_once(site, sender, ledger, clock):
    receiver = site(lambda h: reply(h, 500), "hooks.example")
    request = {"operation": "create", "persona_id": "per_1", "name": "p"}
    hook = {"url": "https://hooks.example/", "events": ["progress"]}
    ledger.submit(NewJob("job_1", request, "x", creates="p", webhook=hook))
    row = ledger.claim("job_1", worker="w", lease_s=10.0)
    ledger.progress(row.id, row.token, {"stage": "tune", "step": 1, "steps": 2})
    clock.now += 1
    sender()
    assert len(receiver.requests) == 1 and ledger.outbox.list() == []


def test_secrets_stay_out_of_logs_and_ledger(site, sender, ledger, caplog, clock):
    caplog.set_level("DEBUG")
    site(lambda h: reply(h, 500), "hooks.example")
    end(ledger, url="https://hooks.example/in?token=sekret")
    sender()
    assert "answered 500" in caplog.text
    seen = caplog.text + repr(ledger.outbox.list()) + repr(ledger.job("job_1"))
    assert secret().removeprefix("whsec_") not in seen
    assert "sekret" not in caplog.text


def test_at_most_so_many_at_once(site, sender, ledger, monkeypatch):
    together, most, lock = [0], [0], threading.Lock()

    def answer(h):
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        time.sleep(0.25)
        with lock:
            together[0] -= 1
        reply(h, 200)

    receiver = site(answer, "hooks.example")
    for number in range(20):
        end(ledger, number)
    for _ in range(3):
        sender()
    assert len(receiver.requests) == 20 and 1 < most[0] <= webhook_sender.AT_ONCE
