"""Every verb of the SDK over HTTP."""

import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from portraitist.http.options import Options
from portraitist.operations import OPERATIONS
from portraitist.persona import Persona
from portraitist.testing import fake_backend
from portraitist.transport import InlineTransport

from .conftest import PHOTOS, learn, png, serving
from .toy import ROW, negative


def test_from_photos_to_a_portrait_to_nothing(api):
    answer = api.post("/v1/personas", files=[("request", (None, json.dumps({"name": "zoë", "seed": 7}))), *PHOTOS])
    job = answer.json()
    assert answer.status_code == 202 and answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    done = api.get(answer.headers["Location"], headers={"Prefer": "wait=20"}).json()
    assert (done["status"], done["operation"], done["result"]["name"]) == ("succeeded", "create", "zoë")
    zoe = api.get("/v1/personas/zoë").json()
    assert [p["name"] for p in zoe["photos"]] == ["a.jpg", "b.jpg", "c.jpg"] and zoe["seed"] == 7
    assert {r["attribute"] for r in zoe["reach"]} == {"yaw", "pitch", "smile"}
    assert zoe["consent"]["assumed"]

    made = api.post(
        "/v1/personas/zoë/synthesize", json={"values": {"yaw": 12}, "seed": 3}, headers={"Prefer": "wait=20"}
    )
    assert made.status_code == 200 and made.headers["Preference-Applied"] == "wait=20"
    picture = made.json()["result"]["pictures"][0]
    assert picture["report"]["attributes"]["yaw"]["achieved"] == 12
    file = api.get(picture["blob"])
    assert file.headers["content-type"] == "image/png" and file.content.startswith(b"\x89PNG")

    receipt = api.delete(f"/v1/personas/{zoe['persona_id']}").json()
    assert receipt["persona_id"] == zoe["persona_id"] and receipt["signature"]
    assert api.delete(f"/v1/personas/{zoe['persona_id']}").json() == receipt
    gone = api.get("/v1/personas/zoë")
    assert (gone.status_code, gone.json()["code"]) == (410, "persona_deleted")
    assert api.get(picture["blob"]).status_code == 404
    assert api.get(f"/v1/jobs/{made.json()['id']}").json()["result"] is None


def test_one_call_makes_a_grid(api, ana):
    answer = api.post(
        "/v1/personas/ana/synthesize",
        json={"values": {"yaw": [-10, 0, 10], "smile": [0.2, 0.8]}},
        headers={"Prefer": "wait=20"},
    ).json()
    assert answer["arrangement"]["columns"] == ["yaw", [-10, 0, 10]] and answer["arrangement"]["kind"] == "grid"
    assert len(answer["result"]["pictures"]) == 6
    assert api.get(answer["result"]["sheet"]).content.startswith(b"\x89PNG")


def test_photos_by_file_and_by_address(api, ana):
    edited = api.post(
        "/v1/personas/ana/edit",
        files=[
            ("request", (None, '{"values": {"yaw": 5}, "relative": true}')),
            ("photo", ("x.png", png(), "image/png")),
        ],
        headers={"Prefer": "wait=20"},
    ).json()
    assert edited["status"] == "succeeded" and len(edited["result"]["pictures"]) == 1
    queued = api.post("/v1/personas/ana/edit", json={"photo": "https://photos.example/a.jpg", "values": {"yaw": 5}})
    assert queued.status_code == 202
    refused = api.post("/v1/personas/ana/edit", json={"photo": "/etc/passwd", "values": {"yaw": 5}})
    assert (refused.status_code, refused.json()["code"]) == (422, "url_refused")


def test_masks_come_beside_the_photo(api, ana):
    hole = png("black", (64, 64))
    mask = Image.new("L", (64, 64))
    mask.paste(255, (10, 10, 20, 20))
    file = io.BytesIO()
    mask.save(file, "PNG")
    parts = [("photo", ("x.png", hole, "image/png")), ("hole", ("m.png", file.getvalue(), "image/png"))]

    def restore(image, parts=parts):
        request = {"degradation": [{"kind": "mask", "image": image}, {"kind": "jpeg", "quality": 30}]}
        return api.post(
            "/v1/personas/ana/enhance",
            files=[("request", (None, json.dumps(request), "application/json")), *parts],
            headers={"Prefer": "wait=20"},
        )

    assert restore("part:hole").json()["status"] == "succeeded"
    import base64

    inline = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    assert restore(inline, parts[:1]).json()["status"] == "succeeded"
    for wrong in ("/etc/passwd", "~/.ssh/id_rsa", "file:///etc/passwd", "part:other", "", "data:image/png;base64,%%%"):
        answer = restore(wrong)
        assert (answer.status_code, answer.json()["param"]) == (422, "degradation"), wrong
    assert restore("f" * 64, parts[:1]).status_code == 404  # no blob of hers


def test_adding_photos(api):
    learn(api, "addie")
    added = api.post(
        "/v1/personas/addie/add", files=[("photos", ("d.jpg", b"4"))], headers={"Prefer": "wait=20"}
    ).json()
    assert [p["name"] for p in added["result"]["photos"]] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_a_new_row_of_the_table_has_a_route_by_itself(served, monkeypatch):
    monkeypatch.setitem(OPERATIONS, ROW.name, ROW)
    monkeypatch.setattr(Persona, "negative", negative, raising=False)
    with serving(served.backend) as newer, served.client() as client:
        learn(client, "toy")
        answer = client.post(
            newer.url + "/v1/personas/toy/negative", files=[("photo", ("x.png", png()))], headers={"Prefer": "wait=20"}
        )
        assert answer.json()["status"] == "succeeded"
        document = client.get(newer.url + "/openapi.json").json()
        assert (
            "/v1/personas/{persona}/negative" in document["paths"]
            and "NegativeBody" in document["components"]["schemas"]
        )
        assert "negative" in [o["name"] for o in client.get(newer.url + "/v1").json()["operations"]]
        assert client.post(served.url + "/v1/personas/toy/negative", json={}).status_code == 404  # the control


def test_lists_come_in_pages(api, ana):
    for name in ("b1", "b2", "b3"):
        learn(api, name)
    seen, cursor = [], None
    while True:
        page = api.get("/v1/personas", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [p["name"] for p in page["items"]]
        assert len(page["items"]) <= 2
        if (cursor := page["next"]) is None:
            break
    assert seen == sorted(set(seen)) and {"b1", "b2", "b3", "ana"} <= set(seen)
    jobs, cursor = [], None
    while True:
        page = api.get(
            "/v1/jobs", params={"limit": 3, "status": "succeeded", **({"cursor": cursor} if cursor else {})}
        ).json()
        jobs += [j["id"] for j in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(jobs) == len(set(jobs)) >= 4
    assert api.get("/v1/personas", params={"cursor": "%%"}).status_code == 422
    assert api.get("/v1/jobs", params={"cursor": "job_" + "0" * 20}).status_code == 404


def test_pictures_are_cached_by_their_digest(api, ana):
    made = api.post("/v1/personas/ana/synthesize", json={"n": 2}, headers={"Prefer": "wait=20"}).json()["result"]
    first, second = (p["blob"] for p in made["pictures"])
    got = api.get(first)
    tag = got.headers["ETag"]
    assert tag.strip('"').isalnum() and len(tag) == 66 and got.headers["Cache-Control"].startswith("private")
    same = api.get(first, headers={"If-None-Match": f'W/"x", {tag}'})
    assert same.status_code == 304 and same.content == b"" and same.headers["ETag"] == tag
    assert api.get(second, headers={"If-None-Match": tag}).status_code == 200
    head = api.head(first)
    assert head.content == b"" and int(head.headers["Content-Length"]) == len(got.content)
    assert "attachment" in api.get(first, params={"download": "true"}).headers["Content-Disposition"]
    assert api.get(first.rpartition("/")[0] + "/99").status_code == 404


def test_idempotency_keys(api, ana):
    def call(key, **body):
        return api.post("/v1/personas/ana/synthesize", json=body, headers={"Idempotency-Key": key})

    assert call("order-1", seed=1).json()["id"] == call("order-1", seed=1).json()["id"]
    other = call("order-1", seed=2)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert call("order-2", seed=1).json()["id"] != call("order-1", seed=1).json()["id"]
    photo = [("request", (None, '{"values": {"yaw": 1}}')), ("photo", ("x.png", png()))]
    ids = {
        api.post("/v1/personas/ana/edit", files=photo, headers={"Idempotency-Key": "edit"}).json()["id"]
        for _ in range(3)
    }
    assert len(ids) == 1


def test_what_is_wrong_is_said_in_words(api, ana):
    for body, code, param in (
        ({"values": {"yaw": 500}}, "out_of_range", "yaw"),
        ({"values": {"yew": 5}}, "unknown_attribute", "yew"),
        ({"values": {"seed": 5}}, "invalid_request", "values"),
        ({"values": {"wait": 5}}, "invalid_request", "values"),
        ({"seed": "5"}, "invalid_request", "seed"),
        ({"yaw": 5}, "invalid_request", "yaw"),
        ({"persona_id": "per_1"}, "invalid_request", "persona_id"),
        ({"same_person_state": True}, "invalid_request", "same_person_state"),
        ({"n": 2000}, "invalid_request", "n"),
    ):
        answer = api.post("/v1/personas/ana/synthesize", json=body)
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert (answer.status_code, told["status"], told["code"], told["param"]) == (422, 422, code, param), told
        assert told["type"] == f"urn:portraitist:error:{code}" and told["detail"] and told["title"]
    misplaced = api.post("/v1/personas/ana/synthesize", json={"yaw": 5}).json()
    assert 'as in {"values": {"yaw": …}}' in misplaced["detail"]
    for content, kind, status in (
        (b"{", "application/json", 422),
        (b"x", "text/plain", 415),
        (b"x", "multipart/form-data", 400),
    ):
        answer = api.post("/v1/personas/ana/synthesize", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json", (
            answer.text
        )
    assert api.post("/v1/personas/nobody/synthesize", json={}).json()["code"] == "not_found"
    assert api.put("/v1/jobs").status_code == 405


def test_a_failed_job_says_why(api):
    job = api.post(
        "/v1/personas", files=[("request", (None, '{"name": "few"}')), *PHOTOS[:1]], headers={"Prefer": "wait=20"}
    ).json()
    assert job["status"] == "failed" and job["error"]["code"] == "photos_unusable"
    assert job["error"]["details"]["photos"][0]["name"] == "a.jpg" and job["result"] is None


def test_the_server_says_what_it_can_do(api, served):
    about = api.get("/v1").json()
    assert (about["tenant"], about["scope"], about["shared"]) == ("acme", "admin", False)
    assert {"synthesize", "edit", "enhance", "add"} <= {o["name"] for o in about["operations"]}
    assert {"name": "yaw", "unit": "deg", "low": -60.0, "high": 60.0} in about["attributes"]
    assert [p["name"] for p in api.get("/v1/priors").json()["items"]] == ["default", "default-256", "default-parts"]
    assert api.get("/v1/priors/default").json()["calibrated"] and api.get("/v1/priors/none").status_code in (404, 422)
    assert api.post("/v1/priors/default/calibrate", json={}).status_code == 422
    assert [s["name"] for s in api.get("/v1/styles").json()["items"]] == ["toon", "pencil", "clay"]
    assert api.get("/v1/styles/toon").json()["record"] is None and api.get("/v1/styles/none").status_code == 404
    assert api.delete("/v1/styles/toon").status_code == 422
    few = [("images", (f"{n}.png", png("red"))) for n in range(3)]
    for taken in ("toon", "mine"):
        request = ("request", (None, json.dumps({"name": taken}), "application/json"))
        refused = api.post("/v1/styles", files=[request, *few])
        assert refused.json()["code"] == ("conflict" if taken == "toon" else "invalid_request"), refused.text
    assert api.get("/ready").json() == {"ledger": "ok", "store": "ok"}


def test_anybodys_photo_by_a_prior_alone(api, served):
    """Whoever may only look makes nothing of it."""
    files = [
        ("request", (None, '{"values": {"yaw": 10}}', "application/json")),
        ("photo", ("x.png", png(), "image/png")),
    ]
    with served.client("read") as reader:
        assert reader.post("/v1/priors/default/edit", files=files).status_code == 403
        assert reader.get("/v1/personas/prior:default").status_code == 404
    job = api.post("/v1/priors/default/edit", files=files, headers={"Prefer": "wait=20"}).json()
    assert (
        job["status"] == "succeeded" and job["result"]["pictures"][0]["report"]["attributes"]["yaw"]["achieved"] == 10
    )
    nobody = api.get("/v1/personas/prior:default").json()
    assert nobody["persona_id"] == job["persona_id"] and nobody["photos"] == [] and nobody["consent"] is None
    refused = api.post("/v1/personas/prior:default/synthesize", json={})
    assert refused.status_code == 422 and "needs a person" in refused.json()["detail"]
    assert api.post("/v1/priors/default/synthesize", json={}).status_code == 404
    parts = {"parts": [{"name": "hair", "draw": 3}], "seed": 2}
    made = api.post("/v1/priors/default-parts/compose", json=parts, headers={"Prefer": "wait=20"}).json()
    assert made["status"] == "succeeded" and made["result"]["pictures"][0]["classes"]["names"]
    assert api.post("/v1/priors/none/edit", files=files).status_code in (404, 422)
    with served.client("admin", "other") as other:
        assert other.get(f"/v1/personas/{job['persona_id']}").status_code == 404


def test_whoever_waits_for_a_prior_holds_nobody_up():
    """No worker comes: each is told of the one job, and nothing was uploaded."""
    backend = replace(fake_backend(), transport=InlineTransport(lambda job_id: None))
    with serving(backend, Options(port=0, wait_s=0.1, slow_threads=1, threads=2)) as served, served.client() as api:
        files = [
            ("request", (None, '{"values": {"yaw": 10}}', "application/json")),
            ("photo", ("x.png", png(), "image/png")),
        ]
        told = [api.post("/v1/priors/default/edit", files=files).json() for _ in range(3)]
        assert {(one["status"], one["code"], one["param"]) for one in told} == {(409, "conflict", "prior")}
        jobs = api.get("/v1/jobs").json()["items"]
        assert [job["operation"] for job in jobs] == ["create"] and told[0]["details"]["job_id"] == jobs[0]["id"]
        assert list(backend.store.older_than(-1)) == []


def test_verify(api):
    found = api.post("/v1/verify", files={"picture": ("x.png", png("red", (300, 300)))}).json()
    assert found["generated"] is False and found["credentials"]["state"] == "missing"
    assert api.post("/v1/verify", files={"picture": ("x.png", b"no picture")}).json()["code"] == "invalid_image"
    assert api.post("/v1/verify", files={"other": ("x.png", png())}).status_code == 422


def test_webhooks_that_wait(api, ana):
    hook = {"url": "https://app.example/hook", "events": ["succeeded"]}
    job = api.post("/v1/personas/ana/synthesize", json={"webhook": hook}, headers={"Prefer": "wait=20"}).json()
    (row,) = [w for w in api.get("/v1/webhooks").json()["items"] if w["job_id"] == job["id"]]
    assert row["url"] == hook["url"] and not row["dead"]
    assert api.post(f"/v1/webhooks/{row['id']}/resend").json()["id"] == row["id"]
    assert api.post("/v1/webhooks/msg_0/resend").status_code == 404
    assert api.get("/v1/webhooks/secret").json()["secret"].startswith("whsec_")


@pytest.mark.parametrize("scope, refused", [("read", 403), ("make", 200)])
def test_a_job_is_stopped_by_who_may(served, ana, api, scope, refused):
    job = api.post("/v1/personas/ana/synthesize", json={}).json()["id"]
    with served.client(scope) as client:
        assert client.post(f"/v1/jobs/{job}/cancel").status_code == refused


def test_messages_speak_of_routes(api, ana):
    """Not of Python's calls, which whoever asks over HTTP does not make."""
    assert "GET /v1/jobs shows" in api.get(f"/v1/jobs/job_{'0' * 20}").json()["detail"]
    no_values = api.post("/v1/personas/ana/edit", files={"photo": ("x.png", png())}).json()["detail"]
    assert '{"values": {"yaw": -15}}' in no_values and "edit(" not in no_values


def test_points_parts_and_two_photos(api, ana):
    """What the SDK takes as objects and pairs."""

    def make(operation, files, **request):
        files = [("request", (None, json.dumps(request), "application/json")), *files]
        answer = api.post(f"/v1/personas/ana/{operation}", files=files, headers={"Prefer": "wait=20"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    photo = ("photo", ("new.png", png()))
    points = [{"handle": [1, 2], "to": [3, 2]}, {"handle": "mouth_left", "by": [0, -1]}]
    points += [{"handle": "brows", "by": [0, -1]}, {"handle": [1, 1, 6, 5], "to": [4, 4]}]  # regions
    assert make("drag", [photo], points=points)["status"] == "succeeded"
    empty = [{"handle": [5, 1, 5, 9], "to": [1, 1]}]
    for wrong in ([{"handle": [1, 2]}], [{"handle": "tail", "to": [1, 1]}], [{"handle": [1], "to": [1, 1]}], empty):
        refused = api.post("/v1/personas/ana/drag", json={"points": wrong})
        assert refused.status_code in (400, 422), refused.text
    assert (
        make("move", [photo], at=[4, 5], by=[3, -1], anchors=["nose", [9, 9], "jaw"], face=[4, 4])["status"]
        == "succeeded"
    )
    for wrong in ({"at": "tail", "by": [1, 1]}, {"at": "nose", "dz": 3}, {"by": [1, 1]}, {"at": "nose"}):
        refused = api.post("/v1/personas/ana/move", json=wrong)
        assert refused.status_code in (400, 422), refused.text
    other = ("other", ("other.png", png("red")))
    assert make("blend", [photo, other], mask=0.5)["status"] == "succeeded"
    assert make("blend", [photo, other], mask="background")["status"] == "succeeded"
    assert make("transfer", [photo, ("like", other[1])], region="eyes")["status"] == "succeeded"
    painted, mask = Image.new("L", (8, 8)), io.BytesIO()
    painted.paste(255, (2, 2, 5, 5))
    painted.save(mask, "PNG")
    masked = make("transfer", [photo, ("like", other[1]), ("mask", ("mask.png", mask.getvalue()))])
    assert masked["status"] == "succeeded"
    refused = api.post(
        "/v1/personas/ana/transfer",
        json={"photo": "https://a.example/a.jpg", "like": "https://a.example/b.jpg", "mask": "/etc/hosts"},
    )
    assert refused.status_code == 422 and "part:NAME" in refused.json()["detail"]
    patches = [{"box": [2, 2, 8, 6], "by": [0, -1]}]
    assert len(make("variations", [photo], patches=patches, n=3)["result"]["pictures"]) == 3
    for wrong in ([{"box": [2, 2, 8], "by": [0, 1]}], [{"box": [2, 2, 8, 6]}]):
        refused = api.post("/v1/personas/ana/variations", json={"photo": "https://a.example/a.jpg", "patches": wrong})
        assert refused.status_code in (400, 422), refused.text
    assert make("compose", [photo, other], parts=[{"name": "hair", "like": "part:other"}])["status"] == "succeeded"
    moving = make("compose", [photo], parts=[{"name": "hair", "draw": [3, 5]}, {"name": "nose", "dx": 4}], frames=4)
    assert len(moving["result"]["pictures"]) == 5
    assert make("extend", [photo], size=[30, 20], face=[4, 4])["status"] == "succeeded"
    assert make("restyle", [photo], style="toon", strength=0.5, region="hair")["status"] == "succeeded"
    assert make("restyle", [photo, ("like", other[1])], style="toon")["status"] == "succeeded"
    strip = api.post(
        "/v1/personas/ana/strip", json={"values": [{"yaw": -5}, {"yaw": 5}]}, headers={"Prefer": "wait=20"}
    )
    assert strip.status_code == 200 and strip.json()["status"] == "succeeded", strip.text


def test_the_same_picture_again_from_its_recipe(api, ana):
    wait = {"Prefer": "wait=20"}
    body = {"points": [{"handle": [10, 20], "to": [30, 20]}]}
    made = api.post(f"/v1/personas/{ana['persona_id']}/drag", json=body, headers=wait).json()
    recipe = made["result"]["pictures"][0]["report"]["recipe"]
    again = api.post("/v1/replay", json={"recipe": recipe}, headers=wait).json()
    assert again["id"] != made["id"] and again["result"]["pictures"][0]["report"]["recipe"] == recipe
    one, other = (api.get(job["result"]["pictures"][0]["blob"]).content for job in (made, again))
    assert one == other
    files = [("photo", ("a.png", png())), ("like", ("b.png", png("red")))]
    body = [("request", (None, json.dumps({"region": "eyes"}))), *files]
    taken = api.post(f"/v1/personas/{ana['persona_id']}/transfer", files=body, headers=wait).json()
    recipe = taken["result"]["pictures"][0]["report"]["recipe"]
    assert api.post("/v1/replay", json={"recipe": recipe}, headers=wait).json()["status"] == "succeeded"
    given = [("request", (None, json.dumps({"recipe": recipe}))), *files]
    assert api.post("/v1/replay", files=given, headers=wait).json()["status"] == "succeeded"
    other = api.post("/v1/replay", files=[given[0], given[1], ("like", ("b.png", png("blue")))])
    assert other.status_code == 422 and other.json()["param"] == "like"
    changed = api.post("/v1/replay", json={"recipe": recipe | {"prior": "other"}})
    assert changed.status_code == 422 and "was changed" in changed.json()["detail"]
    assert api.post("/v1/replay", json={"recipe": "/etc/passwd"}).status_code == 422
