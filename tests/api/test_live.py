"""Live sessions over WebSocket, with a real worker process; `toy_engine` draws."""

import json
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from portraitist.backend import embedded
from portraitist.http.options import Options
from portraitist.http.routes import live

from .conftest import learn, serving, until

QUEUE = Path(__file__).parents[1] / "queue"
HEAD = 4  # bytes that say how long a frame's head is


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("PORTRAITIST_TEST_OPERATIONS", "fake_operations")
    patch.setenv("PYTHONPATH", str(QUEUE), prepend=":")
    patch.setenv("PORTRAITIST_CONSENT", "optional")
    home = tmp_path_factory.mktemp("live")
    backend = embedded(home)
    with serving(backend, Options(port=0)) as found:
        with found.client() as client:
            learn(client, "ana")
            yield found
        embedded(home).transport.stop()
    patch.undo()


@pytest.fixture(scope="module")
def session(served):
    """The job of one that stays open."""
    return opened(served)


def opened(served, **request):
    with served.client("make") as client:
        answer = client.post("/v1/personas/ana/open", json=request)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]


@contextmanager
def socket(served, job_id, key="make", tenant="acme", **more):
    """It has said who it is."""
    address = served.url.replace("http", "ws") + f"/v1/jobs/{job_id}/live"
    with connect(address, origin=served.url, **more) as found:
        secret = key if key is None or len(key) > 5 else served.keys[tenant, key]
        found.send(json.dumps({"do": "hello", "key": secret}))
        yield found


def heard(found, wanted):
    """The first message of which `wanted` is true; frames as their heads, with the picture under "file"."""
    while True:
        message = found.recv(timeout=60)
        if isinstance(message, bytes):
            end = HEAD + int.from_bytes(message[:HEAD], "big")
            message = {**json.loads(message[HEAD:end]), "file": message[end:]}
        else:
            message = json.loads(message)
        if wanted(message):
            return message


def say(found, **command):
    found.send(json.dumps(command))


def is_(kind):
    return lambda message: message.get("is") == kind


def test_a_session_from_its_beginning_to_its_end(served):
    job_id = opened(served, values={"smile": 0.2})
    with socket(served, job_id) as found:
        state = heard(found, lambda m: m.get("status") == "open")
        assert (state["width"], state["height"], state["at"]) == (16, 16, 1)
        assert state["history"] == [{"do": "set", "values": {"smile": 0.2}}] and not state.keys() & {"seen", "steps"}
        frame = heard(found, lambda m: m.get("kind") == "rest")
        assert frame["file"].startswith(b"\x89PNG") and set(frame) == {
            "frame", "kind", "width", "height", "step", "points", "file",
        }  # fmt: skip
        for _ in range(20):  # on a busy machine the quick picture may be passed over
            say(found, do="set", values={"smile": 0.7})
            shown = heard(found, lambda m, last=frame: m.get("frame", 0) > last["frame"])
            if shown["kind"] == "moving":
                break
            say(found, do="undo")
            frame = heard(found, lambda m, last=shown: m.get("frame", 0) > last["frame"] and m["kind"] == "rest")
        assert shown["kind"] == "moving"
        say(found, do="drag", points=[{"handle": [1, 1], "to": [6, 6]}])
        assert heard(found, is_("landed"))["points"][0]["reached"] == [6, 6]
        say(found, do="jump", tag="j")
        assert heard(found, is_("refused"))["tag"] == "j"
        say(found, do="set", values={"yaw": 13}, tag="unlucky")
        refused = heard(found, is_("refused"))
        assert (refused["tag"], refused["error"]["code"]) == ("unlucky", "out_of_range")
        for nonsense in ("{", "[]", '{"do": "aim", "to": [[NaN, 1]]}', b"bytes"):
            found.send(nonsense)
            assert heard(found, is_("refused"))["error"]["code"] == "invalid_request"
        say(found, do="undo")
        state = heard(found, lambda m: m.get("at") == 2)
        assert state["values"] == {"smile": 0.7} and len(state["history"]) == 3
        say(found, do="save", tag="s")
        saving = heard(found, is_("saving"))
        with served.client("make") as client:
            job = client.get(f"/v1/jobs/{saving['job']}", headers={"Prefer": "wait=60"}).json()
        assert (job["operation"], job["status"]) == ("retouch", "succeeded")
        say(found, do="close")
        assert heard(found, is_("ended")) == {"is": "ended", "why": "closed", "error": None}
        with pytest.raises(ConnectionClosed) as closed:
            found.recv(timeout=60)
        assert closed.value.rcvd.code == 1000


def test_who_may_not(served, session):
    with served.client("make") as client:
        other = client.post("/v1/personas/ana/synthesize", json={}).json()["id"]
    for key, tenant, job_id, status, code in (
        (None, "acme", session, 401, "key_missing"),
        ("x" * 40, "acme", session, 401, "key_refused"),
        ("read", "acme", session, 403, "scope_too_small"),
        ("make", "other", session, 404, "not_found"),
        ("make", "acme", "job_" + "0" * 20, 404, "not_found"),
        ("make", "acme", other, 422, "invalid_request"),
    ):
        with socket(served, job_id, key, tenant) as found:
            assert heard(found, is_("ended"))["error"]["code"] == code
            with pytest.raises(ConnectionClosed) as closed:
                found.recv(timeout=60)
            assert closed.value.rcvd.code == 4000 + status


def test_pages_of_other_sites_are_not_let_in(served, session):
    address = served.url.replace("http", "ws") + f"/v1/jobs/{session}/live"
    for more in ({"origin": "https://evil.example"}, {"additional_headers": {"Sec-Fetch-Site": "cross-site"}}):
        with pytest.raises(InvalidStatus) as refused, connect(address, **more):
            pass
        assert refused.value.response.status_code == 403
    with connect(address, additional_headers={"Authorization": f"Bearer {served.keys['acme', 'make']}"}) as found:
        say(found, do="hello")  # no page: it may set headers
        assert heard(found, lambda m: m.get("status") == "open")


def test_who_says_nothing_is_hung_up_on(served, session, monkeypatch):
    monkeypatch.setattr(live, "HELLO_S", 0.3)
    with connect(served.url.replace("http", "ws") + f"/v1/jobs/{session}/live") as found:
        assert json.loads(found.recv(timeout=60))["error"]["code"] == "key_missing"


def test_a_revoked_key_ends_its_sockets(served, session, monkeypatch):
    monkeypatch.setattr(live, "ASK_S", 0.2)
    from portraitist.http.access.secret import create_key

    row, secret = create_key(served.backend, "acme", "brief", "make")
    with socket(served, session, secret) as found:
        heard(found, lambda m: m.get("status") == "open")
        served.backend.ledger.of("acme").api_keys.revoke(row.id)
        assert heard(found, is_("ended"))["error"]["code"] == "key_refused"


def test_many_sockets_take_no_thread_each(served, session):
    def at_work():
        return {thread.name for thread in threading.enumerate() if thread.name.startswith("portraitist")}

    with ExitStack() as stack:
        sockets = [stack.enter_context(socket(served, session)) for _ in range(100)]
        for found in sockets:
            heard(found, lambda m: m.get("status") == "open")
        assert len(at_work()) < 40  # few, however many sockets
        say(sockets[0], do="set", values={"smile": 0.35})
        for found in sockets:
            heard(found, lambda m: m.get("values") == {"smile": 0.35})
        assert len(served.running.app.state.api.sessions) >= 100
    until(lambda: not served.running.app.state.api.sessions)
