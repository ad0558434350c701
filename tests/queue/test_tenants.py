"""Tenants are kept apart: no verb of the SDK, over any ledger, tells one of them anything about another."""

import asyncio
from dataclasses import replace

import pytest

import portraitist
from portraitist.errors import NotFound, PortraitistError
from portraitist.jobs import Job
from portraitist.ledger import NewJob
from portraitist.persona import Persona
from portraitist.picture import Picture
from portraitist.priors.anybody import Anybody
from portraitist.store import digest_of
from portraitist.studio import Jobs, Personas, Studio
from portraitist.testing import fake_backend
from portraitist.webhooks.resource import Webhooks

PHOTOS = [("a.jpg", b"1"), ("b.jpg", b"2"), ("c.jpg", b"3")]
UNKNOWN = {
    "persona": "per_" + "0" * 20,
    "job": "job_" + "0" * 20,
    "blob": "0" * 64,
    "name": "nobody",
    "webhook": "msg_0",
}


@pytest.fixture
def backend(ledger):
    return fake_backend(ledger=ledger)


class Tenant:
    """A studio with a persona, jobs in every state, pictures and a checkpoint; `ids` says how to name them."""

    def __init__(self, backend, name):
        self.backend = backend.of(name)
        self.studio = Studio(self.backend)
        self.ana = self.studio.with_idempotency_key("key").personas.create("ana-of-" + name, PHOTOS, wait=True)
        self.made = self.ana.synthesize(yaw=1, wait=False, webhook=portraitist.Webhook("https://example.com/"))
        self.picture = self.made.wait()
        self.ana.synthesize(yaw=2)  # the thread that did the job before this has dropped its checkpoint by now
        self.backend.store.save_checkpoint(self.made.id, b"state")
        self.ids = {
            "persona": self.ana.id,
            "job": self.made.id,
            "blob": self.picture._result.blob,
            "name": self.ana.name,
        }
        self.ids["webhook"] = self.studio.webhooks.list()[0].id

    def verbs(self, ids):
        """Every public verb that can be given an id, or be called on a handle that somebody made up from one."""
        studio, backend = self.studio, self.backend
        persona = Persona(backend, self.ana.record.model_copy(update={"persona_id": ids["persona"]}))
        row = replace(backend.ledger.job(self.made.id), id=ids["job"], persona_id=ids["persona"])
        job = Job(backend, row)
        own = Persona(backend, self.ana.record)
        picture = Picture(
            self.picture._result.model_copy(update={"blob": ids["blob"], "crop": ids["blob"]}), backend.sealed(own.id)
        )
        return {
            "Personas.get": lambda: studio.personas.get(ids["persona"]),
            "Personas.get name": lambda: studio.personas.get(ids["name"]),
            "Personas.contains": lambda: (ids["persona"] in studio.personas, ids["name"] in studio.personas),
            "Personas.delete": lambda: studio.personas.delete(ids["persona"]),
            "Personas.delete name": lambda: studio.personas.delete(ids["name"]),
            "Persona.synthesize": lambda: persona.synthesize(yaw=1),
            "Persona.edit": lambda: persona.edit(b"x", yaw=1),
            "Persona.drag": lambda: persona.drag(points=[("nose", (1, 1))]),
            "Persona.move": lambda: persona.move(at="nose", by=(1, 1)),
            "Persona.open": lambda: persona.open(wait=False),
            "Persona.compose": lambda: persona.compose(b"x", portraitist.Part("nose", dx=1)),
            "Persona.transfer": lambda: persona.transfer(b"x", b"y"),
            "Persona.blend": lambda: persona.blend(b"x", b"y"),
            "Persona.variations": lambda: persona.variations(b"x"),
            "Persona.strip": lambda: persona.strip([{}, {}]),
            "Persona.extend": lambda: persona.extend(b"x", (9, 9)),
            "Persona.restyle": lambda: persona.restyle(b"x", style="toon"),
            "Persona.enhance": lambda: persona.enhance(b"x"),
            "Persona.faces": lambda: persona.faces(b"x"),
            "Persona.add": lambda: persona.add(b"x"),
            "Persona.delete": lambda: persona.delete(),
            "Persona.preview": lambda: (
                Persona(backend, persona.record.model_copy(update={"preview": ids["blob"]})).preview
            ),
            "Persona.consent": lambda: persona.consent,
            "Persona.expires": lambda: persona.expires,
            "mask": lambda: own.enhance(b"x", portraitist.Mask(ids["blob"])),
            "Jobs.get": lambda: studio.jobs.get(ids["job"]),
            "Jobs.cancel": lambda: studio.jobs.cancel(ids["job"]),
            "Jobs.live": lambda: asyncio.run(studio.jobs.live(ids["job"]).start()),
            "Job.status": lambda: job.status,
            "Job.done": lambda: job.done,
            "Job.events": lambda: list(job.events(timeout=0.0)),
            "Job.wait": lambda: job.wait(timeout=0.0),
            "Job.result": lambda: job.result(),
            "Job.cancel": lambda: job.cancel(),
            "Picture.read": lambda: picture.read(),
            "Picture.crop": lambda: picture.crop,
            "Webhooks.resend": lambda: studio.webhooks.resend(ids["webhook"]),
            "store.get": lambda: backend.store.get(ids["blob"]),
            "store.has": lambda: backend.store.has(ids["blob"]),
            "store.load_checkpoint": lambda: backend.store.load_checkpoint(ids["job"]),
            "store.save_checkpoint": lambda: backend.store.save_checkpoint(ids["job"], b"mine"),
            "store.drop_checkpoint": lambda: backend.store.drop_checkpoint(ids["job"]),
        }


def answer(verb, ids):
    """What it returned or raised, in which the ids it was called with are replaced."""
    try:
        found = verb()
        text = f"returned {type(found).__name__} {found if isinstance(found, (bytes, bool, tuple)) else ''}"
    except PortraitistError as error:
        text = f"raised {type(error).__name__} {error} {error.param} {error.details}"
    for kind, value in ids.items():
        text = text.replace(value, kind).replace(value[:12], kind)
    return text


def world(backend, tenant):
    """All that the tenant has, and all bytes of the store."""
    ledger = backend.ledger.of(tenant)
    rows = [(row, ledger.events(row.id)) for row in ledger.jobs(limit=1000)]
    store = backend.store
    return (
        rows,
        ledger.personas(),
        [(d, store.get(d)) for d in sorted(store.older_than(-1))],
        next(filter(None, (store.load_checkpoint(row.id) for row, _ in rows)), None),
    )


def crossings(me, ids):
    unknown = {name: answer(verb, UNKNOWN) for name, verb in me.verbs(UNKNOWN).items()}
    return [name for name, verb in me.verbs(ids).items() if answer(verb, ids) != unknown[name]]


def test_no_verb_crosses(backend):
    one, two = Tenant(backend, "one"), Tenant(backend, "two")
    for me, other in ((one, two), (two, one)):
        before = world(backend, other.backend.ledger.tenant)
        assert crossings(me, other.ids) == []
        assert [p.name for p in me.studio.personas.list()] == [me.ana.name]
        assert [d.tenant for d in me.studio.webhooks.list()] == [me.backend.ledger.tenant]
        assert not {job.id for job in me.studio.jobs.list()} & {job.id for job in other.studio.jobs.list()}
        _, personas, blobs, checkpoint = world(backend, other.backend.ledger.tenant)
        assert (personas, checkpoint) == (before[1], before[3]) and set(before[2]) <= set(blobs)
        assert world(backend, other.backend.ledger.tenant)[0] == before[0]


def test_the_control_ones_own_are_told(backend):
    """The same comparison finds every verb, when the ids are the tenant's own."""
    harmless = {"Persona.expires"}  # None in any case
    for name in Tenant(backend, "x").verbs(UNKNOWN):
        mine = Tenant(backend, f"x-{name.replace(' ', '-')}")
        if name not in harmless:
            unknown = answer(mine.verbs(UNKNOWN)[name], UNKNOWN)
            assert answer(mine.verbs(mine.ids)[name], mine.ids) != unknown, name


def test_all_verbs_are_tried(backend):
    """A new verb of the SDK must be added above."""
    tried = {name.split()[0] for name in Tenant(backend, "x").verbs(UNKNOWN)}
    needs_no_id = {
        "Personas.create",
        "Personas.list",
        "Jobs.list",
        "Persona.photos",
        "Persona.reach",
        "Webhooks.list",
        "Webhooks.secret",
        *(
            f"Anybody.{name}" for name in ("edit", "drag", "move", "compose", "open", "anybody", "prepare")
        ),  # tests/sdk/test_anybody.py
    }
    for cls in (Personas, Persona, Jobs, Job, Webhooks, Anybody):
        whole = [part for part in cls.__mro__ if part.__module__.startswith("portraitist.")]
        verbs = {f"{cls.__name__}.{name}" for part in whole for name in vars(part) if not name.startswith("_")}
        assert verbs <= tried | needs_no_id


def test_names_keys_and_equal_photos_do_not_meet(backend):
    """The same call of two tenants is two personas; deleting one leaves the other whole."""
    one, two = Studio(backend.of("one")), Studio(backend.of("two"))
    jobs = [s.with_idempotency_key("k").personas.create("ana", PHOTOS) for s in (one, two)]
    assert jobs[0].id != jobs[1].id
    mine, other = (job.wait() for job in jobs)
    picture = other.synthesize(yaw=1)
    one.personas.delete("ana")
    assert "ana" in two.personas and picture.read() and other.synthesize(yaw=2)


def test_bytes_that_are_known_from_elsewhere_cannot_be_fetched_by_their_digest(backend):
    """Also not while they are stored for somebody else, and not by handing in the same bytes."""
    one, two = backend.of("one"), backend.of("two")
    digest = digest_of(b"leaked")
    backend.store.put(b"leaked")
    backend.ledger.submit(NewJob("job_ab", {"operation": "calibrate"}, "h", blobs=(digest,), tenant="one"))
    assert one.store.get(digest) == b"leaked" and one.store.has(digest)
    two.store.put(b"leaked")
    assert not two.store.has(digest)
    with pytest.raises(NotFound, match="deleted or never uploaded"):
        two.store.get(digest)
    two.store.erase(digest)
    assert one.store.get(digest) == b"leaked"


def test_ids_cannot_be_guessed(backend):
    studio = Studio(backend.of("one"))
    jobs = [studio.personas.create(f"p{n}", PHOTOS) for n in range(3)]
    found = [job.id.removeprefix("job_") for job in jobs] + [job.wait().id.removeprefix("per_") for job in jobs]
    assert all(len(bytes.fromhex(one)) >= 10 for one in found) and len(set(found)) == 6


@pytest.mark.parametrize("bad", ["", "a/b", "-x", "x" * 65, "a b", "a:b", "*", "ä"])
def test_tenants_names(backend, bad):
    if bad:
        with pytest.raises(portraitist.InvalidRequest, match="tenant"):
            backend.of(bad)
    assert backend.of().ledger.tenant == "default"


def test_the_environment_names_the_tenant(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_TENANT", "acme")
    assert portraitist.connect(home=tmp_path)._backend.ledger.tenant == "acme"
    assert portraitist.connect(home=tmp_path, tenant="other")._backend.ledger.tenant == "other"


def test_a_studio_with_another_priority(backend):
    studio = Studio(backend.of("one"))
    job = studio.with_priority(5).personas.create("ana", PHOTOS)
    assert backend.ledger.job(job.id).priority == 5 and studio._backend.priority == 0 and job.wait()
    for bad in (10, -10, 1.5, "high"):
        with pytest.raises(portraitist.InvalidRequest, match="-9 to 9"):
            studio.with_priority(bad)
