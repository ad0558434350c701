"""Stores: one conformance suite, and what is particular to the folder."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from portraitist.backend import open_store
from portraitist.errors import InvalidRequest, NotFound, StorageError, StorageFull
from portraitist.store import FolderStore, FsspecStore, MemoryStore, digest_of

JOB = "job_0123456789abcdef"


@pytest.fixture(params=["memory", "folder", "file-url", "objects", "sftp-like", "s3"])
def store(request, tmp_path):
    """fsspec's memory replaces an object in one step, as S3 does; its local file system does not, like SFTP."""
    return {
        "memory": MemoryStore,
        "folder": lambda: FolderStore(tmp_path),
        "file-url": lambda: open_store(f"file://{tmp_path}/store"),
        "objects": lambda: FsspecStore(f"memory://{tmp_path.name}"),
        "sftp-like": lambda: FsspecStore(f"local://{tmp_path}/store"),
        "s3": lambda: FsspecStore(request.getfixturevalue("s3").bucket() + "/folder"),
    }[request.param]()


def test_blobs(store):
    digest = store.put(b"abc")
    assert digest == digest_of(b"abc") == store.put(b"abc")
    store.sync([digest, digest])
    assert store.has(digest) and store.get(digest) == b"abc"
    assert store.get(store.put(b"")) == b""
    assert digest in store.older_than(0.0) and digest not in store.older_than(60.0)
    store.erase(digest)
    store.erase(digest)
    assert not store.has(digest)
    with pytest.raises(NotFound):
        store.get(digest)


def test_checkpoints(store):
    assert store.load_checkpoint(JOB) is None
    store.save_checkpoint(JOB, b"one")
    store.save_checkpoint(JOB, b"two")
    assert store.load_checkpoint(JOB) == b"two" and list(store.checkpoints()) == [JOB]
    store.drop_checkpoint(JOB)
    store.drop_checkpoint(JOB)
    assert store.load_checkpoint(JOB) is None and list(store.checkpoints()) == []
    store.save_checkpoint(JOB, b"three")
    assert store.load_checkpoint(JOB) == b"three"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "", "a" * 63, "A" * 64, "é" * 64, "a" * 64 + "\n", "a\0b"]
)
def test_only_digests_and_job_ids_become_file_names(tmp_path, name):
    store = FolderStore(tmp_path)
    for call in (store.get, store.has, store.erase, store.load_checkpoint, store.drop_checkpoint):
        with pytest.raises(InvalidRequest):
            call(name)
    with pytest.raises(InvalidRequest):
        store.save_checkpoint(name, b"x")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["blobs", "checkpoints"]


def test_damage_is_noticed(tmp_path):
    store = FolderStore(tmp_path)
    digest = store.put(b"abc")
    store._blob(digest).write_bytes(b"abd")
    with pytest.raises(StorageError, match="damaged"):
        store.get(digest)
    store.put(b"abc")  # a new upload repairs it
    assert store.get(digest) == b"abc"
    path = store._checkpoint(JOB)
    for state in (b"one", b"two"):
        store.save_checkpoint(JOB, state)
    path.write_bytes(path.read_bytes()[:-1])
    assert store.load_checkpoint(JOB) == b"one"  # the one before
    path.with_name(JOB + ".old").write_bytes(b"")
    assert store.load_checkpoint(JOB) is None
    store.drop_checkpoint(JOB)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_a_store_that_vanished_is_not_begun_anew(tmp_path):
    root = tmp_path / "store"
    store = FolderStore(root)
    digest = store.put(b"abc")
    os.rename(root, tmp_path / "elsewhere")
    for call in (lambda: store.put(b"new"), lambda: store.get(digest), lambda: store.save_checkpoint(JOB, b"x")):
        with pytest.raises(StorageError, match="gone"):
            call()
    with pytest.raises(StorageError, match="gone"):
        store.load_checkpoint(JOB)
    assert not root.exists()
    os.rename(tmp_path / "elsewhere", root)
    assert store.get(digest) == b"abc"


def test_an_unwritable_place(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        FolderStore(tmp_path / "file" / "store")


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    """The file size limit makes the write fail in its middle, as a full disk does."""
    store = FolderStore(tmp_path)
    kept = store.put(b"old")
    store.save_checkpoint(JOB, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StorageFull, match="free some space"):
            store.put(b"x" * 100_000)
        with pytest.raises(StorageFull):
            store.save_checkpoint(JOB, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.load_checkpoint(JOB) == b"old" and store.get(kept) == b"old"
    assert not list(tmp_path.rglob(".tmp-*"))
    assert not store.has(digest_of(b"x" * 100_000))


WRITER = """
import sys
from portraitist.store import FolderStore
store = FolderStore(sys.argv[1])
print("go", flush=True)
n = 0
while True:
    n += 1
    store.save_checkpoint("job_0123456789abcdef", bytes([n % 256]) * 300_000)
    store.put(bytes([n % 256]) * 200_000 + str(n).encode())
"""


def test_a_reader_sees_old_or_new_whenever_the_writer_is_killed(tmp_path):
    store = FolderStore(tmp_path)
    store.save_checkpoint(JOB, b"\1" * 300_000)
    for round_ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(0.01 + 0.013 * round_)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        state = store.load_checkpoint(JOB)
        assert len(state) == 300_000 and len(set(state)) == 1
        for digest in list(store.older_than(0.0)):  # (also clears up what the killed writer left)
            store.get(digest)
    assert not list(tmp_path.rglob(".tmp-*"))
