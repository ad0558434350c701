"""What every ledger's outbox must do (`portraitist.ledger.outbox.protocol`)."""

import threading
from dataclasses import replace

import pytest

from portraitist.errors import NotFound
from portraitist.ledger.outbox.protocol import KEEP_DEAD_S, PROGRESS_S

from .test_ledger_conformance import claim, creation, synthesis

HOOK = {"url": "https://hooks.example/in", "events": ["succeeded", "failed", "cancelled"]}


def submitted(ledger, number=1, events=None, name=None):
    hook = {**HOOK, "events": events} if events else HOOK
    ledger.submit(replace(creation(number, name or f"p{number}"), webhook=hook))
    return claim(ledger, f"job_{number}")


def finished(ledger, number=1, status="succeeded", **outcome):
    row = submitted(ledger, number)
    ledger.finish(row.id, row.token, status, **(outcome or {"result": {}}))
    return row


def take(ledger, limit=10, lease_s=60.0):
    return ledger.outbox.take(limit=limit, lease_s=lease_s)


def test_the_end_of_a_job_is_a_delivery(ledger, clock):
    row = submitted(ledger)
    assert ledger.job("job_1").webhook == HOOK and ledger.outbox.list() == []
    clock.now += 5
    error = {"code": "photos_unusable", "message": "m", "param": None, "details": {}}
    ledger.finish("job_1", row.token, "failed", error=error)
    (d,) = take(ledger)
    assert (d.id, d.tenant, d.job_id, d.operation, d.persona_id, d.kind, d.seq) == (
        "msg_1_3", "default", "job_1", "create", "per_1", "failed", 3)  # fmt: skip
    assert (d.created, d.data, d.url, d.attempts, d.due, d.dead, d.error) == (
        1005.0,
        error,
        HOOK["url"],
        1,
        1065.0,
        False,
        "",
    )
    assert ledger.events("job_1")[-1].seq == d.seq


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_only_what_was_asked_for(ledger, status):
    row = submitted(ledger, 1, ["cancelled"])
    ledger.finish("job_1", row.token, status, result={}, error={})
    row = submitted(ledger, 2, ["succeeded", "failed"])
    ledger.finish("job_2", row.token, status, result={}, error={})
    assert [d.job_id for d in take(ledger)] == (["job_1"] if status == "cancelled" else ["job_2"])


def test_every_way_to_end_is_told(ledger):
    ledger.submit(replace(creation(1, "a"), webhook=HOOK))
    ledger.cancel("job_1")  # while it was queued
    row = submitted(ledger, 2)
    ledger.cancel("job_2")
    ledger.requeue("job_2", row.token, reason="killed")
    for _ in range(3):  # poison
        row = submitted(ledger, 3) if ledger.jobs(limit=1)[0].id != "job_3" else claim(ledger, "job_3")
        ledger.requeue("job_3", row.token, reason="died")
    assert {(d.job_id, d.kind) for d in take(ledger)} == {
        ("job_1", "cancelled"),
        ("job_2", "cancelled"),
        ("job_3", "failed"),
    }


def test_no_webhook_no_delivery(ledger):
    ledger.submit(creation(1))
    row = claim(ledger)
    ledger.progress("job_1", row.token, {"stage": "x"})
    ledger.finish("job_1", row.token, "succeeded", result={})
    assert ledger.outbox.list() == [] and ledger.job("job_1").webhook is None


def test_a_stale_worker_tells_nobody(ledger):
    from portraitist.ledger import LeaseLost

    old = submitted(ledger)
    ledger.requeue("job_1", old.token, reason="died")
    with pytest.raises(LeaseLost):
        ledger.finish("job_1", old.token, "succeeded", result={})
    assert ledger.outbox.list() == []


def test_one_sender_at_a_time_and_the_next_when_it_died(ledger, clock):
    finished(ledger)
    (first,) = take(ledger, lease_s=60.0)
    assert take(ledger) == []
    clock.now += 61
    (second,) = take(ledger)
    assert second.id == first.id and second.attempts == 2
    ledger.outbox.settle(first, error="late")  # the dead one comes back
    assert ledger.outbox.list()[0].error == ""
    ledger.outbox.settle(first)
    assert len(ledger.outbox.list()) == 1
    ledger.outbox.settle(second)
    assert ledger.outbox.list() == []


def test_of_many_senders_each_takes_others(ledger):
    for number in range(1, 21):
        finished(ledger, number)
    taken, barrier = [], threading.Barrier(4)

    def send():
        barrier.wait()
        while batch := take(ledger, limit=2):
            taken.extend(d.id for d in batch)
        ledger.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(taken) == len(set(taken)) == 20


def test_tried_again_given_up_and_sent_again(ledger, clock):
    finished(ledger)
    (d,) = take(ledger)
    ledger.outbox.settle(d, error="answered 500", retry_s=30.0)
    (waiting,) = ledger.outbox.list(dead=False)
    assert (waiting.due, waiting.error, waiting.dead) == (1030.0, "answered 500", False)
    assert ledger.outbox.resend(d.id) == waiting  # it is not given up yet
    clock.now += 29
    assert take(ledger) == []
    clock.now += 1
    (d,) = take(ledger)
    ledger.outbox.settle(d, error="answered 410")
    clock.now += 10_000
    assert take(ledger) == [] == ledger.outbox.list(dead=False)
    (dead,) = ledger.outbox.list(dead=True)
    assert (dead.id, dead.attempts, dead.error) == (d.id, 2, "answered 410")
    again = ledger.outbox.resend(d.id)
    assert (again.dead, again.attempts, again.due) == (False, 0, clock.now)
    assert [t.id for t in take(ledger)] == [d.id]
    with pytest.raises(NotFound):
        ledger.outbox.resend("msg_nope")


def test_dead_ones_are_forgotten_in_the_end(ledger, clock):
    finished(ledger)
    ledger.outbox.settle(take(ledger)[0], error="no")
    clock.now += KEEP_DEAD_S - 1
    assert take(ledger) == [] and len(ledger.outbox.list(dead=True)) == 1
    clock.now += 2
    assert take(ledger) == [] and ledger.outbox.list() == []


def test_progress_is_thinned_and_ends_with_the_job(ledger, clock):
    row = submitted(ledger, 1, ["progress", "succeeded"])
    for step in range(5):
        ledger.progress("job_1", row.token, {"step": step})
    assert take(ledger) == [] and len(ledger.outbox.list()) == 1
    clock.now += PROGRESS_S
    (d,) = take(ledger)
    assert (d.kind, d.data, d.seq) == ("progress", {"step": 0}, 3)
    ledger.outbox.settle(d)
    ledger.progress("job_1", row.token, {"step": 9})
    assert ledger.outbox.list()[0].data == {"step": 9}
    ledger.finish("job_1", row.token, "succeeded", result={})
    assert [d.kind for d in ledger.outbox.list()] == ["succeeded"]
    ledger.outbox.settle(d, error="late")
    assert [d.kind for d in take(ledger)] == ["succeeded"]


def test_deleting_a_persona_drops_its_deliveries(ledger):
    finished(ledger, 1)
    finished(ledger, 2)
    ledger.submit(replace(synthesis(3, "per_1"), webhook=HOOK))  # is stopped, and tells nobody
    (dead, _) = take(ledger)
    ledger.outbox.settle(dead, error="no")
    ledger.delete_persona("per_1")
    assert [d.persona_id for d in ledger.outbox.list()] == ["per_2"] and ledger.job("job_3").webhook is None
    ledger.outbox.settle(dead, error="late")
    with pytest.raises(NotFound):
        ledger.outbox.resend(dead.id)


def test_forgetting_a_job_drops_its_deliveries(ledger, clock):
    finished(ledger, 1, "failed", error={})
    ledger.outbox.settle(take(ledger)[0], error="no")
    clock.now += 100
    finished(ledger, 2)
    assert ledger.forget(after_s=50) == 1 and [d.job_id for d in ledger.outbox.list()] == ["job_2"]


def test_a_tenant_sees_its_own(ledger):
    for number, tenant in ((1, "one"), (2, "two")):
        mine = ledger.of(tenant)
        row = submitted(mine, number)
        mine.finish(row.id, row.token, "succeeded", result={})
    one, two = ledger.of("one"), ledger.of("two")
    assert [d.tenant for d in one.outbox.list()] == ["one"] and len(ledger.outbox.list()) == 2
    with pytest.raises(NotFound):
        two.outbox.resend(one.outbox.list()[0].id)
    assert [d.tenant for d in take(two)] == ["two"] and [d.tenant for d in take(ledger)] == ["one"]
