"""The example app as a real uvicorn process with a real worker (whose operations are the fakes of tests/queue), over real HTTP."""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from ports import free_port

from portraitist.backend import embedded

ROOT = Path(__file__).parents[2]
PHOTOS = [("photos", (name, b"photo " + name.encode(), "image/jpeg")) for name in ("a.jpg", "../../b.jpg", "c.jpg")]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    home = tmp_path_factory.mktemp("app")
    url = f"http://127.0.0.1:{free_port()}"
    paths = [ROOT / "tests" / "queue", os.environ.get("PYTHONPATH", "")]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PORTRAITIST_")}
    env |= {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PORTRAITIST_TEST_OPERATIONS": "fake_operations"}
    env |= {"APP_URL": url, "PORTRAITIST_HOME": str(home), "PORTRAITIST_IDLE_S": "60", "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([sys.executable, ROOT / "examples" / "fastapi_app" / "app.py"], env=env)
    try:
        until(lambda: answers(url))
        yield url, home
    finally:
        server.terminate()
        server.wait(timeout=60)
        embedded(home).transport.stop()


def answers(url):
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def until(condition, timeout=60.0):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


@contextmanager
def browser(url, user):
    """A client that has signed in, with the token that the page holds."""
    with httpx.Client(base_url=url, timeout=60.0, follow_redirects=True) as client:
        page = client.post("/sign-in", data={"user": user}).text
        client.headers["X-CSRF-Token"] = re.search(r'name="csrf" content="([\w-]{20,})"', page)[1]
        yield client


def learnt(client, photos=PHOTOS, **fields):
    answer = client.post("/api/photos", files=photos, data={"agreed": "yes", **fields})
    assert answer.status_code == 200, answer.text
    with client.stream("GET", "/api/progress") as stream:
        events = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line]
    return answer.json()["job"], events


def test_from_photos_to_a_portrait_to_nothing(app):
    url, home = app
    with browser(url, "ana") as ana:
        assert ana.get("/api/me").json()["state"] == "nothing"
        job, events = learnt(ana)
        assert [e["kind"] for e in events if e["kind"] != "progress"] == ["queued", "started", "succeeded"]
        assert any(e.get("stage") == "work" for e in events)
        me = ana.get("/api/me").json()
        assert me["state"] == "ready" and me["reach"]["yaw"][:2] == [-30, 30]
        assert [p["name"] for p in me["photos"]] == ["a.jpg", "b.jpg", "c.jpg"]
        assert until(lambda: ana.get("/api/me").json()["told"]).startswith(
            "succeeded at "
        )  # the webhook came and was good

        made = ana.post("/api/portraits", json={"values": {"yaw": 12, "n": 500, "webhook": 1}, "seed": 3}).json()
        assert made["image"].startswith("data:image/png;base64,") and made["achieved"]["yaw"] == 12

        with browser(url, "bob") as bob:  # sees nothing of it, with whatever he sends
            assert bob.get("/api/me").json()["state"] == "nothing"
            assert bob.post("/api/portraits", json={}).status_code == 404
            assert bob.delete("/api/me").status_code == 404
            learnt(bob, PHOTOS[:1])
            assert bob.get("/api/me").json()["photos"][0]["name"] == "a.jpg"
        assert ana.get("/api/me").json()["state"] == "ready"

        assert ana.delete("/api/me").status_code == 200
        assert ana.get("/api/me").json()["state"] == "nothing"
    assert not list(home.rglob("*b.jpg*"))  # no name became a path


def test_what_is_refused(app):
    url, _ = app
    with browser(url, "eve") as eve:
        token = eve.headers.pop("X-CSRF-Token")
        for call in (
            lambda: eve.post("/api/photos", files=PHOTOS),
            lambda: eve.delete("/api/me"),
            lambda: eve.post("/sign-out"),
        ):
            assert call().status_code == 403
        eve.headers["X-CSRF-Token"] = token
        assert eve.post("/api/photos", files=PHOTOS).status_code == 422  # no consent
        assert eve.post("/api/photos", files=PHOTOS * 20, data={"agreed": "yes"}).status_code == 400  # too many
        big = [("photos", ("a.jpg", b"x" * (101 * 2**20)))]
        try:
            assert eve.post("/api/photos", files=big, data={"agreed": "yes"}).status_code == 413
        except httpx.TransportError:
            pass  # it hung up before everything was sent
        for address in ("/etc/passwd", "file:///etc/passwd", "https://u:p@x.example/"):
            answer = eve.post("/api/photos", data={"agreed": "yes", "addresses": address})
            assert (answer.status_code, answer.json()["code"]) == (422, "url_refused")
        assert eve.post("/api/portraits", json={"values": {"yaw": "x"}}).status_code == 422
    assert httpx.get(url + "/api/me").status_code == 401
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/docs", "/openapi.json"):
        assert httpx.get(url + path).status_code == 404
    stranger = {"Sec-Fetch-Site": "cross-site"}
    assert httpx.post(url + "/sign-in", data={"user": "ana"}, headers=stranger).status_code == 403
    assert "default-src 'self'" in httpx.get(url).headers["Content-Security-Policy"]
    for tenant, status in (("0" * 32, 400), ("..%2f..", 404), ("-", 422)):
        assert httpx.post(f"{url}/webhooks/{tenant}", content=b"{}").status_code == status
    forged = {"webhook-id": "msg_1_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
    assert httpx.post(f"{url}/webhooks/{'0' * 32}", content=b"{}", headers=forged).json()["code"] == "signature_invalid"
