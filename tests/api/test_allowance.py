"""So many jobs a day for a key: what counts, and the ways in which somebody might get more."""

import json
import threading
import time

import httpx
import pytest
from typer.testing import CliRunner

from portraitist.backend import embedded
from portraitist.cli.app import app
from portraitist.errors import QuotaExceeded
from portraitist.http.access.allowance import DAY_S, Allowance, day_of
from portraitist.http.access.secret import create_key

from .conftest import serving, until
from .test_live import heard, is_, opened, say, socket
from .test_live import served as live  # noqa: F401  # a fixture

SYNTHESIZE = "/v1/personas/ana/synthesize"


@pytest.fixture
def key(served, ana):
    """key(jobs) -> a client whose key may submit so many a day, and the key's id."""
    made = []

    def make(jobs, url=None):
        row, secret = create_key(served.backend, "acme", "limited", "make", rate=1e6, jobs=jobs)
        headers = {"Authorization": f"Bearer {secret}"}
        made.append(httpx.Client(base_url=url or served.url, headers=headers, timeout=120.0))
        return made[-1], row.id

    yield make
    for client in made:
        client.close()


def spent(served, key_id):
    return served.backend.ledger.api_keys.spent(day_of(time.time())).get(key_id, 0)


def kept(served):
    """What the store holds once no job is left that may still put a result there."""
    rows = served.backend.ledger
    until(lambda: not any(rows.jobs(status=status, limit=1) for status in ("queued", "running")))
    return sorted(served.backend.store.older_than(-1.0))


def test_a_key_submits_so_many_jobs_and_no_more(served, key):
    client, key_id = key(2)
    assert [client.post(SYNTHESIZE, json={"seed": n}).status_code for n in range(2)] == [202, 202]
    refused = client.post(SYNTHESIZE, json={"seed": 3})
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert refused.json()["details"] | {"retry_after": 0} == {"quota": "jobs", "count": 2, "limit": 2, "retry_after": 0}
    assert 0 < int(refused.headers["Retry-After"]) <= DAY_S
    assert client.get("/v1/jobs").status_code == 200 and spent(served, key_id) == 2  # looking is free
    with served.client("make") as other:
        assert other.post(SYNTHESIZE, json={}).status_code == 202


def test_what_makes_no_job_does_not_count(served, key):
    client, key_id = key(2)
    assert client.post(SYNTHESIZE, json={"values": {"nothing": 1}}).status_code == 422
    assert client.post("/v1/personas/nobody/synthesize", json={}).status_code == 404
    again = [client.post(SYNTHESIZE, json={"seed": 9}, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert len({answer.json()["id"] for answer in again}) == 1 and spent(served, key_id) == 1


def test_a_call_that_is_sent_again_is_answered_though_nothing_is_left(served, key):
    client, key_id = key(1)
    first = client.post(SYNTHESIZE, json={"seed": 1}, headers={"Idempotency-Key": "sent again"})
    again = client.post(SYNTHESIZE, json={"seed": 1}, headers={"Idempotency-Key": "sent again"})
    assert (first.status_code, again.status_code) == (202, 202) and again.json()["id"] == first.json()["id"]
    photo = {"photo": ("a.jpg", b"x")}
    assert (
        client.post("/v1/personas/ana/edit", files=photo, headers={"Idempotency-Key": "sent again"}).status_code == 422
    )
    other = client.post(SYNTHESIZE, json={"seed": 2}, headers={"Idempotency-Key": "sent again"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    new = client.post(SYNTHESIZE, json={"seed": 1}, headers={"Idempotency-Key": "new"})
    assert new.status_code == 429 and spent(served, key_id) == 1


def test_a_photo_that_is_sent_again_with_the_last_job_is_not_kept_twice(served, key):
    client, key_id = key(1)
    edit = {"request": (None, json.dumps({"values": {"yaw": 5}})), "photo": ("a.jpg", b"x" * 100_000)}
    asked = {"files": edit, "headers": {"Idempotency-Key": "photo sent again"}}
    first = client.post("/v1/personas/ana/edit", **asked)
    before = kept(served)
    again = client.post("/v1/personas/ana/edit", **asked)
    assert (first.status_code, again.status_code) == (202, 202) and again.json()["id"] == first.json()["id"]
    assert kept(served) == before and spent(served, key_id) == 1


def test_it_is_another_day_at_midnight(served):
    keys, now = served.backend.ledger.api_keys, [100 * DAY_S + DAY_S - 5.0]
    row, _ = create_key(served.backend, "acme", "x", "make", jobs=1)
    allowance = Allowance(keys, row, lambda: now[0])
    give_back = allowance.take()
    with pytest.raises(QuotaExceeded) as refused:
        allowance.check()
    assert refused.value.quota == "jobs" and refused.value.details["retry_after"] == 5
    now[0] += 5
    allowance.check()
    allowance.take()
    give_back()  # yesterday's job takes nothing from today's
    with pytest.raises(QuotaExceeded):
        allowance.take()


# -- attacks ---------------------------------------------------------------------------------------------------------


def test_many_at_once_get_no_more(served, key):
    client, key_id = key(3)
    answers = []

    def ask(n):
        answers.append(client.post(SYNTHESIZE, json={"seed": n}).status_code)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202] * 3 + [429] * 21 and spent(served, key_id) == 3


def test_neither_by_another_server_nor_by_another_way_in(served, key):
    client, _ = key(1)
    with serving(served.backend) as second:
        assert client.post(SYNTHESIZE, json={}).status_code == 202
        with httpx.Client(base_url=second.url, headers=client.headers) as other:
            assert other.post(SYNTHESIZE, json={}).status_code == 429
    photo = [
        ("request", (None, json.dumps({"name": "bea"}))),
        *[("photos", (f"{n}.jpg", b"x%d" % n)) for n in range(3)],
    ]
    assert client.post("/v1/personas", files=photo).status_code == 429
    assert client.post("/v1/styles", files=photo).status_code == 429
    assert client.post("/v1/replay", json={"recipe": {"recipe": 1}}).status_code == 429
    for operation in ("edit", "enhance", "drag", "open", "add", "strip", "restyle"):
        assert client.post(f"/v1/personas/ana/{operation}", json={}).status_code == 429, operation


def test_no_photo_is_kept_where_nothing_is_left(served, key):
    client, _ = key(1)
    assert client.post(SYNTHESIZE, json={}).status_code == 202
    before = kept(served)
    assert client.post("/v1/personas/ana/edit", files={"photo": ("a.jpg", b"x" * 100_000)}).status_code == 429
    assert kept(served) == before


def test_saving_in_a_live_session_counts(live):  # noqa: F811
    job_id = opened(live)
    _, secret = create_key(live.backend, "acme", "limited", "make", rate=1e6, jobs=1)
    with socket(live, job_id, secret) as found:
        heard(found, lambda m: m.get("kind") == "rest")
        say(found, do="set", values={"smile": 0.3})
        heard(found, lambda m: m.get("kind") == "rest")
        say(found, do="save", tag="first")
        assert heard(found, is_("saving"))["tag"] == "first"
        say(found, do="save", tag="second")
        refused = heard(found, is_("refused"))
        assert refused["tag"] == "second" and refused["error"]["code"] == "quota_exceeded"
        say(found, do="set", values={"smile": 0.6})
        heard(found, lambda m: m.get("kind") == "rest")  # the session goes on


def test_the_list_shows_it(tmp_path):
    def cli(*words):
        return CliRunner().invoke(app, ["keys", *words, "--home", str(tmp_path / "home")], env={"COLUMNS": "200"})

    made = json.loads(cli("create", "the app", "--jobs", "50", "--rate", "120", "--json").output)
    cli("create", "no limit")
    keys = embedded(tmp_path / "home").ledger.api_keys
    assert all(keys.spend(made["id"], day_of(time.time()), 50) for _ in range(3))
    shown = cli("list").output
    assert "3 of 50" in shown and "120" in shown
    rows = {row["name"]: row for row in json.loads(cli("list", "--json").output)}
    assert (rows["the app"]["jobs"], rows["the app"]["jobs_today"]) == (50, 3)
    assert rows["no limit"]["jobs_today"] is None
    assert cli("create", "x", "--jobs", "0").exit_code != 0
