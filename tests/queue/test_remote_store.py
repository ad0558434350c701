"""What is particular to stores behind fsspec: conditions, two checkpoints, damage, and errors that say what to do."""

import socket
import threading
import time

import pytest

from portraitist.backend import Backend
from portraitist.errors import Conflict, InvalidRequest, StorageError, StorageFull, StorageUnavailable
from portraitist.ledger import MemoryLedger, NewJob
from portraitist.store import FsspecStore, MemoryStore
from portraitist.store.objects import Objects
from portraitist.transport import InlineTransport
from portraitist_workers.queue.execution import JobContext
from portraitist_workers.telemetry import Attempt

JOB = "job_0123456789abcdef"


@pytest.fixture
def url(s3):
    return s3.bucket() + "/folder"


def test_an_old_worker_cannot_replace_its_successors_checkpoint(url):
    old, new = FsspecStore(url), FsspecStore(url)
    old.save_checkpoint(JOB, b"one")
    assert new.load_checkpoint(JOB) == b"one"
    new.save_checkpoint(JOB, b"two")
    with pytest.raises(Conflict, match="another process"):
        old.save_checkpoint(JOB, b"late")
    assert new.load_checkpoint(JOB) == b"two"
    new.save_checkpoint(JOB, b"three")
    new.drop_checkpoint(JOB)
    with pytest.raises(Conflict):  # nor bring one back
        new_but_late = FsspecStore(url)
        new_but_late._heads[JOB] = ('"old"', [])
        new_but_late.save_checkpoint(JOB, b"late")
    assert new.load_checkpoint(JOB) is None


def test_of_many_writers_one_wins_each_round(url):
    objects = [Objects(url) for _ in range(8)]
    wins, seen = [], objects[0].swap("pointer", b"0", None)
    with pytest.raises(Conflict):
        objects[0].swap("pointer", b"again", None)

    def swap(number):
        try:
            objects[number].swap("pointer", b"by %d" % number, seen)
            wins.append(number)
        except Conflict:
            pass

    threads = [threading.Thread(target=swap, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(wins) == 1 and objects[0].read("pointer") == b"by %d" % wins[0]


def test_an_answer_that_was_lost_is_no_conflict(url):
    objects = Objects(url)
    tag = objects.swap("pointer", b"new", None)
    assert objects.swap("pointer", b"new", None) == tag  # what the client sends again after a broken connection


def test_of_two_checkpoints_the_one_before_helps_out(s3, url):
    store = FsspecStore(url)
    for state in (b"one", b"two", b"three"):
        store.save_checkpoint(JOB, state)
    found = s3.files().ls(f"{url}/checkpoints/{JOB}", detail=False)
    assert len(found) == 3  # head and two
    newest = store._heads[JOB][1][0]
    s3.files().pipe_file(f"{url}/checkpoints/{JOB}/{newest}", b"half")
    assert FsspecStore(url).load_checkpoint(JOB) == b"two"
    s3.files().rm_file(f"{url}/checkpoints/{JOB}/{newest}")
    assert FsspecStore(url).load_checkpoint(JOB) == b"two"
    store.drop_checkpoint(JOB)
    assert s3.files().find(url) == []


def test_damage_is_noticed_and_mended(s3, url):
    store = FsspecStore(url)
    digest = store.put(b"abc")
    s3.files().pipe_file(f"{url}/blobs/{digest[:2]}/{digest}", b"abd")
    with pytest.raises(StorageError, match="damaged"):
        store.get(digest)
    store.put(b"abc")
    assert store.get(digest) == b"abc"


def test_no_bucket_no_server_no_permission(s3, monkeypatch):
    store = FsspecStore("s3://no-such-bucket/folder")
    for call in (
        lambda: store.put(b"x"),
        lambda: store.get("0" * 64),
        lambda: store.save_checkpoint(JOB, b"x"),
        lambda: store.erase("0" * 64),
    ):
        with pytest.raises(StorageError, match="no bucket 'no-such-bucket'; make it"):
            call()
    url = s3.bucket()
    with pytest.raises(StorageError, match=rf"{url}.*credentials must be allowed"):
        with FsspecStore(url)._objects._typed("write"):
            raise PermissionError("Access Denied")
    with pytest.raises(StorageFull, match="quota"):
        with FsspecStore(url)._objects._typed("write"):
            raise OSError(28, "No space left")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        objects = Objects("s3://bucket/folder")
        objects._fs = type(objects._fs)(config_kwargs={"retries": {"max_attempts": 1}}, skip_instance_cache=True)
        with pytest.raises(StorageUnavailable, match="check address and network"):
            objects.write("x", b"x")


def test_broken_connections_are_tried_again(s3, monkeypatch):
    """Between client and server: a relay that breaks the first four connections."""
    url = s3.bucket()
    relay = Relay(s3.port, breaks=4)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.port}")
    objects = Objects(url)
    objects._fs = type(objects._fs)(skip_instance_cache=True)
    objects.write("x", b"arrives")
    assert objects.read("x") == b"arrives" and relay.broken == 4
    relay.close()


def test_a_running_job_waits_for_the_store(monkeypatch):
    class Away(MemoryStore):
        """Each call fails the first time."""

        failed = set()

        def fail(self, what):
            if what not in self.failed:
                self.failed.add(what)
                raise StorageUnavailable("on purpose")

        def put(self, data):
            self.fail("put")
            return super().put(data)

        def get(self, digest):
            self.fail("get")
            return super().get(digest)

        def save_checkpoint(self, job_id, data):
            self.fail("save")
            super().save_checkpoint(job_id, data)

    backend = Backend(MemoryLedger(), Away(), InlineTransport(lambda job_id: None))
    _, wrapped = backend.keyring.new_key("per_1")
    request = {"operation": "create", "persona_id": "per_1"}
    backend.ledger.submit(NewJob(JOB, request, "h", creates="ana", lane="tune", wrapped_key=wrapped))
    row = backend.ledger.claim(JOB, worker="a/1", lease_s=60)
    with Attempt(row) as attempt, JobContext(backend, row, attempt, lease_s=60) as context:
        assert context.blob(context.put(b"x")) == b"x"
        context.save_checkpoint(b"one")  # left out
        assert context.load_checkpoint() is None
        context.save_checkpoint(b"two")
        assert context.load_checkpoint() == b"two" and Away.failed == {"put", "get", "save"}


def test_where_there_are_no_conditions_and_no_whole_objects(tmp_path):
    store = FsspecStore(f"local://{tmp_path}")
    digest = store.put(b"abc")
    (tmp_path / "blobs" / digest[:2] / digest).write_bytes(b"abd")
    with pytest.raises(StorageError, match="damaged"):
        store.get(digest)
    store.put(b"abc")
    assert store.get(digest) == b"abc" and not list(tmp_path.rglob(".tmp-*"))
    (tmp_path / "blobs" / digest[:2] / ".tmp-left").write_bytes(b"x")
    assert list(store.older_than(0.0)) == [digest] and not list(tmp_path.rglob(".tmp-*"))
    store.save_checkpoint(JOB, b"one")
    store.drop_checkpoint(JOB)
    assert not list((tmp_path / "checkpoints").iterdir())
    for call in (store.get, store.has, store.erase, store.load_checkpoint, store.drop_checkpoint):
        with pytest.raises(InvalidRequest):
            call("../../etc/passwd")
    with pytest.raises(InvalidRequest, match="mounted"):
        FsspecStore("nonsense://x")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="credentials"):
        FsspecStore(f"local://{tmp_path}/file").put(b"x")


class Relay:
    """Passes connections on to `target`, but the first ones are dropped as soon as something was said."""

    def __init__(self, target, breaks):
        self._target, self._left, self.broken = target, breaks, 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._left:
                self._left -= 1
                self.broken += 1
                client.recv(1)
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    @staticmethod
    def _copy(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        finally:
            time.sleep(0.01)
            other.close()

    def close(self):
        self._server.close()
