"""Consent is asked for before anything is read, stored with the persona, and its end is the persona's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import portraitist
from portraitist import Consent
from portraitist.backend import embedded
from portraitist.errors import ConsentExpired, ConsentMissing, InvalidRequest, NotFound, PersonaDeleted, PersonaExpired
from portraitist.studio import Studio
from portraitist.testing import fake_backend
from portraitist.transport import Capability, InlineTransport
from portraitist_workers import settings
from portraitist_workers.settings import Settings

from .processes import until

PHOTOS = [("a.jpg", b"1"), ("b.jpg", b"2"), ("c.jpg", b"3")]
GIVEN = {"subject": "user-17", "by": "user-17", "text": "I agree."}


class Unread:
    """Photos that must not be looked at."""

    def __iter__(self):
        raise AssertionError("the photos were read")


class SharedTransport(InlineTransport):
    capabilities = frozenset({Capability.MULTI_HOST})


@pytest.fixture
def backend(ledger):
    return fake_backend(ledger=ledger)


@pytest.fixture
def cluster(backend, monkeypatch):
    """Like a cluster's: many users, so that consent is required."""
    monkeypatch.delenv("PORTRAITIST_CONSENT")
    return replace(backend, transport=SharedTransport(backend.transport._execute))


def test_alone_nothing_is_asked_and_that_is_what_is_recorded(backend):
    ana = Studio(backend.of()).personas.create("ana", PHOTOS, wait=True)
    assert ana.consent.assumed and ana.consent.subject == "ana" and "whoever runs" in ana.consent.by
    assert ana.expires is None


def test_a_cluster_creates_nobody_without_consent(cluster, monkeypatch):
    studio = Studio(cluster.of())
    for given in (None, Consent.nobody_asked("ana")):
        with pytest.raises(ConsentMissing, match=r"consent=portraitist.Consent\(subject"):
            studio.personas.create("ana", Unread(), consent=given)
    assert studio.jobs.list() == [] and list(cluster.store.older_than(-1)) == []
    ana = studio.personas.create("ana", PHOTOS, consent=Consent(**GIVEN), wait=True)
    assert ana.consent.subject == "user-17" and not ana.consent.assumed
    monkeypatch.setenv("PORTRAITIST_CONSENT", "optional")
    assert studio.personas.create("bob", PHOTOS, wait=True).consent.assumed


def test_a_consent_that_is_over(backend):
    over = Consent(**GIVEN, expires=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ConsentExpired, match="'user-17' ended on"):
        Studio(backend.of()).personas.create("ana", Unread(), consent=over)


@pytest.mark.parametrize(
    ("consent", "refusal"),
    [(None, "consent_missing"), (Consent.nobody_asked("ana"), "consent_missing"), ("over", "consent_expired")],
)
def test_the_worker_asks_too_before_it_reads_a_photo(cluster, consent, refusal):
    """Whoever wrote the job, and however long it waited."""
    from portraitist_workers.queue.execution import execute

    studio = Studio(cluster.of())
    studio._backend.transport.wake = lambda *_: None  # we are the worker
    job = studio.personas.create("ana", PHOTOS, consent=Consent(**GIVEN))
    row = cluster.ledger.claim(job.id, worker="w/1", lease_s=60.0)
    if consent == "over":
        consent = Consent(**GIVEN, when="2020-01-01", expires="2021-01-01")
    asked = {**row.request, "consent": consent and consent.model_dump(mode="json")}

    def run(request, context):
        raise AssertionError("it began")

    execute(cluster, replace(row, request=asked), run=run)
    assert cluster.ledger.job(job.id).error["code"] == refusal
    assert "ana" not in studio.personas


def test_the_same_call_again_is_the_same_job_whatever_the_clock_says(backend):
    studio = Studio(backend.of())
    first = studio.personas.create("ana", PHOTOS, consent=Consent(**GIVEN), retain_days=30)
    again = studio.personas.create("ana", PHOTOS, consent=Consent(**GIVEN), retain_days=30)
    assert first.id == again.id and first.wait()


def test_the_persona_ends_with_the_consent_or_sooner(backend, clock):
    """The ledger's clock says when."""
    studio = Studio(backend.of())
    ends = datetime.now(UTC) + timedelta(days=300)
    ana = studio.personas.create("ana", PHOTOS, consent=Consent(**GIVEN, expires=ends), wait=True)
    bob = studio.personas.create("bob", PHOTOS, consent=Consent(**GIVEN, expires=ends), retain_days=1, wait=True)
    assert abs((ana.expires - ends).total_seconds()) < 0.01
    assert abs((bob.expires - datetime.now(UTC)).total_seconds() - 86400) < 60
    picture = bob.synthesize(yaw=1)
    clock.now = bob.expires.timestamp() - 1
    assert bob.synthesize(yaw=2)
    clock.now += 1.01  # a datetime has microseconds
    for use in (
        lambda: studio.personas.get("bob"),
        lambda: studio.personas.get(bob.id),
        lambda: bob.synthesize(yaw=1),
        lambda: bob.edit(b"x", yaw=1),
        lambda: bob.enhance(b"x"),
        lambda: studio.personas.create("bob", PHOTOS),
        lambda: studio.jobs.list()[0].result(),
    ):
        with pytest.raises(PersonaExpired, match="'bob' expired on .* create it again"):
            use()
    assert [p.name for p in studio.personas.list()] == ["ana"] and "bob" not in studio.personas and picture
    studio.personas.delete("bob")
    with pytest.raises(NotFound):
        picture.read()
    for days in (0, -1, float("nan"), float("inf"), 1e300):
        with pytest.raises(InvalidRequest, match="above 0"):
            studio.personas.create("cy", PHOTOS, retain_days=days)


def test_what_a_consent_says():
    given = Consent(**GIVEN, when="2026-03-01T10:00", scope="team page", expires="2027-01-01T00:00:00+02:00")
    assert (
        given.text_hash == portraitist.store.digest_of(b"I agree.")
        and given.expires.isoformat() == "2026-12-31T22:00:00+00:00"
    )
    assert given.when.tzinfo is not None and Consent.model_validate(given.model_dump(mode="json")) == given
    assert Consent(subject="a", by="b", text_hash="0" * 64).scope == "portraits of the subject"
    for wrong, why in (
        ({"subject": "a", "by": "b"}, "text_hash.*give the text"),
        ({**GIVEN, "subject": ""}, "subject"),
        ({**GIVEN, "expires": "someday"}, "expires"),
        ({**GIVEN, "colour": "red"}, "colour"),
        ({"subject": "a", "by": "b", "text_hash": "abc"}, "text_hash"),
    ):
        with pytest.raises(InvalidRequest, match=why) as refused:
            Consent(**wrong)
        assert refused.value.param == "consent"


# -- what the workers do about it ------------------------------------------------------------------------------------


def test_an_expired_persona_is_swept_with_all_that_was_made_from_it(backend, clock, monkeypatch):
    from portraitist_workers.queue import sweeping

    studio = Studio(backend.of("acme"))
    ana = studio.personas.create("ana", PHOTOS, retain_days=1, wait=True)
    bob = studio.personas.create("bob", PHOTOS, wait=True)
    ana.synthesize(yaw=1)
    before = set(backend.store.older_than(-1))
    clock.now = ana.expires.timestamp() - 1
    sweeping.look_after_deletions(backend)
    assert set(backend.store.older_than(-1)) == before
    clock.now += 1.01
    sweeping.look_after_deletions(backend)
    with pytest.raises(PersonaDeleted):
        studio.personas.get("ana")
    left = set(backend.store.older_than(-1))
    assert len(left) == 4 and left == backend.ledger.referenced(before) and bob.synthesize(yaw=1)  # 3 photos, weights
    assert studio.personas.delete(ana.id).blobs  # the receipt


def test_jobs_that_are_over_go_after_a_month_with_their_pictures(backend, clock, monkeypatch):
    from portraitist_workers.queue import sweeping

    monkeypatch.setattr(sweeping, "SWEEP_AGE_S", -1)
    studio = Studio(backend.of())
    ana = studio.personas.create("ana", PHOTOS, wait=True)
    job = ana.synthesize(yaw=1, wait=False)
    picture = job.wait()
    clock.now += 30 * 86400 - 1
    sweeping.sweep(backend)
    assert job.result() and picture.read()
    clock.now += 2
    monkeypatch.setattr(settings, "current", lambda: Settings(keep_jobs_days=0.0))
    sweeping.sweep(backend)
    assert picture.read()
    monkeypatch.undo()
    monkeypatch.setattr(sweeping, "SWEEP_AGE_S", -1)
    sweeping.sweep(backend)
    for gone in (picture.read, job.result, lambda: studio.jobs.get(job.id)):
        with pytest.raises(NotFound):
            gone()
    assert ana.synthesize(yaw=1).read()


def test_the_embedded_worker_sweeps(tmp_path, fake_operations, monkeypatch):
    """A process of its own, by the clock on the wall."""
    monkeypatch.setenv("PORTRAITIST_DELETIONS_S", "0.5")
    studio = portraitist.connect(home=tmp_path / "home")
    try:
        studio.personas.create("bob", PHOTOS).wait(
            timeout=120
        ).delete()  # ana's time is too short for a worker to start in
        ana = studio.personas.create("ana", PHOTOS, retain_days=15 / 86400)
        ana.wait(timeout=120)
        until(lambda: gone(studio), timeout=120)
        until(lambda: not list((tmp_path / "home" / "blobs").glob("??/*")), timeout=120)
    finally:
        embedded(tmp_path / "home").transport.stop()


def gone(studio):
    try:
        studio.personas.get("ana")
    except PersonaDeleted:
        return True
    except PersonaExpired:
        return False
