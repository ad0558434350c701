"""Everything of a person is encrypted with a key of hers, wrapped with the master key."""

import os
import stat
import threading

import pytest

import portraitist
from portraitist.backend import embedded
from portraitist.errors import InvalidRequest, PersonaDeleted, StorageError
from portraitist.store import FolderStore, MemoryStore, SealedStore
from portraitist.store.sealed import OVERHEAD
from portraitist.testing import fake_studio
from portraitist.vault import Keyring, in_file, in_memory, new_secret

KEY, OTHER = b"k" * 32, b"o" * 32
JOB = "job_0123456789abcdef"
PHOTO = b"\xff\xd8\xff a photo of Ana " * 100


def test_nothing_is_stored_that_can_be_read(tmp_path):
    store = FolderStore(tmp_path)
    sealed = SealedStore(store, KEY, JOB)
    digest = sealed.put(PHOTO)
    sealed.save_checkpoint(JOB, PHOTO)
    assert sealed.get(digest) == PHOTO == sealed.load_checkpoint(JOB) and sealed.get(sealed.put(b"")) == b""
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 3 and not any(b"Ana" in data for data in files)
    assert len(store.get(digest)) == len(PHOTO) + OVERHEAD


def test_names_tell_nothing_about_content():
    store = MemoryStore()
    names = {SealedStore(store, key, job).put(PHOTO) for key in (KEY, OTHER) for job in (JOB, "job_1")}
    assert len(names) == 4  # neither across people nor across jobs
    assert SealedStore(store, KEY, JOB).put(PHOTO) in names  # an attempt that is repeated writes nothing new


def test_another_key_and_damage_are_told(tmp_path):
    store = MemoryStore()
    digest = SealedStore(store, KEY, JOB).put(PHOTO)
    with pytest.raises(StorageError, match="another persona's key"):
        SealedStore(store, OTHER, JOB).get(digest)
    sealed = bytearray(store.get(digest))
    sealed[-1] ^= 1
    for damaged in (bytes(sealed), b"", PHOTO, bytes(sealed[:20])):
        with pytest.raises(StorageError, match="damaged"):
            SealedStore(store, KEY).get(store.put(damaged))
    SealedStore(store, KEY).save_checkpoint(JOB, PHOTO)
    store.save_checkpoint("job_2", store.load_checkpoint(JOB))
    with pytest.raises(StorageError):  # a checkpoint of one job is none of another
        SealedStore(store, KEY).load_checkpoint("job_2")


# -- master keys -----------------------------------------------------------------------------------------------------


def test_the_operators_key_or_one_in_the_home(tmp_path, monkeypatch):
    path = tmp_path / "master.key"
    keyring = Keyring(in_file(path))
    key, wrapped = keyring.new_key("per_1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(key) == 32
    assert Keyring(in_file(path)).unwrap(wrapped, "per_1") == key
    with pytest.raises(StorageError, match="belongs to another"):
        keyring.unwrap(wrapped, "per_2")
    with pytest.raises(StorageError, match="PORTRAITIST_MASTER_KEY"):
        Keyring(in_memory()).unwrap(wrapped, "per_1")

    first, second = new_secret(), new_secret()
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", first)
    operators = Keyring(in_file(path))
    assert operators.unwrap(wrapped, "per_1") == key  # from before the operator had a key
    moved = operators.rewrap(wrapped, "per_1")
    path.unlink()
    assert Keyring(in_file(path)).unwrap(moved, "per_1") == key and not path.exists()
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", f"{second},{first}")
    last = Keyring(in_file(path)).rewrap(moved, "per_1")
    monkeypatch.delenv("PORTRAITIST_MASTER_KEY")
    (tmp_path / "key").write_text(second + "\n")
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY_FILE", str(tmp_path / "key"))
    assert Keyring(in_file(path)).unwrap(last, "per_1") == key
    with pytest.raises(StorageError):
        Keyring(in_file(path)).unwrap(moved, "per_1")


@pytest.mark.parametrize("text", ["short", "é" * 44, "A" * 43 + "!", "A" * 43 + "=,x"])
def test_what_is_no_master_key(monkeypatch, text):
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", text)
    with pytest.raises(InvalidRequest, match="keys new") as caught:
        Keyring(in_memory()).new_key("per_1")
    assert text not in str(caught.value)


def test_clients_that_start_at_once_agree_on_the_key(tmp_path):
    made = []

    def start():
        made.append(Keyring(in_file(tmp_path / "master.key")).new_key("per_1"))

    threads = [threading.Thread(target=start) for _ in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert all(Keyring(in_file(tmp_path / "master.key")).unwrap(wrapped, "per_1") == key for key, wrapped in made)
    assert os.listdir(tmp_path) == ["master.key"]


def test_a_clusters_own_secret_is_in_the_ledger(redis_server, tmp_path):
    one, two = (portraitist.connect(redis_server.url, store=tmp_path)._backend.keyring for _ in range(2))
    key, wrapped = one.new_key("per_1")
    assert two.unwrap(wrapped, "per_1") == key


# -- in use ----------------------------------------------------------------------------------------------------------


def test_photos_pictures_and_weights_are_sealed(tmp_path):
    backend = fake_studio()._backend
    studio = portraitist.Studio(backend)
    ana = studio.personas.create("ana", photos=[PHOTO, b"2", b"3"]).wait()
    picture = ana.edit(PHOTO, yaw=3)
    assert picture.image.size == (64, 64)
    blobs = [data for _, data in backend.store._store._blobs.values()]
    assert len(blobs) == 6 and all(data.startswith(b"P1") for data in blobs)
    assert not any(b"Ana" in data or b"PNG" in data or b"no weights" in data for data in blobs)
    ana.delete()
    with pytest.raises(PersonaDeleted):
        backend.sealed(ana.id)


def test_what_is_refused_leaves_nothing_in_the_store():
    studio = fake_studio()
    job = studio.personas.create("ana", photos=[b"1", b"2", b"3"])
    job.wait()
    blobs = studio._backend.store._store._blobs
    before = set(blobs)
    assert studio.personas.create("ana", photos=[b"1", b"2", b"3"]).id == job.id
    with pytest.raises(portraitist.Conflict):
        studio.personas.create("ana", photos=[b"1", b"2", b"4"])
    assert set(blobs) == before


def test_a_lost_master_key_is_told(tmp_path):
    backend = embedded(tmp_path)
    _, wrapped = backend.keyring.new_key("per_1")
    (tmp_path / "master.key").unlink()
    again = embedded(tmp_path, create=False)
    with pytest.raises(StorageError, match="another master key"):
        again.keyring.unwrap(wrapped, "per_1")
