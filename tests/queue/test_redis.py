"""What is particular to the Redis ledger: a full server, a server that forgot the script, the wrong address."""

import base64
import dataclasses
import json
import signal
import threading
import time

import pytest

from portraitist.errors import InvalidRequest, QueueUnavailable, StorageError, StorageFull
from portraitist.ledger import NewJob, RedisLedger
from portraitist.ledger.redis_server import without_password
from portraitist.transport import RedisTransport, wakeups

from .processes import until


def creation(number, name=None, blobs=()):
    request = {"operation": "create", "persona_id": f"per_{number}", "name": name or f"p{number}"}
    return NewJob(f"job_{number}", request, "h", creates=name or f"p{number}", lane="tune", blobs=blobs)


@pytest.fixture
def ledger(redis_server):
    return RedisLedger(redis_server.url)


def test_leases_end_by_the_servers_clock(ledger, monkeypatch):
    for number in (1, 2):
        ledger.submit(creation(number))
    monkeypatch.setattr(time, "time", lambda: 5.0)  # a host whose clock is wrong
    ledger.claim("job_2", worker="a/1", lease_s=600.0)
    assert ledger.expired() == []
    began = time.monotonic()
    row = ledger.claim("job_1", worker="a/1", lease_s=2.0)
    assert abs(row.lease_until - row.started - 2.0) < 0.01
    assert [r.id for r in until(ledger.expired)] == ["job_1"] and time.monotonic() - began > 1.9


def test_a_full_server_is_typed_and_undoes_the_step(redis_server, ledger):
    ledger.submit(creation(1))
    redis_server.client.config_set("maxmemory", "1")
    try:
        with pytest.raises(StorageFull, match="maxmemory"):
            ledger.submit(creation(2))
    finally:
        redis_server.client.config_set("maxmemory", "0")
    assert [row.id for row in ledger.jobs()] == ["job_1"] and ledger.submit(creation(2))[1]


def test_a_server_that_hangs_is_told_within_seconds(redis_server, ledger):
    ledger.submit(creation(1))
    redis_server.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(QueueUnavailable):
            ledger.submit(creation(2))
        assert time.monotonic() - began < 30.0
    finally:
        redis_server.process.send_signal(signal.SIGCONT)
    assert ledger.submit(creation(3))[1]


def test_settings_that_lose_jobs_are_told(redis_server, ledger):
    assert ["appendonly is off" in risk for risk in ledger.risks()] == [
        True
    ]  # the tests' server has no need to keep anything
    redis_server.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert len(ledger.risks()) == 2
    finally:
        redis_server.client.config_set("maxmemory-policy", "noeviction")


def test_a_server_that_forgot_the_script(redis_server, ledger):
    ledger.submit(creation(1))
    redis_server.client.script_flush()
    assert ledger.claim("job_1", worker="a/1", lease_s=10).attempts == 1


def test_submitting_again_after_a_lost_answer_is_the_same_job(ledger):
    assert ledger.submit(creation(1))[1]
    row, new = ledger.submit(creation(1))  # what redis-py does when the connection broke before the answer
    assert new and row.id == "job_1" and len(ledger.jobs()) == 1
    assert [e.kind for e in ledger.events("job_1")] == ["queued"]


def test_tokens_grow_even_if_the_server_lost_its_last_second(redis_server, ledger):
    ledger.submit(creation(1))
    before = redis_server.client.hgetall("{portraitist}:job:job_1")
    old = ledger.claim("job_1", worker="a/1", lease_s=10)
    pipe = redis_server.client.pipeline()  # as if the claim had never been written
    pipe.delete("{portraitist}:events:job_1", "{portraitist}:job:job_1")
    pipe.hset("{portraitist}:job:job_1", mapping={**before, "seq": 0}).execute()
    assert ledger.claim("job_1", worker="b/1", lease_s=10).token > old.token


def test_nothing_of_a_deleted_persona_stays_in_the_keys(redis_server, ledger):
    ledger.submit(creation(1, "Ana Secret", blobs=("ph",)))
    row = ledger.claim("job_1", worker="a/1", lease_s=10)
    ledger.progress("job_1", row.token, {"message": "Ana Secret"})
    ledger.finish("job_1", row.token, "succeeded", result={"name": "Ana Secret"})
    ledger.delete_persona("per_1")
    client = redis_server.client
    for key in client.scan_iter("*"):
        assert "Secret" not in key
        read = {"hash": client.hgetall, "set": client.smembers, "stream": client.xrange, "string": client.get}
        kind = client.type(key)
        assert "Secret" not in str(read[kind](key) if kind in read else client.zrange(key, 0, -1)), key


def test_a_thousand_submissions_at_once(redis_server):
    results, barrier = [], threading.Barrier(50)

    def submit(part):
        ledger = RedisLedger(redis_server.url)
        barrier.wait()
        for number in range(20):
            job = NewJob(
                f"job_{part}_{number}", {"operation": "create", "persona_id": "per_x"}, "h", creates="ana", key="k"
            )
            results.append(ledger.submit(job))

    threads = [threading.Thread(target=submit, args=(part,)) for part in range(50)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(results) == 1000 and sum(new for _, new in results) == 1 and len({row.id for row, _ in results}) == 1


def test_addresses():
    assert without_password("redis://user:secret@host:1/0") == "redis://…@host:1/0"
    assert without_password("redis://host/0") == "redis://host/0"
    with pytest.raises(InvalidRequest, match="redis://host"):
        RedisLedger("http://host")
    with pytest.raises(QueueUnavailable):
        RedisLedger("valkey://127.0.0.1:1/0").jobs()


def test_a_wrong_kind_of_key_is_a_storage_error(redis_server, ledger):
    redis_server.client.set("{portraitist}:jobs:default", "text")
    with pytest.raises(StorageError, match="refused a command"):
        ledger.of("default").jobs()


def test_of_the_tenant_whose_turn_it_is_a_job_about_a_preferred_persona_goes_first(redis_server):
    now = [1000.0]
    ledger = RedisLedger(redis_server.url, clock=lambda: now[0])

    def waits(number, tenant="default", priority=0):
        ledger.submit(dataclasses.replace(creation(number), tenant=tenant, priority=priority))

    def take(*personas):
        return ledger.take("tune", worker="w/1", lease_s=60, prefer=personas).id

    waits(1)
    waits(2, tenant="other")
    waits(3)
    waits(4)
    waits(5, priority=-1)
    assert take("per_4", "per_2") == "job_4"  # before job_1, of its own tenant
    assert take("per_3") == "job_2"  # the other tenant's turn
    assert take("per_5") == "job_1"  # job_5 has a lower priority
    now[0] += 5.0
    waits(6)
    assert take("per_6") == "job_3"  # which has waited for long enough


def test_a_wake_up_holds_ids_only(redis_server):
    """What lies in Celery's list is JSON, and names a job and its lane."""
    RedisTransport(redis_server.url).wake("job_1", "tune")
    (message,) = redis_server.client.lrange(wakeups.PREFIX + "tune", 0, -1)
    envelope = json.loads(message)
    assert envelope["content-type"] == "application/json" and envelope["headers"]["task"] == wakeups.TASK
    arguments, keywords, _ = json.loads(base64.b64decode(envelope["body"]))
    assert arguments == ["job_1", "tune"] and keywords == {}
