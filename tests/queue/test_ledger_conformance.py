"""What every ledger must do (`portraitist.ledger.protocol`). A new adapter is added to ADAPTERS in
conftest.py, and nothing else changes."""

import threading
import time
from dataclasses import replace

import pytest

from portraitist.errors import Conflict, JobFailed, NotFound, PersonaDeleted, PersonaExpired, QuotaExceeded
from portraitist.ledger import MAX_ATTEMPTS, LeaseLost, NewJob, Quotas, Standing
from portraitist.ledger.api_keys import ApiKeyRow


def creation(number, name="ana", body="x", key=None, blobs=(), **more):
    request = {"operation": "create", "persona_id": f"per_{number}", "name": name, **more}
    return NewJob(id=f"job_{number}", request=request, body_hash=body, creates=name, key=key, blobs=blobs, lane="tune")


def synthesis(number, persona="per_1", body="x", key=None, blobs=(), priority=0):
    request = {"operation": "synthesize", "persona_id": persona}
    return NewJob(
        id=f"job_{number}",
        request=request,
        body_hash=body,
        key=key,
        blobs=blobs,
        shape={"kind": "one"},
        priority=priority,
    )


def claim(ledger, job_id="job_1", lease_s=10.0):
    return ledger.claim(job_id, worker="host/1", lease_s=lease_s)


def created(ledger, number=1, name="ana", blobs=(), **more):
    """A persona that is there."""
    ledger.submit(creation(number, name, blobs=blobs, **more))
    row = claim(ledger, f"job_{number}")
    ledger.finish(row.id, row.token, "succeeded", result={"persona_id": f"per_{number}", "name": name})


def kinds(ledger, job_id="job_1", after=0):
    return [e.kind for e in ledger.events(job_id, after=after)]


# -- a job's life ----------------------------------------------------------------------------------------------------


def test_submit_claim_finish(ledger, clock):
    row, new = ledger.submit(creation(1))
    assert new and row.status == "queued" and row.attempts == 0 and row.created == 1000.0
    assert ledger.queued() == ["job_1"] and ledger.running() == []
    clock.now += 5
    row = claim(ledger)
    assert (row.status, row.attempts, row.worker, row.lease_until, row.started) == (
        "running",
        1,
        "host/1",
        1015.0,
        1005.0,
    )
    assert ledger.queued() == [] and [r.id for r in ledger.running()] == ["job_1"]
    ledger.progress("job_1", row.token, {"stage": "tune", "step": 1})
    clock.now += 5
    ledger.finish("job_1", row.token, "succeeded", result={"n": 1})
    row = ledger.job("job_1")
    assert (row.status, row.result, row.error, row.finished) == ("succeeded", {"n": 1}, None, 1010.0)
    events = ledger.events("job_1")
    assert [e.kind for e in events] == ["queued", "started", "progress", "succeeded"]
    assert [e.seq for e in events] == [1, 2, 3, 4]
    assert events[2].data == {"stage": "tune", "step": 1} and events[2].time == 1005.0
    assert kinds(ledger, after=3) == ["succeeded"] and kinds(ledger, after=4) == []


def test_unknown_ids_are_not_found(ledger):
    for call in (ledger.job, ledger.events, ledger.cancel, ledger.persona, ledger.delete_persona):
        with pytest.raises(NotFound):
            call("job_nope")
    assert claim(ledger, "job_nope") is None


def test_only_a_queued_job_can_be_claimed(ledger):
    ledger.submit(creation(1))
    row = claim(ledger)
    assert row is not None and claim(ledger) is None
    ledger.finish("job_1", row.token, "succeeded", result={})
    assert claim(ledger) is None


def test_of_many_claims_one_wins(ledger):
    for number in range(20):
        ledger.submit(creation(number, name=f"p{number}"))
    won, barrier = [], threading.Barrier(8)

    def compete():
        barrier.wait()
        for number in range(20):
            if claim(ledger, f"job_{number}") is not None:
                won.append(number)
        ledger.close()

    threads = [threading.Thread(target=compete) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(won) == list(range(20))


def test_serve_goes_before_tune_and_old_before_new(ledger, clock):
    created(ledger, 1)
    for job in (creation(2, "bob"), synthesis(3), creation(4, "cy"), synthesis(5)):
        clock.now += 1
        ledger.submit(job)
    assert ledger.queued() == ["job_3", "job_5", "job_2", "job_4"]
    assert ledger.queued(limit=1) == ["job_3"] and ledger.queued(lane="tune") == ["job_2", "job_4"]
    assert [ledger.ahead(f"job_{n}") for n in (3, 5, 2, 4)] == [0, 1, 2, 3]
    assert [r.id for r in ledger.jobs(limit=2)] == ["job_5", "job_4"]
    assert [r.id for r in ledger.jobs(status="succeeded")] == ["job_1"]
    assert [r.id for r in ledger.jobs(persona_id="per_1")] == ["job_5", "job_3", "job_1"]


def test_events_wait_for_the_next_one(ledger):
    ledger.submit(creation(1))
    row = claim(ledger)
    began = time.monotonic()
    threading.Timer(0.1, lambda: (ledger.progress("job_1", row.token, {}), ledger.close())).start()
    assert [e.kind for e in ledger.events("job_1", after=2, wait_s=60.0)] == ["progress"]
    assert 0.05 < time.monotonic() - began < 30.0
    assert ledger.events("job_1", after=3, wait_s=0.05) == []


def test_events_of_a_finished_job_do_not_wait(ledger):
    created(ledger)
    began = time.monotonic()
    assert ledger.events("job_1", after=3, wait_s=60.0) == []
    assert time.monotonic() - began < 30.0


# -- leases ----------------------------------------------------------------------------------------------------------


def test_heartbeat_renews_the_lease(ledger, clock):
    ledger.submit(creation(1))
    row = claim(ledger, lease_s=10.0)
    clock.now += 8
    assert ledger.heartbeat("job_1", row.token, lease_s=10.0) is False
    assert ledger.job("job_1").lease_until == 1018.0


def test_a_requeued_job_fences_its_old_worker(ledger):
    ledger.submit(creation(1))
    old = claim(ledger)
    assert ledger.requeue("job_1", old.token, reason="died").status == "queued"
    new = claim(ledger)
    assert new.token > old.token and new.attempts == 2 and new.started == old.started
    for stale in (
        lambda: ledger.heartbeat("job_1", old.token, lease_s=1.0),
        lambda: ledger.progress("job_1", old.token, {}),
        lambda: ledger.refer("job_1", old.token, ["b"]),
        lambda: ledger.amend("job_1", old.token, {"by": "old"}),
        lambda: ledger.finish("job_1", old.token, "succeeded", result={"by": "old"}),
        lambda: ledger.requeue("job_1", old.token, reason="again"),
    ):
        with pytest.raises(LeaseLost):
            stale()
    assert ledger.referenced(["b"]) == set()
    ledger.finish("job_1", new.token, "succeeded", result={"by": "new"})
    with pytest.raises(LeaseLost):
        ledger.finish("job_1", new.token, "failed", error={})
    assert ledger.job("job_1").result == {"by": "new"}
    assert kinds(ledger) == ["queued", "started", "requeued", "started", "succeeded"]


def test_an_amended_request_is_what_the_next_attempt_finds(ledger):
    row, _ = ledger.submit(creation(1))
    held = claim(ledger)
    ledger.amend("job_1", held.token, {**row.request, "photos": ["a blob"]})
    ledger.requeue("job_1", held.token, reason="died")
    assert claim(ledger).request == {**row.request, "photos": ["a blob"]}
    assert ledger.submit(creation(9))[0].id == "job_1"  # what was asked for is still the same


def test_poison_stops_after_the_last_attempt(ledger):
    ledger.submit(creation(1))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        row = claim(ledger)
        assert row.attempts == attempt
        row = ledger.requeue("job_1", row.token, reason="its process died")
    assert row.status == "failed" and claim(ledger) is None
    assert row.error["code"] == "job_failed" and "its process died" in row.error["message"]
    assert row.error["details"] == {"job_id": "job_1", "attempts": MAX_ATTEMPTS}
    assert isinstance(__import__("portraitist.errors").errors.from_dict(row.error), JobFailed)


def test_a_worker_that_is_asked_to_stop_is_charged_no_attempt(ledger):
    ledger.submit(creation(1))
    for _ in range(MAX_ATTEMPTS + 2):
        row = claim(ledger)
        assert row.attempts == 1
        assert ledger.requeue("job_1", row.token, reason="stop", count=False).status == "queued"


def test_what_a_process_holds_and_whose_lease_is_over(ledger, clock):
    for number in (1, 2, 3):
        ledger.submit(creation(number, name=f"p{number}"))
    assert ledger.depth("tune") == 3 and ledger.depth("serve") == 0
    assert ledger.oldest("tune") == 1000.0 and ledger.oldest("serve") is None
    one = ledger.claim("job_1", worker="a/1", lease_s=10.0)
    ledger.claim("job_2", worker="b/1", lease_s=20.0)
    assert [r.id for r in ledger.running(worker="a/1")] == ["job_1"] and ledger.running(worker="c/1") == []
    assert ledger.depth("tune") == 1 and ledger.expired() == []
    clock.now += 15
    assert [r.id for r in ledger.expired()] == ["job_1"]
    ledger.heartbeat("job_1", one.token, lease_s=10.0)  # late, but nobody has taken it
    assert ledger.expired() == []
    ledger.requeue("job_1", one.token, reason="died")
    assert ledger.running(worker="a/1") == [] and ledger.depth("tune") == 2
    assert ledger.queued() == ["job_1", "job_3"]  # its place is kept


# -- cancellation ----------------------------------------------------------------------------------------------------


def test_cancel_queued_running_and_over(ledger):
    ledger.submit(creation(1))
    assert ledger.cancel("job_1").status == "cancelled" and claim(ledger) is None
    assert ledger.cancel("job_1").status == "cancelled"
    assert kinds(ledger) == ["queued", "cancelled"]
    ledger.submit(creation(2))
    row = claim(ledger, "job_2")
    assert ledger.cancel("job_2").status == "running"
    assert ledger.cancel("job_2").status == "running"
    assert ledger.heartbeat("job_2", row.token, lease_s=1.0) is True
    ledger.finish("job_2", row.token, "cancelled", error={"code": "job_cancelled"})
    assert kinds(ledger, "job_2") == ["queued", "started", "cancel_requested", "cancelled"]


def test_an_attempt_that_dies_while_cancelled_is_not_repeated(ledger):
    ledger.submit(creation(1))
    row = claim(ledger)
    ledger.cancel("job_1")
    assert ledger.requeue("job_1", row.token, reason="killed").status == "cancelled"


# -- idempotency -----------------------------------------------------------------------------------------------------


def test_the_same_creation_again_is_the_same_job(ledger):
    first, _ = ledger.submit(creation(1, body="x"))
    for _ in range(2):
        again, new = ledger.submit(creation(2, body="x"))
        assert not new and again.id == first.id
        if ledger.job("job_1").status == "queued":
            row = claim(ledger)
            ledger.finish("job_1", row.token, "succeeded", result={})
    with pytest.raises(Conflict, match="ana"):
        ledger.submit(creation(3, body="other"))
    assert len(ledger.jobs()) == 1


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_creation_that_did_not_succeed_frees_name_and_key(ledger, end):
    ledger.submit(creation(1, body="x", key="k"))
    row = claim(ledger)
    ledger.finish("job_1", row.token, end, error={"code": "x"})
    with pytest.raises(NotFound):
        ledger.persona("ana")
    row, new = ledger.submit(creation(2, body="other", key="k"))
    assert new and row.id == "job_2"


def test_idempotency_keys(ledger):
    created(ledger)
    first, new = ledger.submit(synthesis(2, key="k", body="x"))
    assert new
    again, new = ledger.submit(synthesis(3, key="k", body="x"))
    assert not new and again.id == first.id
    with pytest.raises(Conflict, match="'k'"):
        ledger.submit(synthesis(4, key="k", body="other"))
    assert ledger.submit(synthesis(5, body="x"))[1]  # no key: a new job each time


def test_the_job_that_holds_a_key_is_found_until_it_fails(ledger):
    created(ledger)
    one, two = ledger.of("default"), ledger.of("two")
    assert ledger.by_key("k") is None
    ledger.submit(synthesis(2, key="k"))
    assert ledger.by_key("k").id == one.by_key("k").id == "job_2" and one.by_key("other") is None
    assert two.by_key("k") is None  # another tenant's is not seen
    row = claim(ledger, "job_2")
    assert one.by_key("k").status == "running"
    ledger.finish("job_2", row.token, "failed", error={"code": "x"})
    assert ledger.by_key("k") is None and one.by_key("k") is None
    ledger.submit(synthesis(3, key="k"))
    row = claim(ledger, "job_3")
    ledger.finish("job_3", row.token, "succeeded", result={})
    assert one.by_key("k").id == "job_3"
    ledger.delete_persona("per_1")
    assert one.by_key("k") is None  # it went with the persona


def test_concurrent_submissions_make_one_job(ledger):
    results, barrier = [], threading.Barrier(10)

    def send(number):
        barrier.wait()
        results.append(ledger.submit(creation(number, body="x")))
        ledger.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(10)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len({row.id for row, _ in results}) == 1 and sum(new for _, new in results) == 1


# -- personas --------------------------------------------------------------------------------------------------------


def test_a_persona_appears_when_its_job_succeeds(ledger):
    ledger.submit(creation(1))
    assert ledger.personas() == [] and ledger.persona("ana").status == "creating"
    with pytest.raises(NotFound, match="still being created"):
        ledger.submit(synthesis(2))
    row = claim(ledger)
    ledger.finish("job_1", row.token, "succeeded", result={"name": "ana"})
    persona = ledger.persona("per_1")
    assert persona == ledger.persona("ana") and persona.status == "active" and persona.record == {"name": "ana"}
    assert [p.id for p in ledger.personas()] == ["per_1"]
    assert ledger.submit(synthesis(2))[1]


def test_jobs_for_personas_that_are_not_there(ledger):
    with pytest.raises(NotFound):
        ledger.submit(synthesis(1, persona="per_none"))
    assert ledger.jobs() == []


def test_delete_leaves_a_tombstone_and_nothing_else(ledger):
    created(ledger, blobs=("photo", "shared"))
    created(ledger, 9, "bob", blobs=("shared", "bobs"))
    ledger.submit(synthesis(2, key="k", blobs=("input",)))
    row = claim(ledger, "job_2")
    ledger.refer("job_2", row.token, ["output"])
    ledger.finish("job_2", row.token, "succeeded", result={"pictures": ["output"]})
    assert ledger.referenced(["photo", "output", "nothing"]) == {"photo", "output"}

    removed = ledger.delete_persona("per_1")
    assert set(removed.blobs) == {"photo", "input", "output"}  # not what bob shares
    assert set(removed.jobs) == {"job_1", "job_2"}
    assert ledger.referenced(["photo", "input", "output", "shared"]) == {"shared"}
    for call in (lambda: ledger.persona("ana"), lambda: ledger.persona("per_1"), lambda: ledger.submit(synthesis(3))):
        with pytest.raises(PersonaDeleted):
            call()
    with pytest.raises(PersonaDeleted):
        ledger.delete_persona("per_1")
    assert ledger.jobs(persona_id="per_1") == []
    for job_id in ("job_1", "job_2"):
        row = ledger.job(job_id)
        assert row.status == "succeeded" and row.result is None and row.key is None
        assert set(row.request) == {"operation"} and row.persona_id == ""
        assert ledger.events(job_id) == []
    assert [p.name for p in ledger.personas()] == ["bob"]
    created(ledger, 20, "ana")  # the name is free
    assert ledger.persona("ana").id == "per_20"


def test_a_deletion_is_remembered_until_it_is_signed_for(ledger, clock):
    created(ledger, blobs=("photo",))
    with pytest.raises(NotFound):
        ledger.deletion("per_1")
    clock.now = 2000.0
    begun = ledger.delete_persona("per_1")
    assert begun == ledger.deletion("per_1") and (begun.time, begun.receipt) == (2000.0, None)
    assert begun.blobs == ("photo",) and begun.jobs == ("job_1",) and begun.tenant == "default"
    assert ledger.unfinished_deletions(10.0) == []
    clock.now = 2011.0
    assert ledger.unfinished_deletions(10.0) == [begun]
    assert ledger.close_deletion("per_1", {"signature": "a"}) == {"signature": "a"}
    assert ledger.close_deletion("per_1", {"signature": "b"}) == {"signature": "a"}  # the first stays
    assert ledger.unfinished_deletions(0.0) == []
    done = ledger.deletion("per_1")
    assert (done.blobs, done.jobs, done.receipt) == ((), (), {"signature": "a"})
    for call in (lambda: ledger.of("other").deletion("per_1"), lambda: ledger.of("other").close_deletion("per_1", {})):
        with pytest.raises(NotFound):
            call()


def test_delete_stops_running_and_queued_jobs(ledger):
    created(ledger)
    ledger.submit(synthesis(2))
    ledger.submit(synthesis(3))
    row = claim(ledger, "job_2")
    ledger.delete_persona("per_1")
    assert ledger.job("job_2").status == ledger.job("job_3").status == "cancelled"
    assert ledger.job("job_2").error["code"] == "persona_deleted"
    with pytest.raises(LeaseLost):
        ledger.refer("job_2", row.token, ["late"])
    assert claim(ledger, "job_3") is None


def test_delete_while_it_is_being_created(ledger):
    ledger.submit(creation(1, blobs=("photo",)))
    row = claim(ledger)
    assert ledger.delete_persona("per_1").blobs == ("photo",) == ledger.deletion("per_1").blobs
    with pytest.raises(LeaseLost):
        ledger.finish("job_1", row.token, "succeeded", result={})
    assert ledger.referenced(["photo"]) == set() and ledger.personas() == []
    assert ledger.submit(creation(2))[1]


# -- data keys -------------------------------------------------------------------------------------------------------


# -- adding photos ---------------------------------------------------------------------------------------------------


def addition(number, persona="per_1", body="x", blobs=()):
    request = {"operation": "add", "persona_id": persona}
    return NewJob(id=f"job_{number}", request=request, body_hash=body, blobs=blobs, lane="tune")


def test_adding_replaces_the_record_when_it_succeeds(ledger, clock):
    created(ledger, blobs=["old"])
    ledger.submit(addition(2, blobs=["photo"]))
    row = claim(ledger, "job_2")
    ledger.refer("job_2", row.token, ["new"])
    old = ledger.persona("ana").record
    assert old["name"] == "ana"
    ledger.finish("job_2", row.token, "succeeded", result={"persona_id": "per_1", "name": "ana", "more": 1})
    persona = ledger.persona("ana")
    assert persona.record == {**old, "more": 1} and (persona.status, persona.job_id) == ("active", "job_1")
    assert not ledger.submit(creation(3))[1]  # the name's creation is still known
    clock.now += 100
    assert ledger.forget(after_s=50) == 1  # the addition; what the persona is made of stays
    assert ledger.referenced(["old", "new", "photo"]) == {"old", "new", "photo"}
    assert sorted(ledger.delete_persona("per_1").blobs) == ["new", "old", "photo"]


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_an_addition_that_does_not_succeed_changes_nothing(ledger, end):
    created(ledger)
    old = ledger.persona("ana")
    ledger.submit(addition(2))
    row = claim(ledger, "job_2")
    ledger.finish("job_2", row.token, end, error={"message": "x"})
    assert ledger.persona("ana") == old and ledger.submit(addition(3))[1]


def test_of_one_persona_there_is_one_addition_at_a_time(ledger):
    created(ledger, 1)
    created(ledger, 2, "bob")
    ledger.submit(addition(3))
    for then in (claim, lambda ledger, job_id: ledger.requeue(job_id, ledger.job(job_id).token, reason="died"), claim):
        assert ledger.submit(addition(4))[0].id == "job_3"
        with pytest.raises(Conflict, match="job_3 is adding photos"):
            ledger.submit(addition(4, body="y"))
        row = then(ledger, "job_3")
    assert ledger.submit(addition(5, "per_2"))[1] and ledger.submit(synthesis(6))[1]
    ledger.finish("job_3", row.token, "succeeded", result={"name": "ana"})
    assert ledger.submit(addition(4))[1]  # over: the same photos once more are a job of their own


def test_deleting_stops_an_addition(ledger):
    created(ledger)
    ledger.submit(addition(2))
    row = claim(ledger, "job_2")
    ledger.delete_persona("per_1")
    with pytest.raises(LeaseLost):
        ledger.finish("job_2", row.token, "succeeded", result={"name": "ana"})
    assert ledger.job("job_2").status == "cancelled"
    with pytest.raises(PersonaDeleted):
        ledger.persona("per_1")
    with pytest.raises(PersonaDeleted):
        ledger.submit(addition(3))


def test_the_data_key_lives_and_dies_with_the_persona(ledger):
    def keyed(number, name):
        return replace(creation(number, name), wrapped_key=f"w{number}")

    ledger.submit(keyed(1, "ana"))
    assert ledger.wrapped_key("per_1") == "w1"  # the job that makes her needs it
    with pytest.raises(Conflict):
        ledger.submit(replace(keyed(2, "ana"), body_hash="y"))
    row = claim(ledger)
    ledger.finish(row.id, row.token, "succeeded", result={"persona_id": "per_1"})
    ledger.submit(keyed(3, "bob"))
    assert ledger.rewrap(lambda persona_id, wrapped: f"{persona_id} {wrapped}") == 2
    assert ledger.wrapped_key("per_1") == "per_1 w1"
    ledger.cancel("job_3")
    for gone in ("per_2", "per_3"):
        with pytest.raises(NotFound):
            ledger.wrapped_key(gone)
    ledger.delete_persona("per_1")
    with pytest.raises(PersonaDeleted):
        ledger.wrapped_key("per_1")
    assert ledger.rewrap(lambda persona_id, wrapped: wrapped) == 0


# -- jobs about nobody -----------------------------------------------------------------------------------------------


def test_a_job_about_no_person(ledger):
    """Calibrating a prior: no persona is looked for, and none can delete it."""
    created(ledger)
    row, new = ledger.submit(
        NewJob(id="job_9", request={"operation": "calibrate", "prior": "x"}, body_hash="y", lane="tune")
    )
    assert new and row.persona_id == "" and ledger.queued() == ["job_9"]
    ledger.delete_persona("per_1")
    row = claim(ledger, "job_9")
    ledger.finish(row.id, row.token, "succeeded", result={"name": "x"})
    assert ledger.job("job_9").result == {"name": "x"} and ledger.job("job_9").request["prior"] == "x"


# -- tenants ---------------------------------------------------------------------------------------------------------


def test_tenants_share_no_name_and_no_key(ledger):
    one, two = ledger.of("one"), ledger.of("two")
    for number, mine in ((1, one), (2, two)):
        row, new = mine.submit(creation(number, "ana", key="k", body=str(number)))
        assert new and row.tenant == mine.tenant
        claim(ledger, row.id)
        ledger.finish(row.id, ledger.job(row.id).token, "succeeded", result={"name": "ana"})
        assert mine.persona("ana").id == f"per_{number}" and mine.persona("ana").tenant == mine.tenant
    assert [p.id for p in one.personas()] == ["per_1"] and len(ledger.personas()) == 2
    one.delete_persona("per_1")
    with pytest.raises(PersonaDeleted):
        one.persona("ana")
    assert two.persona("ana").id == "per_2"


def test_a_tenant_sees_nothing_of_another(ledger):
    """Every method that takes an id answers for another tenant's as for one that never was."""
    one, two = ledger.of("one"), ledger.of("two")
    one.submit(creation(1, blobs=("photo",)))
    row = claim(ledger)
    ledger.finish("job_1", row.token, "succeeded", result={"name": "ana"})
    one.submit(synthesis(2))
    running = claim(ledger, "job_2")
    one.submit(synthesis(3, key="k"))
    one.submit(creation(7, "cy"))
    one.delete_persona("per_7")
    two.submit(creation(4, "bob", blobs=("bobs",)))

    verbs = {
        "submit": lambda job, persona: two.submit(synthesis(9, persona=persona)),
        "job": lambda job, persona: two.job(job),
        "jobs": lambda job, persona: two.jobs(persona_id=persona),
        "ahead": lambda job, persona: two.ahead(job),
        "events": lambda job, persona: two.events(job),
        "cancel": lambda job, persona: two.cancel(job),
        "persona": lambda job, persona: two.persona(persona),
        "delete_persona": lambda job, persona: two.delete_persona(persona),
        "wrapped_key": lambda job, persona: two.wrapped_key(persona),
        "deletion": lambda job, persona: two.deletion(persona),
        "close_deletion": lambda job, persona: two.close_deletion(persona, {"mine": 1}),
        "claim": lambda job, persona: claim(two, job),
        "heartbeat": lambda job, persona: two.heartbeat(job, running.token, lease_s=1.0),
        "progress": lambda job, persona: two.progress(job, running.token, {}),
        "refer": lambda job, persona: two.refer(job, running.token, ["b"]),
        "amend": lambda job, persona: two.amend(job, running.token, {}),
        "finish": lambda job, persona: two.finish(job, running.token, "failed", error={}),
        "requeue": lambda job, persona: two.requeue(job, running.token, reason="x"),
    }

    def answer(verb, job, persona):
        try:
            return repr(verbs[verb](job, persona))
        except Exception as error:
            return f"{type(error).__name__} {error}".replace(job, "JOB").replace(persona, "PERSONA")

    for verb in verbs:
        for job, persona in (("job_1", "per_1"), ("job_2", "per_1"), ("job_3", "per_1"), ("job_7", "per_7")):
            assert answer(verb, job, persona) == answer(verb, "job_0", "per_0"), verb
    assert (
        two.unfinished_deletions(0.0) == [] and two.rewrap(lambda persona, key: "x") == 1
    )  # bob, who is being created
    assert [d.persona_id for d in one.unfinished_deletions(0.0)] == ["per_7"]
    assert [r.id for r in two.jobs()] == ["job_4"] and two.jobs(
        status="running"
    ) == two.running() == two.personas() == []
    assert two.queued() == ["job_4"] and two.referenced(["photo", "bobs"]) == {"bobs"}
    with pytest.raises(NotFound):
        two.persona("ana")
    assert [ledger.job(f"job_{n}").status for n in (1, 2, 3)] == ["succeeded", "running", "queued"]
    # The control: to their own tenant, and to the workers, they are there.
    for sees in (one, ledger):
        assert sees.job("job_2").status == "running" and sees.persona("ana").id == "per_1"
        assert sees.heartbeat("job_2", running.token, lease_s=1.0) is False
        assert sees.referenced(["photo"]) == {"photo"} and "job_3" in sees.queued()


def test_a_job_carries_its_trace(ledger):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert ledger.submit(replace(creation(1), trace=parent))[0].trace == parent
    assert ledger.claim("job_1", worker="h/1", lease_s=9).trace == parent
    assert ledger.submit(creation(2, name="other"))[0].trace is None


# -- whose turn it is ------------------------------------------------------------------------------------------------


def take(ledger, lane="serve"):
    row = ledger.take(lane, worker="host/1", lease_s=10.0)
    return row and row.id


def calibration(number, tenant, lane="serve", priority=0):
    """A job about no person, so that the queue can be tried without any."""
    request = {"operation": "calibrate", "prior": "x"}
    return NewJob(id=f"job_{number}", request=request, body_hash="x", lane=lane, tenant=tenant, priority=priority)


def test_tenants_take_turns(ledger):
    for number in range(6):
        ledger.submit(calibration(number, "a"))
    for number, tenant in ((6, "b"), (7, "b"), (8, "c"), (9, "c")):
        ledger.submit(calibration(number, tenant))
    order = ["job_0", "job_6", "job_8", "job_1", "job_7", "job_9", "job_2", "job_3", "job_4", "job_5"]
    assert ledger.queued() == order and ledger.queued(limit=4) == order[:4]
    assert [ledger.ahead(job_id) for job_id in order] == list(range(10))
    taken = []
    for _ in range(6):
        assert ledger.queued(limit=1) == [order[len(taken)]]
        taken.append(take(ledger))
    assert taken == order[:6] and ledger.queued() == order[6:]
    # c's two jobs end, so it has the fewest running, and goes before those that wait longer.
    for job_id in ("job_8", "job_9"):
        ledger.finish(job_id, ledger.job(job_id).token, "succeeded", result={})
    ledger.submit(calibration(10, "c"))
    assert take(ledger) == "job_10"
    assert [take(ledger) for _ in range(5)] == ["job_2", "job_3", "job_4", "job_5", None]


def test_one_at_a_time_is_round_robin(ledger):
    """With a single worker nobody has a running job when it chooses; then the last service decides."""
    for number in range(6):
        ledger.submit(calibration(number, "ab"[number % 2]))
    ledger.submit(calibration(7, "c"))
    served = []
    while (job_id := take(ledger)) is not None:
        row = ledger.job(job_id)
        ledger.finish(job_id, row.token, "succeeded", result={})
        served.append(row.tenant)
    assert "".join(served) == "abcabab"


def test_a_given_back_job_counts_no_longer_as_running(ledger):
    for number, tenant in ((1, "a"), (2, "a"), (3, "b")):
        ledger.submit(calibration(number, tenant))
    assert take(ledger) == "job_1"
    ledger.requeue("job_1", ledger.job("job_1").token, reason="died")
    assert ledger.queued() == ["job_3", "job_1", "job_2"]  # its place is kept, and a was served last


def test_priority_is_among_the_tenants_own_jobs(ledger):
    for number, tenant, priority in ((1, "a", 0), (2, "a", 5), (3, "a", -5), (4, "a", 5), (5, "b", 0), (6, "b", -9)):
        ledger.submit(calibration(number, tenant, priority=priority))
    ledger.submit(calibration(7, "a", lane="tune", priority=9))
    order = ["job_2", "job_5", "job_4", "job_6", "job_1", "job_3"]
    assert ledger.queued() == [*order, "job_7"] and ledger.queued(lane="tune") == ["job_7"]
    assert [ledger.ahead(job_id) for job_id in (*order, "job_7")] == list(range(7))
    assert [take(ledger) for _ in range(6)] == order and take(ledger) is None and take(ledger, "tune") == "job_7"


def test_the_quota_of_running_jobs(ledger):
    ledger.set_quotas("a", Quotas(running=1))
    for number, tenant in ((1, "a"), (2, "a"), (3, "b"), (4, "b")):
        ledger.submit(calibration(number, tenant))
    assert take(ledger) == "job_1"
    assert ledger.queued() == ["job_3", "job_4"] and ledger.depth("serve") == 3  # what can be claimed, what waits
    assert claim(ledger, "job_2") is None and [take(ledger), take(ledger), take(ledger)] == ["job_3", "job_4", None]
    ledger.finish("job_1", ledger.job("job_1").token, "succeeded", result={})
    assert ledger.queued() == ["job_2"] and take(ledger) == "job_2"
    ledger.submit(calibration(5, "a"))
    assert take(ledger) is None
    ledger.set_quotas("a", Quotas())
    assert take(ledger) == "job_5"


def test_the_quotas_of_queued_jobs_and_personas(ledger):
    ledger.set_quotas("*", Quotas(queued=2))
    ledger.set_quotas("b", Quotas(personas=1))
    for number in (1, 2):
        ledger.submit(calibration(number, "a"))
    with pytest.raises(
        QuotaExceeded, match="'a' has 2 queued jobs, and its quota is 2; wait .*set-quota a --queued"
    ) as refused:
        ledger.submit(calibration(3, "a"))
    assert (refused.value.quota, refused.value.count, refused.value.limit) == ("queued", 2, 2)
    take(ledger)
    assert ledger.submit(calibration(3, "a"))[1]  # one runs, so one more may wait

    b = ledger.of("b")
    for number in range(10, 15):
        b.submit(calibration(number, "b"))  # its own quotas stand in for those of all
    b.submit(creation(20, "ana"))
    assert b.submit(creation(21, "ana"))[1] is False  # the same again is no second one
    with pytest.raises(QuotaExceeded, match="1 personas"):
        b.submit(creation(22, "bob"))
    b.cancel("job_20")
    assert b.submit(creation(22, "bob"))[1]
    rows = {row.name: row for row in ledger.tenants()}
    assert (rows["a"].running, rows["a"].queued, rows["a"].personas, rows["a"].quotas) == (1, 2, 0, Quotas(queued=2))
    assert (rows["b"].running, rows["b"].queued, rows["b"].personas, rows["b"].quotas) == (0, 6, 1, Quotas(personas=1))
    assert [row.name for row in b.tenants()] == ["b"]


def test_a_quota_holds_among_submitters_at_once(ledger):
    ledger.set_quotas("a", Quotas(queued=5))
    answers, barrier = [], threading.Barrier(10)

    def send(number):
        barrier.wait()
        try:
            answers.append(ledger.submit(calibration(number, "a"))[1])
        except QuotaExceeded:
            answers.append(False)
        ledger.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(10)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert answers.count(True) == 5 and ledger.depth("serve") == 5


def waits(ledger, clock, workers, oldest_first=False):
    """10 tenants on `workers` workers, jobs of 1 s: one has submitted 80, then come 9 others with 4 each. How long each of
    them waited for its last job, over its fair share: the time its jobs take when every tenant has a tenth of the workers."""
    for number in range(80):
        ledger.submit(calibration(number, "flood"))
    start = clock.now
    for number in range(36):
        ledger.submit(calibration(100 + number, f"t{number % 9}"))
    line, ends = [f"job_{n}" for n in (*range(80), *range(100, 136))], {}
    while ledger.depth("serve"):
        if oldest_first:
            batch, line = [claim(ledger, job_id) for job_id in line[:workers]], line[workers:]
        else:
            batch = [row for _ in range(workers) if (row := ledger.take("serve", worker="host/1", lease_s=10.0))]
        clock.now += 1.0
        for row in batch:
            ledger.finish(row.id, row.token, "succeeded", result={})
            ends[row.tenant] = clock.now - start
    del ends["flood"]
    return [end / (4 * 10 / workers) for end in ends.values()]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_flood_of_one_tenant_makes_no_other_wait_over_twice_its_fair_share(ledger, clock, workers):
    assert max(waits(ledger, clock, workers)) <= 1.1


def test_the_control_oldest_first_does(ledger, clock):
    assert max(waits(ledger, clock, 4, oldest_first=True)) > 2.0


# -- ends ------------------------------------------------------------------------------------------------------------


def test_an_expired_persona_is_unusable_at_once(ledger, clock):
    created(ledger, consent={"subject": "Ana"}, expires=clock.now + 100)
    created(ledger, 2, "bob")
    assert ledger.persona("ana").consent == {"subject": "Ana"} and ledger.persona("ana").expires == 1100.0
    assert ledger.submit(synthesis(3))[1] and ledger.overdue() == []
    clock.now += 100
    row = ledger.persona("ana")
    assert row.status == "expired" and row.record == {"persona_id": "per_1", "name": "ana"}
    for call in (lambda: ledger.submit(synthesis(4)), lambda: ledger.submit(creation(5))):
        with pytest.raises(PersonaExpired, match="expired on 1970"):
            call()
    assert [p.name for p in ledger.personas()] == ["bob"] and [p.id for p in ledger.overdue()] == ["per_1"]
    assert ledger.of("other").overdue() == []
    ledger.delete_persona("per_1")
    with pytest.raises(PersonaDeleted):
        ledger.persona("ana")
    assert ledger.overdue() == [] and ledger.job("job_3").status == "cancelled"
    created(ledger, 6, "ana")


def test_a_creation_may_expire_before_it_is_done(ledger, clock):
    ledger.submit(creation(1, expires=clock.now + 10))
    row = claim(ledger)
    clock.now += 10
    ledger.finish("job_1", row.token, "succeeded", result={"name": "ana"})
    assert ledger.personas() == [] and [p.id for p in ledger.overdue()] == ["per_1"]
    ledger.submit(creation(2, "bob", expires=clock.now + 10))
    ledger.cancel("job_2")
    clock.now += 10
    assert [p.id for p in ledger.overdue()] == ["per_1"]  # one that never came to be needs no deletion


def test_jobs_that_are_over_are_forgotten_after_a_while(ledger, clock):
    created(ledger, blobs=("photo",))
    ledger.submit(synthesis(2, key="k", blobs=("input",)))
    row = claim(ledger, "job_2")
    ledger.finish("job_2", row.token, "succeeded", result={"pictures": []})
    clock.now += 50
    ledger.submit(synthesis(3))
    ledger.cancel("job_3")
    ledger.submit(synthesis(4))
    clock.now += 51
    assert ledger.of("other").forget(after_s=100) == 0 and ledger.forget(after_s=100) == 1
    with pytest.raises(NotFound):
        ledger.job("job_2")
    assert ledger.referenced(["photo", "input"]) == {"photo"}  # the job that made ana stays with her
    assert {r.id for r in ledger.jobs()} == {"job_1", "job_3", "job_4"} and ledger.persona("ana").status == "active"
    assert ledger.submit(synthesis(5, key="k", body="other"))[1]  # the key is free
    clock.now += 1000
    assert ledger.forget(after_s=100, limit=1) == 1 and ledger.forget(after_s=100) == 0  # job_4 and job_5 still wait
    ledger.delete_persona("per_1")
    clock.now += 1000
    assert ledger.forget(after_s=100) == 3 and ledger.jobs() == []
    with pytest.raises(PersonaDeleted):
        ledger.persona("ana")


# -- what an HTTP server asks --------------------------------------------------------------------------------------------


def test_jobs_by_pages(ledger):
    created(ledger)
    for number in range(2, 8):
        ledger.submit(synthesis(number))
    pages, before = [], None
    while page := ledger.jobs(limit=3, before=before):
        pages.append([row.id for row in page])
        before = page[-1].id
        if len(pages) == 1:
            ledger.submit(synthesis(8))  # comes meanwhile, and moves nothing
    assert pages == [["job_7", "job_6", "job_5"], ["job_4", "job_3", "job_2"], ["job_1"]]
    assert [r.id for r in ledger.jobs(status="queued", before="job_4")] == ["job_3", "job_2"]
    assert [r.id for r in ledger.jobs(persona_id="per_1", before="job_3")] == ["job_2", "job_1"]
    with pytest.raises(NotFound):
        ledger.jobs(before="job_99")
    with pytest.raises(NotFound):
        ledger.of("other").jobs(before="job_3")


def test_how_far_many_jobs_are(ledger):
    created(ledger)
    ledger.submit(synthesis(2))
    assert ledger.standing(["job_1", "job_2", "job_99"]) == {
        "job_1": Standing(3, "succeeded"),
        "job_2": Standing(1, "queued"),
    }
    row = claim(ledger, "job_2")
    ledger.progress("job_2", row.token, {"stage": "draw", "step": 0, "steps": 1})
    assert ledger.standing(["job_2"]) == {"job_2": Standing(3, "running")}
    assert ledger.of("other").standing(["job_1", "job_2"]) == {} == ledger.standing([])
    assert len(ledger.standing(["job_1", *(f"job_{n}" for n in range(100, 1300))])) == 1


def api_key(number, tenant="default", **more):
    return ApiKeyRow(f"key_{number}", tenant, "of the app", "make", f"{number:064x}", created=1000.0 + number, **more)


def test_api_keys(ledger):
    one, two = api_key(1), api_key(2, "acme", expires=2000.0, rate=60.0)
    for row in (two, one):
        ledger.api_keys.add(row)
    assert ledger.api_keys.list() == [one, two] and ledger.api_keys.find(one.digest) == one
    assert ledger.api_keys.find("f" * 64) is None
    acme = ledger.of("acme").api_keys
    assert acme.list() == [two] and acme.find(one.digest) is None and acme.find(two.digest) == two
    acme.add(api_key(3))  # whatever it says, it is acme's
    assert [row.tenant for row in acme.list()] == ["acme", "acme"]
    for key_id in (one.id, "key_99"):
        with pytest.raises(NotFound, match=key_id):
            acme.revoke(key_id)
    acme.revoke(two.id)
    assert ledger.api_keys.find(two.digest) is None and [row.id for row in ledger.api_keys.list()] == ["key_1", "key_3"]
    with pytest.raises(NotFound):
        ledger.api_keys.revoke(two.id)


def test_jobs_of_an_api_key_are_counted_by_day(ledger):
    keys = ledger.api_keys
    keys.add(api_key(1, jobs=2))
    assert keys.list()[0].jobs == 2
    assert [keys.spend("key_1", 7, 2) for _ in range(4)] == [True, True, False, False]
    assert keys.spend("key_2", 7, 1) and not keys.spend("key_3", 7, 0)
    assert keys.spent(7) == {"key_1": 2, "key_2": 1} and keys.spent(8) == {}
    keys.give_back("key_1", 7)
    assert keys.spent(7)["key_1"] == 1 and keys.spend("key_1", 7, 2) and not keys.spend("key_1", 7, 2)
    assert keys.spend("key_1", 8, 2) and keys.spent(8) == {"key_1": 1}
    keys.give_back("key_1", 7)
    assert keys.spent(8) == {"key_1": 1}
