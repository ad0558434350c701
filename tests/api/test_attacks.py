"""Attacks on the server, over real sockets: none gets through. Beside each kind stands what is answered to the honest."""

import json
import re
import socket
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import httpx
import psutil
import pytest

from portraitist.backend import embedded
from portraitist.http.options import Options
from portraitist.testing import fake_backend
from portraitist.transport import InlineTransport

from .conftest import learn, serving

EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def small():
    """The same server with small limits, so that a test need not send gigabytes or wait for minutes."""
    options = Options(
        port=0, upload_bytes=200_000, json_bytes=20_000, files=5, header_s=1.0, body_s=1.0, read_s=1.0, body_rate=1e6
    )
    backend = fake_backend()
    with serving(backend) as patient, patient.client() as client:  # a busy machine may take a second to send photos
        learn(client, "ana")
    with serving(backend, options) as served:
        yield served


def raw(served, data, *, wait=30.0):
    """Bytes as they are; the answer until the server hangs up or is silent."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=wait) as connection:
        connection.sendall(data)
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
                if (length := re.search(rb"content-length: (\d+)", found, re.I)) and b"\r\n\r\n" in found:
                    if len(found.partition(b"\r\n\r\n")[2]) >= int(length[1]):
                        break
        except TimeoutError:
            pass
    return found


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer else 0


def head(served, line="GET /v1 HTTP/1.1", *, host=None, key="admin", **more):
    lines = [line, f"Host: {host or served.url.removeprefix('http://')}"]
    if key:
        lines.append(f"Authorization: Bearer {served.keys['acme', key]}")
    return ("\r\n".join([*lines, *(f"{n.replace('_', '-')}: {v}" for n, v in more.items())]) + "\r\n\r\n").encode()


def test_the_control_an_honest_request_is_answered(served):
    assert status(raw(served, head(served))) == 200
    for name in ("localhost", "127.0.0.1"):
        assert status(raw(served, head(served, host=f"{name}:{served.url.rpartition(':')[2]}"))) == 200
    assert status(raw(served, head(served, Origin=served.url, Sec_Fetch_Site="same-origin"))) == 200


# -- other pages in the browser ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.1",
        "localhost:1",
        "[::1]",
        "",
        "a b",
        "evil.example:{port}",
        "127.0.0.1:{port}@evil.example",
    ],
)
def test_dns_rebinding(served, host):
    """A name that was pointed at this machine stays another name."""
    host = host.format(port=served.url.rpartition(":")[2]) or " "
    answer = raw(served, head(served, host=host))
    assert status(answer) in (400, 421), answer
    assert status(raw(served, head(served, "GET / HTTP/1.1", host=host, key=None))) in (400, 421)


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        "http://127.0.0.1:1",
        "http://localhost",
        "file://",
        "http://127.0.0.1:{port}.evil.example",
        "chrome-extension://abc",
    ],
)
@pytest.mark.parametrize(
    "line", ["GET /v1/personas", "POST /v1/session", "DELETE /v1/personas/ana", "OPTIONS /v1/personas"]
)
def test_requests_forged_by_another_page(served, origin, line):
    origin = origin.format(port=served.url.rpartition(":")[2])
    answer = raw(served, head(served, line + " HTTP/1.1", Origin=origin))
    assert status(answer) == 403 and b"access-control-allow" not in answer.lower()


def test_requests_that_a_browser_says_come_from_elsewhere(served):
    for site, allowed in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        assert status(raw(served, head(served, Sec_Fetch_Site=site))) == allowed


def test_a_websocket_of_another_page(served):
    key = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "eHh4eHh4eHh4eHh4eHh4eA==",
    }
    assert status(raw(served, head(served, "GET /v1/jobs/job_1/live HTTP/1.1", Origin=EVIL, **key))) == 403
    assert status(raw(served, head(served, "GET /v1/nothing HTTP/1.1", **key))) == 403  # nobody is told what there is


def test_a_named_origin_may_call_and_no_other():
    with (
        serving(fake_backend(), Options(port=0, origins=("https://app.example",))) as served,
        served.client() as client,
    ):
        good = client.get("/v1", headers={"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"})
        assert good.status_code == 200 and good.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in good.headers
        asked = client.options("/v1/personas", headers={"Origin": "https://app.example"})
        assert asked.status_code == 204 and "Authorization" in asked.headers["access-control-allow-headers"]
        assert client.get("/v1", headers={"Origin": "https://app.example.evil.example"}).status_code == 403


def test_headers_of_every_answer(served, api, ana):
    picture = api.post("/v1/personas/ana/synthesize", json={}, headers={"Prefer": "wait=20"}).json()["result"][
        "pictures"
    ][0]
    for answer in (
        httpx.get(served.url + "/"),
        httpx.get(served.url + "/nothing"),
        httpx.get(served.url + "/v1"),
        api.get("/v1"),
        api.get(picture["blob"]),
        api.post("/v1/personas", json={}),
        httpx.get(served.url + "/openapi.json", timeout=60),
        httpx.get(served.url, headers={"Host": "evil.example"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert (
            answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"
        )
        assert "set-cookie" not in answer.headers and "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cache-control"]


# -- another tenant ----------------------------------------------------------------------------------------------------


def test_another_tenants_things_are_as_unknown_as_what_never_was(served, api, ana):
    job = api.post("/v1/personas/ana/synthesize", json={}, headers={"Prefer": "wait=20"}).json()["id"]
    known = {"persona": ana["persona_id"], "name": "ana", "job": job}
    never = {"persona": "per_" + "0" * 20, "name": "nobody", "job": "job_" + "0" * 20}
    routes = (
        ("GET", "/v1/personas/{persona}"),
        ("GET", "/v1/personas/{name}"),
        ("DELETE", "/v1/personas/{persona}"),
        ("DELETE", "/v1/personas/{name}"),
        ("GET", "/v1/personas/{persona}/preview"),
        ("POST", "/v1/personas/{persona}/synthesize"),
        ("POST", "/v1/personas/{name}/synthesize"),
        ("POST", "/v1/personas/{persona}/edit"),
        ("POST", "/v1/personas/{persona}/enhance"),
        ("POST", "/v1/personas/{persona}/add"),
        ("GET", "/v1/jobs/{job}"),
        ("GET", "/v1/jobs/{job}/events"),
        ("GET", "/v1/jobs/{job}/pictures/0"),
        ("POST", "/v1/jobs/{job}/cancel"),
        ("GET", "/v1/jobs?cursor={job}"),
    )

    def answers(client, ids):
        found = []
        for method, path in routes:
            answer = client.request(
                method, path.format(**ids), headers={"Prefer": "wait=1"}, json={} if method == "POST" else None
            )
            text = answer.text
            for kind, value in ids.items():
                text = text.replace(value, kind)
            found.append((answer.status_code, text, sorted(answer.headers.keys())))
        return found

    with served.client(tenant="other") as other:
        mine, nobodys = answers(other, known), answers(other, never)
    assert mine == nobodys and {code for code, *_ in mine} == {404}
    with served.client("read") as owner:  # the control
        assert answers(owner, known) != answers(owner, never)


# -- paths and headers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static/..%5cserver.py",
        "/static/....//server.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/index.html%00.png",
        "/../../etc/passwd",
        "/v1/../static/../../etc/passwd",
        "/v1/jobs/../personas",
        "/v1/personas/ana%2fpreview",
        "/v1/jobs/%2e%2e/pictures/0",
        "//evil.example/",
        "/docs",
        "/redoc",
        "/static/client.py",
        "/static/",
    ],
)
def test_tricks_with_paths(served, path):
    answer = raw(served, head(served, f"GET {path} HTTP/1.1"))
    assert status(answer) == 404 and b"root:" not in answer


def test_names_of_files_never_become_paths(served, api):
    tricks = [
        ("photos", (name, b"x" + name.encode(), "image/jpeg"))
        for name in ("../../../tmp/pwned.jpg", "..\\..\\b.jpg", "/etc/passwd")
    ]
    result = learn(api, "tricky", tricks)["result"]
    assert [p["name"] for p in result["photos"]] == ["pwned.jpg", "b.jpg", "passwd"]


@pytest.mark.parametrize(
    "line",
    [
        "GET /v1 HTTP/1.1\nHost: x",
        "GET  HTTP/1.1",
        "GET /v1",
        "\x16\x03\x01",
        "GET /v1\x00 HTTP/1.1",
        "TRACE /v1 HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
    ],
)
def test_malformed_requests(served, line):
    assert status(raw(served, head(served, line), wait=2.0)) in (0, 400, 404, 405)


@pytest.mark.parametrize(
    "more",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -5",
        "Content-Length: 5x",
        "Transfer-Encoding: chunked, identity",
        "Host: evil.example",
        "Authorization: Bearer x",
        "Origin: https://evil.example",
    ],
)
def test_two_ways_to_read_a_request(served, more):
    """Smuggling: what a proxy before us might read otherwise is not read at all."""
    request = (
        head(served, "POST /v1/session HTTP/1.1").replace(b"\r\n\r\n", f"\r\n{more}\r\n\r\n".encode())
        + b"0\r\n\r\nGET /v1 HTTP/1.1\r\n\r\n"
    )
    assert status(raw(served, request)) in (400, 403, 413, 501)


def test_headers_are_not_injected(served, api, ana):
    made = api.post("/v1/personas/ana/synthesize", json={}, headers={"Prefer": "wait=20"}).json()
    for path in (
        f"/v1/jobs/{made['id']}/pictures/0?download=true%0d%0aX-Injected:%201",
        f"/v1/jobs/{made['id']}%0d%0aX-Injected:%201",
        "/v1/personas/ana%0d%0aX-Injected:%201",
    ):
        answer = raw(served, head(served, f"GET {path} HTTP/1.1"))
        assert b"x-injected" not in answer.partition(b"\r\n\r\n")[0].lower() and status(answer) in (404, 422)
    for key in (b"a\x00b", "ä".encode(), b"x" * 300):
        request = head(
            served, "POST /v1/personas/ana/synthesize HTTP/1.1", Content_Type="application/json", Content_Length="2"
        )
        answer = raw(served, request.replace(b"\r\n\r\n", b"\r\nIdempotency-Key: " + key + b"\r\n\r\n") + b"{}")
        assert status(answer) in (400, 422, 202)


# -- too large, too many, too slow -------------------------------------------------------------------------------------


def test_large_bodies(small):
    with small.client() as client:
        big = [("request", (None, '{"name": "big"}')), ("photos", ("a.jpg", b"x" * 300_000))]
        for call in (
            lambda: client.post("/v1/personas", files=big),
            lambda: client.post(
                "/v1/personas/ana/synthesize",
                content=b"{" + b" " * 30_000 + b"}",
                headers={"Content-Type": "application/json"},
            ),
            lambda: client.post(
                "/v1/personas/ana/synthesize",
                content=iter([b" " * 8000] * 10),
                headers={"Content-Type": "application/json"},
            ),
        ):
            try:
                answer = call()
                assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            except httpx.TransportError:
                pass  # it hung up before all was sent
        many = [("request", (None, '{"name": "many"}')), *[("photos", (f"{n}.jpg", b"x")) for n in range(6)]]
        assert client.post("/v1/personas", files=many).status_code == 400
        fields = [(f"f{n}", (None, "x")) for n in range(40)]
        assert client.post("/v1/personas", files=fields).status_code == 400
        assert client.post("/v1/personas", files=[("request", (None, " " * 30_000))]).status_code in (400, 413)
        assert client.post("/v1/personas", files=[("request", ("x.json", b" " * 30_000))]).status_code == 413
        nested = b'{"values": ' + b"[" * 9000 + b"]" * 9000 + b"}"
        assert (
            client.post(
                "/v1/personas/ana/synthesize", content=nested, headers={"Content-Type": "application/json"}
            ).status_code
            == 422
        )


def test_a_small_request_does_not_ask_for_a_million_pictures(served, api, ana):
    many = [0.0] * 100_000
    began = time.monotonic()
    answer = api.post("/v1/personas/ana/synthesize", json={"values": {"yaw": many, "smile": many}})
    assert answer.status_code == 422 and len(answer.content) < 2000 and time.monotonic() - began < 60


def test_slow_calls_hold_up_no_quick_one(served, api, ana, monkeypatch):
    """Twenty pictures whose marks are sought for ever, and somebody who only wants to look."""
    go_on = threading.Event()
    found = SimpleNamespace(to_dict=lambda: {"generated": False})
    monkeypatch.setattr("portraitist.http.routes.others.verify", lambda data: go_on.wait(20) and found)
    slow = [threading.Thread(target=httpx.post, args=(served.url + "/v1/verify",), daemon=True, kwargs={
        "files": {"picture": b"x"}, "headers": dict(api.headers), "timeout": 30}) for _ in range(20)]  # fmt: skip
    try:
        for one in slow:
            one.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert api.get("/v1/personas/ana").status_code == 200 and time.monotonic() - began < 15
    finally:
        go_on.set()
        for one in slow:
            one.join(30)


def test_a_length_that_is_a_lie(small):
    request = head(
        small,
        "POST /v1/personas/ana/synthesize HTTP/1.1",
        Content_Type="application/json",
        Content_Length="999999999999",
    )
    assert status(raw(small, request)) == 413


def test_large_headers(small):
    assert status(raw(small, head(small, X="y" * 100_000))) in (400, 431)


def test_headers_that_come_slowly(small):
    host, _, port = small.url.removeprefix("http://").partition(":")
    for first in (b"", b"GET /v1 HTTP/1.1\r\nHost: "):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(first)
            assert connection.recv(100) == b""


def test_headers_that_drip(small):
    host, _, port = small.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        began = time.monotonic()
        with pytest.raises(OSError):
            for byte in head(small) * 100:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
                assert time.monotonic() - began < 20


@pytest.mark.parametrize("pauses, whole", [([0.0] * 10, True), ([3.0, 6.0, 12.0], False)])
def test_whoever_does_not_read(small, pauses, whole):
    """Answers of some MB are asked for in one go. Without a pause, the control, all of them come: on a busy machine, once
    in a few. There the server may also need longer than a short pause until it has more to send than the kernel takes."""
    times, came = 120, []
    for pause in pauses:
        came.append(_came(small, times, pause))
        if (came[-1] == times) == whole:
            return
    raise AssertionError(came)


def _came(small, times, pause):
    """How many of the answers were read."""
    host, _, port = small.url.removeprefix("http://").partition(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect((host, int(port)))
        for _ in range(times):
            connection.sendall(head(small, "GET /openapi.json HTTP/1.1"))
        time.sleep(pause)
        found, line, last = 0, b"HTTP/1.1 200 OK", b""
        try:
            while found < times and (part := connection.recv(1 << 20)):
                found += (last + part).count(line)
                last = (last + part)[1 - len(line) :]  # it may come in two
        except OSError:
            pass
    return found


def test_a_body_that_comes_slowly(small):
    request = head(
        small, "POST /v1/personas/ana/synthesize HTTP/1.1", Content_Type="application/json", Content_Length="100"
    )
    assert status(raw(small, request + b"{", wait=20.0)) == 408


def test_without_a_key_no_body_is_read(small):
    request = head(
        small,
        "POST /v1/personas HTTP/1.1",
        key=None,
        Content_Type="multipart/form-data; boundary=x",
        Content_Length="150000",
    )
    # Reading would take a second each time; a busy machine is late now and then.
    took = [2.0]
    while min(took) >= 0.9 and len(took) < 20:
        began = time.monotonic()
        assert status(raw(small, request)) == 401
        took.append(time.monotonic() - began)
    assert min(took) < 0.9


def test_forms_that_are_none(served, api):
    for body in (
        b"",
        b"--x",
        b"--x\r\n\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--",
        b"\x00" * 1000,
    ):
        answer = api.post("/v1/personas", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert answer.status_code in (400, 422) and answer.headers["content-type"] == "application/problem+json"


# -- keys and tokens ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer null",
        "Basic {key}",
        "bearer x{key}",
        "Bearer {key} {key}",
        "Bearer {digest}",
        "Token {key}",
    ],
)
def test_what_is_no_key(served, value):
    from portraitist.http.access.secret import digest_of

    key = served.keys["acme", "admin"]
    answer = httpx.get(served.url + "/v1", headers={"Authorization": value.format(key=key, digest=digest_of(key))})
    assert answer.status_code == 401


def test_a_key_in_the_address_is_no_key(served):
    key = served.keys["acme", "admin"]
    for query in (f"?key={key}", f"?token={key}", f"?access_token={key}", f"?authorization=Bearer+{key}"):
        assert httpx.get(served.url + "/v1/personas" + query).status_code == 401
    assert httpx.get(served.url + "/v1/personas", cookies={"key": key}).status_code == 401


def test_a_token_is_good_once_and_for_a_session_alone(served):
    token = served.token
    assert httpx.get(served.url + "/v1", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    answers = [httpx.post(served.url + "/v1/session", json={"token": token}).status_code for _ in range(3)]
    assert answers == [200, 401, 401]
    forged = httpx.post(served.url + "/v1/session", json={"token": served.token}, headers={"Origin": EVIL})
    assert (
        forged.status_code == 403
        and httpx.post(served.url + "/v1/session", json={"token": served.token}).status_code == 200
    )


def test_a_form_of_another_page_makes_no_session(served):
    """What a page can send without asking first (a form, text/plain) is not read."""
    body = json.dumps({"token": served.token})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert httpx.post(served.url + "/v1/session", content=body, headers={"Content-Type": kind}).status_code == 415


def test_uploads_wait_on_the_disk(tmp_path):
    """100 MB of photos in one request: the process grows by a fraction of it."""
    process, seen, over = psutil.Process(), [], threading.Event()
    backend = replace(embedded(tmp_path / "home"), transport=InlineTransport(lambda job_id: None))
    photos = [("photos", (f"{n}.jpg", bytes([n]) * 5_000_000)) for n in range(20)]

    def watch():
        while not over.wait(0.005):
            seen.append(process.memory_info().rss)

    with serving(backend) as served, served.client() as client:
        files = [("request", (None, '{"name": "large"}')), *photos]
        client.post("/v1/personas", files=[("request", (None, '{"name": "first"}')), photos[0]])  # the code is loaded
        before = process.memory_info().rss
        threading.Thread(target=watch, daemon=True).start()
        answer = client.post("/v1/personas", files=files)
        over.set()
    assert answer.status_code == 202 and max(seen) - before < 60e6
