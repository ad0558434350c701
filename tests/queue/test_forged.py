"""What somebody who can write to Redis puts there: messages and rows that are not as they must be. One worker, for all tests."""

import base64
import json

import pytest

from portraitist.transport import RedisTransport, wakeups
from portraitist_workers import broker

from .fleet import Fleet
from .processes import until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, fake_operations):
    fleet = Fleet(tmp_path_factory.mktemp("forged"))
    fleet.add()
    fleet.ready()
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
    odd = {"expires": {}, "eta": "2999-01-01T00:00:00", "timelimit": "x", "stamps": 5, "stamped_headers": 3, "compression": "zlib"}
    for name, value in odd.items():  # [before], but for eta
        yield json.dumps(message | {"headers": message["headers"] | {name: value}})
    yield json.dumps(message | {"body": named})
    yield json.dumps(message | {"properties": message["properties"] | {"delivery_tag": ["a"], "delivery_info": 5, "priority": "x"}})


def test_only_what_a_wake_up_says_is_believed(message):
    clean = json.loads(broker.renewed(json.dumps(message), "tune"))
    assert clean["properties"]["delivery_info"] == {"exchange": "", "routing_key": "tune"}
    assert clean["headers"]["id"] == message["headers"]["id"] and clean.keys() == message.keys()
    for entry in lenient(message):
        again = json.loads(broker.renewed(entry, "tune"))
        again["properties"]["delivery_tag"] = clean["properties"]["delivery_tag"]
        assert again["properties"].items() >= clean["properties"].items() and again["body"] == clean["body"]
        assert {k: again["headers"][k] for k in ("eta", "expires", "timelimit")} == {"eta": None, "expires": None, "timelimit": [None, None]}
    assert json.loads(broker.renewed(json.dumps(message | {"headers": message["headers"] | {"retries": 2}}), "tune"))["headers"]["retries"] == 2
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
    until(lambda: fleet.ledger.aside() == before + 2 * len(entries), timeout=30)
    assert len(fleet.alive()) == 1 and not fleet.transport.waiting("tune")
    kept = fleet.server.client.lrange("{portraitist}:set_aside", 0, -1)
    assert "tune: garbage" in kept and f"{own}: 42" in kept and max(map(len, kept)) <= 2000
    assert fleet.log.read_text().count("was set aside") == 2 * len(entries)


def test_odd_rows_of_what_is_unacknowledged_change_nothing(fleet, message, create):
    client = fleet.server.client
    for tag, entry in {"x": "garbage", "y": json.dumps([message | {"headers": 5}, "", "tune"])}.items():
        client.hset(wakeups.PREFIX + "unacked", tag, entry)
        client.zadd(wakeups.PREFIX + "unacked_index", {tag: 1.0})
    until(lambda: "Error in timer" in fleet.log.read_text(), timeout=30)  # it looks every five seconds
    assert create(fleet.studio).wait(timeout=120) and len(fleet.alive()) == 1
    client.delete(wakeups.PREFIX + "unacked", wakeups.PREFIX + "unacked_index")


def test_a_worker_that_cannot_go_on_ends_with_a_code_that_says_so(fleet):
    """Its queue is no list any more."""
    fleet.server.client.delete(wakeups.PREFIX + "tune")
    fleet.server.client.set(wakeups.PREFIX + "tune", "x")
    (worker,) = fleet.alive()
    try:
        assert worker.wait(timeout=60) not in (0, None)
    finally:
        fleet.server.client.delete(wakeups.PREFIX + "tune")
