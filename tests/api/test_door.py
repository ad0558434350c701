"""Who is asking: keys, scopes, rates, and the one-time address on loopback."""

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from portraitist.backend import embedded
from portraitist.cli.app import app
from portraitist.errors import InvalidRequest
from portraitist.http import browser
from portraitist.http.access.rates import Rates
from portraitist.http.access.secret import create_key, digest_of
from portraitist.http.options import Options
from portraitist.testing import fake_backend

from .conftest import learn, serving

READ = ("GET", "/v1"), ("GET", "/v1/jobs"), ("GET", "/v1/personas"), ("GET", "/v1/personas/ana"), ("GET", "/v1/priors")
MAKE = (
    ("POST", "/v1/personas/ana/synthesize"),
    ("POST", "/v1/personas"),
    ("POST", f"/v1/jobs/job_{'0' * 20}/cancel"),
    ("POST", "/v1/priors/none/edit"),
)
ADMIN = (
    ("DELETE", "/v1/personas/nobody"),
    ("GET", "/v1/webhooks"),
    ("GET", "/v1/webhooks/secret"),
    ("POST", "/v1/priors/default/calibrate"),
)


@pytest.mark.parametrize("scope, allowed", [("read", READ), ("make", READ + MAKE), ("admin", READ + MAKE + ADMIN)])
def test_a_key_opens_what_its_scope_says(served, ana, scope, allowed):
    with served.client(scope) as client:
        for method, path in READ + MAKE + ADMIN:
            answer = client.request(method, path)
            refused = answer.status_code == 403 and answer.json()["code"] == "scope_too_small"
            assert refused != ((method, path) in allowed), (scope, method, path, answer.text)


def test_every_route_asks(served):
    """Of all that the document lists, only what says so is open."""
    document = httpx.get(served.url + "/openapi.json", timeout=60).json()
    open_to_all = {"/live", "/ready", "/v1/session"}
    asked, client = 0, httpx.Client(timeout=60)
    for path, methods in document["paths"].items():
        for method in methods:
            filled = path.format(
                persona="ana", prior="default", job_id="job_" + "0" * 20, number=0, webhook_id="msg_0", style="toon"
            )
            for headers in ({}, {"Authorization": "Bearer ptk_wrong"}, {"Authorization": "Basic YTpi"}):
                answer = client.request(method, served.url + filled, headers=headers)
                assert (answer.status_code == 401) != (path in open_to_all), (method, path, answer.text)
                if answer.status_code == 401 and path not in open_to_all:
                    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                    asked += 1
            assert path in open_to_all or "security" in methods[method]
    assert asked > 50


def test_a_revoked_or_expired_key_opens_nothing(served):
    row, secret = create_key(served.backend, "acme", "short", "read")
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {secret}"}) as client:
        assert client.get("/v1").json()["tenant"] == "acme"
        served.backend.ledger.api_keys.revoke(row.id)
        assert (client.get("/v1").status_code, client.get("/v1").json()["code"]) == (401, "key_refused")
    _, secret = create_key(served.backend, "acme", "short", "read", days=1e-9)
    time.sleep(0.01)
    assert httpx.get(served.url + "/v1", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_of_a_key_only_its_hash_is_kept(tmp_path):
    home = tmp_path / "home"
    backend = embedded(home)
    _, secret = create_key(backend, "acme", "the app", "make")
    assert backend.ledger.api_keys.find(digest_of(secret)).name == "the app"
    files = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert digest_of(secret).encode() in files and secret.encode() not in files and secret[4:30].encode() not in files
    for wrong in ({"scope": "root"}, {"name": ""}, {"name": "a\nb"}, {"days": -1}, {"rate": 0}):
        with pytest.raises(InvalidRequest):
            create_key(backend, "acme", **{"name": "x", "scope": "read", **wrong})


def test_keys_on_the_command_line(tmp_path):
    def cli(*words):
        return CliRunner().invoke(app, ["keys", *words, "--home", str(tmp_path / "home")])

    made = json.loads(cli("create", "the app", "--scope", "read", "--tenant", "acme", "--json").output)
    assert made["key"].startswith("ptk_") and made["scope"] == "read" and "digest" not in made
    listed = cli("list").output
    assert made["id"] in listed and "the app" in listed and made["key"] not in listed
    assert "opens nothing" in cli("revoke", made["id"]).output
    assert json.loads(cli("list", "--json").output) == [] and cli("revoke", made["id"]).exit_code == 1


def test_a_key_that_asks_too_often_waits(served):
    _, secret = create_key(served.backend, "acme", "busy", "read", rate=40)
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {secret}"}) as client:
        answers = [client.get("/v1")]
        while answers[-1].status_code == 200 and len(answers) < 200:  # on a busy machine tokens come meanwhile
            answers.append(client.get("/v1"))
    assert len(answers) > 10 and answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "rate_limited" and 1 <= int(answers[-1].headers["Retry-After"]) <= 3
    with served.client("read") as other:
        assert other.get("/v1").status_code == 200


def test_rates():
    now = [0.0]
    rates = Rates(lambda: now[0])
    assert [rates.wait("k", 40) for _ in range(10)] == [0.0] * 10
    assert rates.wait("k", 40) == pytest.approx(1.5) and rates.wait("other", 40) == 0.0
    now[0] += 1.6
    assert rates.wait("k", 40) == 0.0 and rates.wait("k", 40) > 0
    now[0] += 3600
    assert [rates.wait("k", 40) for _ in range(11)][:10] == [0.0] * 10
    for number in range(20_000):
        rates.wait(str(number), 40)
    assert len(rates._buckets) <= 10_000


def test_quotas(served):
    from portraitist.ledger import Quotas

    served.backend.ledger.set_quotas("small", Quotas(queued=0))
    _, secret = create_key(served.backend, "small", "x", "admin")
    photos = [("request", (None, '{"name": "x"}')), *[("photos", (f"{n}.jpg", b"x")) for n in range(3)]]
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {secret}"}) as client:
        full = client.post("/v1/personas", files=photos)
        assert (full.status_code, full.json()["code"]) == (429, "quota_exceeded") and full.headers["Retry-After"]
        assert full.json()["details"]["quota"] == "queued"
        served.backend.ledger.set_quotas("small", Quotas(personas=0))
        full = client.post("/v1/personas", files=photos)
        assert full.status_code == 409 and "Retry-After" not in full.headers


# -- on loopback -----------------------------------------------------------------------------------------------------


def exchange(url, token, **headers):
    return httpx.post(url + "/v1/session", json={"token": token}, headers=headers, timeout=60)


def test_the_printed_address_lets_one_browser_in(served):
    token = served.token
    assert served.said[-1] == f"{served.url}/#token={token}" and len(token) >= 43
    key = exchange(served.url, token).json()["key"]
    about = httpx.get(served.url + "/v1", headers={"Authorization": f"Bearer {key}"}).json()
    assert (about["tenant"], about["scope"]) == ("default", "admin")
    again = exchange(served.url, token)
    assert (again.status_code, again.json()["code"]) == (401, "token_refused")
    assert served.token != token  # the next browser's was printed
    assert exchange(served.url, served.token).status_code == 200
    assert "set-cookie" not in again.headers


def test_a_token_is_not_guessed():
    with serving(fake_backend()) as served:
        tries = [exchange(served.url, "x" * 43).status_code for _ in range(10)]
        assert tries[0] == 401 and tries[-1] == 429


def test_elsewhere_there_are_keys_alone():
    """As it would be on another address: what decides is where it listens."""
    with serving(fake_backend(), Options(host="0.0.0.0", port=0)) as served:
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        assert served.said == [f"{served.url}/ (with an API key: portraitist keys create)"]
        assert exchange(url, "").status_code == exchange(url, "x").status_code == 404
        with served.client() as client:
            client.base_url = url
            assert client.get("/v1").status_code == 200
            learn(client, "ana")


def test_the_servers_own_troubles_are_not_told_to_strangers(monkeypatch):
    from portraitist.errors import StorageError

    def fail(*_, **__):
        raise StorageError("the folder /srv/secret cannot be read")

    for host, told in (("127.0.0.1", True), ("0.0.0.0", False)):
        backend = fake_backend()
        with serving(backend, Options(host=host, port=0)) as served, served.client() as client:
            client.base_url = served.url.replace("0.0.0.0", "127.0.0.1")
            with monkeypatch.context() as patch:
                patch.setattr(type(backend.ledger), "personas", fail)
                answer = client.get("/v1/personas")
        assert answer.status_code == 500 and answer.json()["code"] == "storage_error"
        assert ("/srv/secret" in answer.text) == told


def test_the_browser_is_led_there_by_a_file_of_ones_own(monkeypatch):
    opened = []
    monkeypatch.setattr(browser.webbrowser, "open", opened.append)
    browser.show("http://127.0.0.1:1/#token=a&b")
    (path,) = (Path(address.removeprefix("file://")) for address in opened)
    assert "token" not in opened[0] and path.stat().st_mode & 0o777 == 0o600
    assert "http://127.0.0.1:1/#token=a&amp;b" in path.read_text()
    path.unlink()


def test_the_command(tmp_path):
    """As a user starts it: it prints the address, answers, and ends when it is told to."""
    command = [sys.executable, "-m", "portraitist", "studio", "--home", str(tmp_path / "home"), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address, _, token = process.stdout.readline().strip().partition("/#token=")
        key = exchange(address, token).json()["key"]
        assert process.stdout.readline().startswith(address + "/#token=")  # for the next browser
        told = httpx.get(address + "/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60).json()
        assert told["scope"] == "admin"
        taken = subprocess.run([*command[:-1], address.rpartition(":")[2]], capture_output=True, text=True)
        assert taken.returncode == 1 and "choose a free port" in taken.stderr
        process.terminate()
        assert process.wait(timeout=60) in (0, -15)
    finally:
        process.kill()
        process.stdout.close()
