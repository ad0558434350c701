"""A studio over real HTTP: uvicorn in a thread, fake operations in memory, two tenants with a key for each scope."""

import asyncio
import io
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from PIL import Image

from portraitist.http.access.secret import create_key
from portraitist.http.options import Options
from portraitist.http.server import Running
from portraitist.testing import fake_backend

PHOTOS = [("photos", (name, b"photo " + name.encode(), "image/jpeg")) for name in ("a.jpg", "b.jpg", "c.jpg")]


def png(colour="white", size=(8, 8)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


class Served:
    """`keys[tenant, scope]` are secrets; `tokens` those of the printed addresses."""

    def __init__(self, backend, options, **more):
        self.backend, self.said = backend, []
        self.running = Running(backend, options, say=self.said.append, **more)
        self.url = self.running.address
        self.keys = {
            (tenant, scope): create_key(backend, tenant, f"{scope} of {tenant}", scope, rate=1e6)[1]
            for tenant in ("acme", "other")
            for scope in ("read", "make", "admin")
        }

    @property
    def token(self):
        return self.said[-1].partition("#token=")[2]

    def client(self, scope="admin", tenant="acme", **more):
        headers = {"Authorization": f"Bearer {self.keys[tenant, scope]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120.0, **more)


@contextmanager
def serving(backend, options=None, **more):
    served = Served(backend, options or Options(port=0), **more)
    thread = threading.Thread(target=lambda: asyncio.run(served.running.serve()), daemon=True)
    thread.start()
    until(lambda: _answers(served.url))
    try:
        yield served
    finally:
        served.running.stop()
        thread.join(timeout=60)
        assert not thread.is_alive()


def _answers(url):
    try:
        return httpx.get(url + "/live").status_code == 200
    except httpx.TransportError:
        return False


def until(condition, timeout=60.0):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


@pytest.fixture(scope="module")
def served():
    with serving(fake_backend()) as found:
        yield found


@pytest.fixture(scope="module")
def api(served):
    with served.client() as client:
        yield client


@pytest.fixture(scope="module")
def ana(api):
    return learn(api, "ana")["result"]


def learn(api, name, photos=PHOTOS, **request):
    """A person who was learnt: the job."""
    answer = api.post(
        "/v1/personas",
        files=[("request", (None, _json({"name": name, **request}))), *photos],
        headers={"Prefer": "wait=60"},  # a real worker starts first
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "succeeded", answer.text
    return answer.json()


def _json(data):
    import json

    return json.dumps(data)
