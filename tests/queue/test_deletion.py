"""Promise 11: after a deletion nothing mentions the person, a backup of the store opens nothing, and a signed receipt remains."""

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import time
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

import pytest

import portraitist
from portraitist.backend import embedded
from portraitist.deletion import delete
from portraitist.errors import InvalidRequest, NotFound, PersonaDeleted, SignatureInvalid, StorageError
from portraitist.store import MemoryStore, SealedStore
from portraitist.testing import fake_studio
from portraitist.vault import Keyring, in_memory
from portraitist.vault.receipts import Receipt, public_keys
from portraitist_workers import settings
from portraitist_workers.queue import sweeping, warm_models
from portraitist_workers.settings import Settings

from .fleet import Fleet
from .processes import row, running, until

NAME, UNFINISHED, OTHER = "Anastasia Eleven", "Anastasia Unfinished", "Bob"
FILES = [(f"passport-of-anastasia-{n}.jpg", b"a photo of Anastasia" + os.urandom(500)) for n in range(3)]


def _read(files):
    """What is there; a job may be replacing its checkpoints."""
    found = {}
    for name, read in files.items():
        with suppress(FileNotFoundError):
            found[name] = read()
    return found


class Home:
    """Embedded: everything in one folder."""

    def __init__(self, folder, s3):
        self.studio = portraitist.connect(home=folder / "home")
        self.home = folder / "home"

    def store(self):
        return _read({str(path): path.read_bytes for path in self.home.glob("[bc]*/**/*") if path.is_file()})

    def ledger(self):
        """All rows but those of what may remain: tombstone and receipt."""
        db = sqlite3.connect(self.home / "ledger.sqlite3")
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {t: str(db.execute(f"SELECT * FROM {t}").fetchall()).encode() for t in tables if t != "deletions"}
        rows["personas"] = str(db.execute("SELECT * FROM personas WHERE status != 'deleted'").fetchall()).encode()
        db.close()
        return rows

    def files(self):
        return {
            str(path): path.read_bytes()
            for path in self.home.glob("*")
            if path.is_file() and path.suffix != ".sqlite3-shm"
        }

    def files_but_receipts(self, receipts):
        """A copy of the ledger in which the receipts were overwritten, and nothing else was touched."""
        copy = shutil.copytree(self.home, self.home.parent / secrets.token_hex(4))
        db = sqlite3.connect(copy / "ledger.sqlite3")
        for statement in ("PRAGMA secure_delete = ON", "DELETE FROM deletions", "PRAGMA wal_checkpoint(TRUNCATE)"):
            db.execute(statement)
            db.commit()
        db.close()
        return b"".join(path.read_bytes() for path in copy.glob("*") if path.is_file())

    def log(self):
        return (self.home / "worker.log").read_bytes()

    def warm(self):
        return ""

    def stop(self):
        embedded(self.home).transport.stop()


class Cluster:
    """Redis with an append-only file, an S3 bucket, a worker."""

    def __init__(self, folder, s3):
        self.url, self.folder = s3.bucket() + "/folder", folder
        self.bucket = s3.files()
        self.fleet = Fleet(folder, aof=True, store=self.url)
        self.studio = self.fleet.studio
        self.fleet.add(log="json")
        self.fleet.ready()

    def store(self):
        return _read({path: partial(self.bucket.cat_file, path) for path in self.bucket.find(self.url)})

    def ledger(self):
        client, found = self.fleet.server.client, {}
        ids = list(client.scan_iter("{portraitist}:deletion:*"))
        remain = {*ids, *(key.replace(":deletion:", ":persona:") for key in ids)}
        for key in set(client.scan_iter("*")) - remain:
            kind = client.type(key)
            read = {"hash": client.hgetall, "set": client.smembers, "stream": client.xrange, "string": client.get}
            read["list"] = read["zset"] = lambda key, kind=kind: getattr(client, kind[0] + "range")(key, 0, -1)
            if kind != "none":  # it has just expired
                found[key] = f"{key} {read[kind](key)}".encode()
        return found

    def files(self):
        found = [*(self.folder / "redis").rglob("*.aof"), *(self.folder / "redis").rglob("*.rdb"), self.fleet.log]
        return {str(path): path.read_bytes() for path in found if path.exists()}

    def files_but_receipts(self, receipts):
        raw = b"".join(self.files().values())
        for receipt in receipts:
            raw = raw.replace(json.dumps(receipt.model_dump(mode="json")).encode(), b"")
        return raw

    def log(self):
        return self.fleet.log.read_bytes()

    def warm(self):
        return str([worker.warm for worker in self.fleet.transport.workers()])

    def stop(self):
        self.fleet.stop()


@pytest.fixture(params=[Home, Cluster], ids=["embedded", "cluster"])
def place(request, tmp_path, fake_operations, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_DELETIONS_S", "1")
    monkeypatch.setenv("PORTRAITIST_LOG", "json")  # tells more
    place = request.param(tmp_path, request.getfixturevalue("s3") if request.param is Cluster else None)
    yield place
    place.stop()


def found(needles, haystacks):
    """Which of the needles occur, in names or contents."""
    return {
        needle for needle in needles for name, data in haystacks.items() if needle in data or needle in name.encode()
    }


def test_11_deletion_is_complete(place):
    studio, backend = place.studio, place.studio._backend
    agreed = portraitist.Consent(subject=OTHER, by=OTHER, text="I agree")
    other = studio.personas.create(OTHER, [data for _, data in FILES], consent=agreed).wait(timeout=120)
    consent = portraitist.Consent(subject="user-anastasia", by="parent-of-anastasia", text="I agree")
    hook = portraitist.Webhook("http://127.0.0.1:1/hook-of-anastasia")  # where nobody listens: it stays in the outbox
    keyed = studio.with_idempotency_key("anastasia-key")
    ana = keyed.personas.create(NAME, FILES, consent=consent, webhook=hook).wait(timeout=120)
    ana.synthesize(yaw=3)
    ana.edit(FILES[0], yaw=3)
    busy = studio.personas.create(UNFINISHED, FILES, labels={FILES[0][0]: {"steps": 1000, "dt": 0.05}}, consent=consent)
    running(studio, busy, step=2)

    rows = [row(studio, busy), *backend.ledger.jobs(persona_id=ana.id)]
    blobs = {
        photo["blob"].encode()
        for r in rows
        for photo in (*r.request.get("photos", ()), *filter(None, [r.request.get("photo")]))
    }
    blobs |= {ana.record.weights.encode()}
    ids = {ana.id.encode(), busy.persona_id.encode()}
    told = {NAME.encode(), UNFINISHED.encode(), b"anastasia-key", b"hook-of-anastasia"}
    keys = {backend.ledger.wrapped_key(persona_id.decode()).encode() for persona_id in ids}
    content = {data[:40] for _, data in FILES} | {hashlib.sha256(data).hexdigest().encode() for _, data in FILES}
    content |= {consent.subject.encode(), consent.by.encode(), *(name.encode() for name, _ in FILES)}  # sealed, too
    checkpoint = {busy.id.encode()}

    # Before: the search finds all of it, so that what it does not find afterwards is gone. (Contents it never finds.)
    assert found(blobs | checkpoint, place.store()) == blobs | checkpoint
    assert found(ids | told | blobs | keys, place.ledger()) == ids | told | blobs | keys
    assert found(told | keys, place.files()) == told | keys
    assert found(content, place.store() | place.ledger() | place.files()) == set()
    if isinstance(place, Cluster):
        until(lambda: ana.id in place.warm())
    backup = place.store()
    key = backend.keyring.unwrap(backend.ledger.wrapped_key(ana.id), ana.id)
    assert opens(backup, key, ana.record.weights)

    began = time.monotonic()
    receipts = [ana.delete(), studio.personas.delete(UNFINISHED)]
    assert found(blobs, place.store()) == set() and {b.encode() for r in receipts for b in r.blobs} >= blobs
    until(lambda: not found(checkpoint, place.store()), timeout=120)
    until(lambda: not found(ids | told | blobs | keys | content, place.ledger()), timeout=120)
    until(lambda: not found(told | keys | content, place.files()), timeout=120)  # the append-only file, written anew
    until(lambda: ana.id not in place.warm(), timeout=120)
    assert time.monotonic() - began < 120

    until(lambda: busy.id.encode() in place.log())  # that it was taken away; whose it was, it does not tell
    assert not found(ids | told | blobs | keys | content, {"": place.log()})

    # Only the receipts and the tombstones speak of her, by ids.
    needles = blobs | told | keys | content
    until(lambda: not found(needles, {"": place.files_but_receipts(receipts)}), timeout=120)

    # The backup: her key is nowhere, another's does not fit; and Bob, whose photos are the same, is whole.
    with pytest.raises(PersonaDeleted):
        backend.ledger.wrapped_key(ana.id)
    assert not opens(backup, backend.keyring.unwrap(backend.ledger.wrapped_key(other.id), other.id), ana.record.weights)
    assert other.synthesize(yaw=1).image and opens(place.store(), None, other.record.weights, backend.sealed(other.id))
    assert ana.delete() == receipts[0]


def opens(backup, key, digest, sealed=None):
    store = MemoryStore()
    for data in backup.values():
        store.put(data)
    try:
        return bool((sealed or SealedStore(store, key)).get(digest))
    except StorageError:
        return False


# -- receipts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def studio():
    return fake_studio()


@pytest.fixture
def ana(studio):
    return studio.personas.create("ana", photos=[b"1", b"2", b"3"]).wait()


def test_a_receipt_says_what_was_removed_and_cannot_be_changed(studio, ana, tmp_path):
    ana.synthesize(n=2)
    receipt = ana.delete()
    assert len(receipt.blobs) == 3 + 1 + 2 and len(receipt.jobs) == 2 and receipt.tenant == "default"
    assert (
        receipt.requested <= receipt.completed and (receipt.workers_forget_by - receipt.requested).total_seconds() == 60
    )
    own = public_keys(studio._backend.keyring)
    receipt.check(own)
    assert Receipt.load(receipt.save(tmp_path / "receipt.json")) == receipt
    for change in ({"blobs": receipt.blobs[1:]}, {"tenant": "other"}, {"signature": "AAAA"}, {"public_key": "AAAA"}):
        with pytest.raises(SignatureInvalid, match="changed"):
            receipt.model_copy(update=change).check(own)
    with pytest.raises(SignatureInvalid, match="another key"):
        receipt.check(public_keys(Keyring(in_memory())))
    (tmp_path / "no-receipt").write_text("{}")
    for name in ("no-receipt", "missing"):
        with pytest.raises(InvalidRequest):
            Receipt.load(tmp_path / name)


def test_asked_again_the_same_receipt(studio, ana):
    receipt = ana.delete()
    assert ana.delete() == receipt == studio.personas.delete(ana.id)
    with pytest.raises(PersonaDeleted):
        studio.personas.delete("ana")
    with pytest.raises(NotFound):
        studio.personas.delete("per_unknown")
    again = studio.personas.create("ana", photos=[b"1", b"2", b"3"]).wait()
    assert again.delete() != receipt


def test_the_fleet_finishes_a_deletion_that_was_cut_off(studio, ana, monkeypatch):
    backend = studio._backend
    begun = backend.ledger.delete_persona(ana.id)  # and here the client was killed
    assert all(backend.store._store.has(blob) for blob in begun.blobs)
    sweeping.look_after_deletions(backend)
    assert backend.ledger.deletion(ana.id).receipt is None  # the client may still be at it
    monkeypatch.setattr(settings, "current", lambda: Settings(deletions_s=0.0))
    sweeping.look_after_deletions(backend)
    assert not any(backend.store._store.has(blob) for blob in begun.blobs)
    assert sorted(begun.blobs) == delete(backend, ana.id).blobs


def test_changing_the_master_key_makes_old_ledgers_useless(tmp_path, monkeypatch):
    old, new = portraitist.vault.new_secret(), portraitist.vault.new_secret()
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", old)
    backend = embedded(tmp_path / "home")
    key, wrapped = backend.keyring.new_key("per_1")
    shutil.copytree(tmp_path / "home", tmp_path / "backup")
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", f"{new},{old}")
    moved = embedded(tmp_path / "home").keyring.rewrap(wrapped, "per_1")
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", new)
    assert embedded(tmp_path / "home").keyring.unwrap(moved, "per_1") == key
    with pytest.raises(StorageError):
        embedded(tmp_path / "backup").keyring.unwrap(wrapped, "per_1")


def test_a_worker_that_cannot_ask_who_was_deleted_forgets_everybody(monkeypatch):
    class Away:
        def persona(self, _):
            raise portraitist.QueueUnavailable("on purpose")

        def close(self):
            pass

    held, when = ["per_1", "per_2"], []

    def forget(persona_id):
        held.remove(persona_id)
        when.append(time.monotonic())

    operations = SimpleNamespace(warm_ids=lambda: tuple(held), forget=forget)
    monkeypatch.setattr(settings, "current", lambda: Settings(deletions_s=0.05))
    monkeypatch.setattr(warm_models, "FORGET_S", 2.0)
    began = time.monotonic()
    warm_models.start(SimpleNamespace(ledger=Away(), transport=None), operations)
    until(lambda: len(when) == 2)
    assert when[0] - began > 1.9  # a short outage costs nothing


# -- garbage ---------------------------------------------------------------------------------------------------------


def test_garbage_is_collected_and_nothing_else(tmp_path, monkeypatch):
    """Old: an upload whose client was killed, a failed creation's photos, a dead checkpoint. Kept: what a row mentions, what is
    young (a job that is being submitted has just written it)."""
    studio = fake_studio()
    backend = studio._backend
    ana = studio.personas.create("ana", photos=[b"1", b"2", b"3"]).wait()
    failed = studio.personas.create("bob", photos=[b"1", b"2"])
    with pytest.raises(portraitist.PhotosUnusable):
        failed.wait()
    store = backend.store._store
    store.put(b"never submitted")
    store.save_checkpoint(failed.id, b"dead")
    store.save_checkpoint("job_unknown", b"dead")
    before = set(store._blobs)
    sweeping.sweep(_all(backend))
    assert set(store._blobs) == before  # all of it is young
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 23 * 3600)
    sweeping.sweep(_all(backend))
    assert set(store._blobs) == before
    monkeypatch.undo()
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 25 * 3600)
    young = SealedStore(store, b"k" * 32, "job_1").put(b"being submitted")
    sweeping.sweep(_all(backend))
    assert len(store._blobs) == 3 + 1 + 1 and {ana.record.weights, young} < set(store._blobs)
    assert store.checkpoints() == [] and ana.synthesize(yaw=1)


def _all(backend):
    """As a worker sees it: all tenants."""
    from dataclasses import replace

    from portraitist.ledger import MemoryLedger

    ledger = MemoryLedger.__new__(MemoryLedger)
    ledger.__dict__.update(backend.ledger.__dict__, tenant=None)
    return replace(backend, ledger=ledger, store=backend.store._store)
