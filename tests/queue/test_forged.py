"""What somebody who can write to Redis puts there: messages and rows that are not as they must be. One worker, for all tests."""

import base64
import json

import pytest

import portraitist
from portraitist.errors import StorageError
from portraitist.ledger import RedisLedger
from portraitist.ledger.protocol import TERMINAL
from portraitist.transport import RedisTransport, wakeups
from portraitist_workers.queue import broker

from .fleet import Fleet
from .processes import until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, fake_operations):
    fleet = Fleet(tmp_path_factory.mktemp("forged"))
    fleet.add()
    fleet.ready()
    fleet.ledger = RedisLedger(fleet.server.url)  # which sees all tenants
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def message(fleet):
    """A real wake-up, as kombu writes it."""
    RedisTransport(fleet.server.url).wake("job_1", "other")
    found = json.loads(fleet.server.client.lpop(wakeups.PREFIX + "other"))  # a queue that no worker reads
    return found | {"body": base64.b64encode(base64.b64decode(found["body"]).replace(b"other", b"tune")).decode()}


def bodied(*content):
    return base64.b64encode(json.dumps(content).encode()).decode()


def forgeries(message):
    """Name -> list entry. With [before] behind it: what ended the worker."""

    def but(**changes):
        return json.dumps(message | changes)

    def headed(**changes):
        return but(headers=message["headers"] | changes)

    def of(**changes):
        return but(properties=message["properties"] | changes)

    deep = "[" * 100_000 + "]" * 100_000
    return {
        "garbage": "garbage",  # [before]
        "a number": "42",  # [before]
        "null": "null",  # [before]
        "empty": "",  # [before]
        "a list": "[]",  # [before]
        "no text": b"\xff\xfe\x00",  # [before]
        "deep": deep,  # [before]
        "deep within the limit": "[" * 8000 + "]" * 8000,  # [before]
        "large": but(more="x" * 2**16),
        "an id that is a list": headed(id=["a"]),  # [before]
        "an id that is no id": headed(id="../x"),
        "a body that is no base64": but(body="%%%"),  # [before]
        "a body that is a number": but(body=base64.b64encode(b"5").decode()),  # [before]
        "a deep body": but(body=base64.b64encode(deep[:4000].encode()).decode()),
        "no properties": but(properties=None),  # [before]
        "no headers": but(headers=None),
        "a plain body": of(body_encoding=None),
        "another task": headed(task="os.system"),
        "another kind of content": but(**{"content-type": "application/x-python-serialize"}),
        "no arguments": but(body=bodied([], {}, {})),
        "arguments of another kind": but(body=bodied([{}, {}], {}, {})),
        "keywords": but(body=bodied(["job_1", "tune"], {"x": 1}, {})),
        "another lane": but(body=bodied(["job_1", "else"], {}, {})),
        "a job's id that is none": but(body=bodied(["job_1\n", "tune"], {}, {})),
        "retries of another kind": headed(retries="x"),
        "retries without end": headed(retries=10**9),
    }


def lenient(message):
    """Entries whose job is believed, but nothing else of what they say."""
    named = bodied(["job_1", "tune"], {}, {"callbacks": [{"task": "x"}], "chord": 5, "chain": 7})
    odd = {
        "expires": {},
        "eta": "2999-01-01T00:00:00",
        "timelimit": "x",
        "stamps": 5,
        "stamped_headers": 3,
        "compression": "zlib",
    }
    for name, value in odd.items():  # [before], but for eta
        yield json.dumps(message | {"headers": message["headers"] | {name: value}})
    yield json.dumps(message | {"body": named})
    yield json.dumps(
        message | {"properties": message["properties"] | {"delivery_tag": ["a"], "delivery_info": 5, "priority": "x"}}
    )


def test_only_what_a_wake_up_says_is_believed(message):
    clean = json.loads(broker.renewed(json.dumps(message), "tune"))
    assert clean["properties"]["delivery_info"] == {"exchange": "", "routing_key": "tune"}
    assert clean["headers"]["id"] == message["headers"]["id"] and clean.keys() == message.keys()
    for entry in lenient(message):
        again = json.loads(broker.renewed(entry, "tune"))
        again["properties"]["delivery_tag"] = clean["properties"]["delivery_tag"]
        assert again["properties"].items() >= clean["properties"].items() and again["body"] == clean["body"]
        assert [again["headers"][k] for k in ("eta", "expires", "timelimit")] == [None, None, [None, None]]
    retried = json.dumps(message | {"headers": message["headers"] | {"retries": 2}})
    assert json.loads(broker.renewed(retried, "tune"))["headers"]["retries"] == 2
    for name, entry in forgeries(message).items():
        assert broker.renewed(entry if isinstance(entry, str) else entry.decode(errors="replace"), "tune") is None, name


def test_what_is_no_wake_up_is_set_aside_and_counted(fleet, message, create):
    """In the common queue and in the worker's own; the same worker does the next job."""
    before, own = fleet.ledger.aside(), wakeups.own_queue(fleet.transport.workers()[0].node)
    entries = list(forgeries(message).values())
    for queue in ("tune", own):
        fleet.server.client.rpush(wakeups.PREFIX + queue, *entries)
    fleet.server.client.rpush(wakeups.PREFIX + "tune", *lenient(message))
    assert create(fleet.studio).wait(timeout=120)
    until(lambda: fleet.ledger.aside() == before + 2 * len(entries))
    # A wake-up that was believed may have started the job. Then the job's own is still to be taken.
    until(lambda: not fleet.transport.waiting("tune"))
    assert len(fleet.alive()) == 1
    kept = fleet.server.client.lrange("{portraitist}:set_aside", 0, -1)
    assert "tune: garbage" in kept and f"{own}: 42" in kept and max(map(len, kept)) <= 2000
    assert fleet.log.read_text().count("was set aside") == 2 * len(entries)


def test_odd_rows_of_what_is_unacknowledged_change_nothing(fleet, message, create):
    client = fleet.server.client
    for tag, entry in {"x": "garbage", "y": json.dumps([message | {"headers": 5}, "", "tune"])}.items():
        client.hset(wakeups.PREFIX + "unacked", tag, entry)
        client.zadd(wakeups.PREFIX + "unacked_index", {tag: 1.0})
    until(lambda: "Error in timer" in fleet.log.read_text(), timeout=120)  # it looks every five seconds
    assert create(fleet.studio).wait(timeout=120) and len(fleet.alive()) == 1
    client.delete(wakeups.PREFIX + "unacked", wakeups.PREFIX + "unacked_index")


def test_a_worker_that_cannot_go_on_ends_with_a_code_that_says_so(fleet):
    """Its queue is no list any more."""
    fleet.server.client.delete(wakeups.PREFIX + "tune")
    fleet.server.client.set(wakeups.PREFIX + "tune", "x")
    (worker,) = fleet.alive()
    try:
        assert worker.wait(timeout=120) not in (0, None)
    finally:
        fleet.server.client.delete(wakeups.PREFIX + "tune")


# -- rows ------------------------------------------------------------------------------------------------------------


PREFIX = "{portraitist}:"


def forge(fleet, like, job_id, stands_in="serve", without=(), **changes):
    """A queued row beside a real one, in all indexes that a submission writes."""
    client = fleet.server.client
    row = client.hgetall(PREFIX + "job:" + like) | {
        "id": job_id,
        "status": "queued",
        "attempts": "0",
        "worker": "",
        "seq": "0",
    }
    row = {
        name: value
        for name, value in (row | changes).items()
        if name not in ("result", "started", "finished", "key", *without)
    }
    lane, tenant = stands_in, row.get("tenant", "acme")
    client.hset(PREFIX + "job:" + job_id, mapping=row)
    for index in ("jobs:" + tenant, f"status:queued:{tenant}", "queue:" + lane):
        client.zadd(PREFIX + index, {job_id: 1})
    client.zadd(f"{PREFIX}waiting:{lane}:{tenant}", {job_id: 1})
    client.sadd(PREFIX + "tenants", tenant)
    client.zadd(PREFIX + "line:" + lane, {tenant: 0})
    fleet.transport.wake(job_id, lane)


@pytest.fixture
def acme(fleet, create):
    """A tenant's persona."""
    if not fleet.alive():
        fleet.add()
        fleet.ready()
    studio = portraitist.connect(fleet.server.url, store=fleet.store, tenant="acme")
    return create(studio).wait(timeout=120)


def test_a_row_of_one_tenant_about_anothers_persona_is_refused(fleet, acme):
    real = acme.synthesize(wait=False)
    real.wait(timeout=120)
    forge(fleet, real.id, "job_zeta", tenant="zeta")
    forge(fleet, real.id, "job_own", tenant="acme")  # the control: the same row of its own tenant
    making = fleet.ledger.persona(acme.id).job_id
    forge(
        fleet, making, "job_making", stands_in="tune", tenant="zeta"
    )  # whose failure must not take the persona with it
    forge(fleet, making, "job_again", stands_in="tune", tenant="acme")
    ended = {name: until(lambda name=name: over(fleet, name)) for name in ("zeta", "own", "making", "again")}
    assert {name: row.error and row.error["code"] for name, row in ended.items()} == {
        "zeta": "not_found", "own": None, "making": "not_found", "again": "not_found"
    }  # fmt: skip
    assert acme.synthesize() and fleet.ledger.persona(acme.id).status == "active"


def over(fleet, name):
    try:
        row = fleet.ledger.job("job_" + name)
    except StorageError:  # damaged still
        return None
    return row if row.status in TERMINAL else None


ROWS = {
    "lane": {"without": ["lane"]},
    "lane2": {"lane": "else"},
    "request": {"without": ["request"]},
    "request2": {"request": "garbage"},
    "request3": {"request": "[" * 5000 + "]" * 5000},
    "request4": {"request": "5"},
    "request5": {"request": json.dumps({"operation": "synthesize", "persona_id": "per_1", "values": 7})},
    "shape": {"shape": "nonsense"},
    "webhook": {"webhook": "nonsense"},
    "number": {"number": "x"},
    "token": {"token": "1e9"},
    "priority": {"priority": "high"},
    "attempts": {"without": ["attempts"]},
    "created": {"created": "now"},
    "memory": {"memory": "all"},
    "operation": {"operation": "else"},
    "persona": {"persona_id": "per_1"},
    "tune": {"lane": "tune", "stands_in": "tune"},
    "tenant": {"without": ["tenant"]},
    "seq": {"seq": "x"},
}


def test_a_row_that_is_not_whole_ends_and_the_queue_moves_on(fleet, acme):
    real = acme.synthesize(wait=False)
    real.wait(timeout=120)
    for name, forged in ROWS.items():
        forge(fleet, real.id, f"job_{name}", **forged)
    fleet.server.client.zadd(PREFIX + "waiting:serve:acme", {"job_nowhere": 0})
    assert acme.synthesize(wait=False).wait(timeout=120)
    for name in ROWS:
        row = until(lambda name=name: over(fleet, name))
        assert row.status == "failed" and row.error["code"] in ("storage_error", "invalid_request", "not_found"), (
            name,
            row.error,
        )
    assert not fleet.ledger.depth("serve") and not fleet.ledger.depth("tune") and not fleet.ledger.running()
    assert len(fleet.alive()) == 1 and fleet.ledger.aside() > 10
    assert acme.synthesize()
