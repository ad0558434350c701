"""Signing and verifying, against the specification's own example and against tampering."""

import base64
import json
import time

import pytest

import portraitist
from portraitist import webhooks
from portraitist.errors import InvalidRequest, PhotosUnusable, SignatureInvalid, UrlRefused
from portraitist.ledger.outbox import DeliveryRow
from portraitist.vault import new_secret
from portraitist.webhooks import wire

KEY = b"k" * 32
SECRET = wire.secret_of(KEY)


def delivery(kind="succeeded", data=None, **changes):
    values = {
        "id": "msg_1_4", "tenant": "acme", "job_id": "job_1", "operation": "create", "persona_id": "per_1", "kind": kind, "seq": 4,
        "created": 1000.5, "data": data or {}, "url": "https://hooks.example/", "attempts": 1, "due": 0.0, "dead": False, "error": "",
    }  # fmt: skip
    return DeliveryRow(**{**values, **changes})


def signed(d, *keys):
    payload = wire.body(d)
    return payload, wire.headers(d, payload, keys or (KEY,))


def test_the_example_of_the_specification():
    """From the Standard Webhooks text: secret, id, timestamp, body, signature."""
    key = wire.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert wire._sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body) == expected


def test_there_and_back():
    event = webhooks.verify(*signed(delivery()), SECRET)
    assert (event.id, event.tenant, event.job_id, event.operation, event.persona_id, event.status, event.seq) == (
        "msg_1_4", "acme", "job_1", "create", "per_1", "succeeded", 4)  # fmt: skip
    assert event.time.timestamp() == 1000.5 and event.error is None and event.progress is None


def test_errors_and_progress_are_typed_and_carry_no_verdicts():
    failed = PhotosUnusable("only 2 photos", photos=[{"name": "ana at home.jpg"}]).to_dict()
    payload, headers = signed(delivery("failed", failed))
    assert b"ana at home" not in payload
    error = webhooks.verify(payload, headers, SECRET).error
    assert type(error) is PhotosUnusable and error.message == "only 2 photos"
    told = {"stage": "tune", "step": 3, "steps": 9, "eta": None, "message": "", "photo": "sealed:abc=", "preview": None}
    payload, headers = signed(delivery("progress", told))
    event = webhooks.verify(payload, headers, SECRET)
    assert event.status == "progress" and event.progress.step == 3 and b"abc=" not in payload


def test_the_body_is_the_same_at_every_attempt():
    assert wire.body(delivery(attempts=1)) == wire.body(delivery(attempts=7, due=99.0, error="x"))
    assert json.loads(wire.body(delivery())) == {
        "type": "job.succeeded",
        "timestamp": "1970-01-01T00:16:40.500+00:00",
        "data": {"tenant": "acme", "job_id": "job_1", "operation": "create", "persona_id": "per_1", "seq": 4},
    }


def test_header_names_in_any_case_and_text_bodies():
    payload, headers = signed(delivery())
    assert webhooks.verify(payload.decode(), {k.upper(): v for k, v in headers.items()}, SECRET)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header(name):
    payload, headers = signed(delivery())
    del headers[name]
    with pytest.raises(SignatureInvalid, match="lacks"):
        webhooks.verify(payload, headers, SECRET)


@pytest.mark.parametrize(
    "change",
    [
        lambda p, h: (p.replace(b"succeeded", b"cancelled"), h),
        lambda p, h: (p + b" ", h),
        lambda p, h: (p, {**h, "webhook-id": "msg_1_5"}),
        lambda p, h: (p, {**h, "webhook-timestamp": str(int(h["webhook-timestamp"]) + 1)}),
        lambda p, h: (p, {**h, "webhook-signature": "v1,"}),
        lambda p, h: (p, {**h, "webhook-signature": ""}),
        lambda p, h: (p, {**h, "webhook-signature": h["webhook-signature"].replace("v1,", "v2,")}),
        lambda p, h: (p, {**h, "webhook-signature": "v1,ä " + "x" * 100}),
        lambda p, h: (p, {**h, "webhook-timestamp": "soon"}),
    ],
)
def test_what_was_changed_is_refused(change):
    with pytest.raises(SignatureInvalid):
        webhooks.verify(*change(*signed(delivery())), SECRET)


def test_another_secret_and_old_ones(monkeypatch):
    payload, headers = signed(delivery())
    with pytest.raises(SignatureInvalid, match="no signature fits"):
        webhooks.verify(payload, headers, wire.secret_of(b"x" * 32))
    now = time.time()
    for shift in (-299, 299):
        monkeypatch.setattr(wire.time, "time", lambda shift=shift: now + shift)
        assert webhooks.verify(payload, headers, SECRET)
    for shift in (-302, 302):
        monkeypatch.setattr(wire.time, "time", lambda shift=shift: now + shift)
        with pytest.raises(SignatureInvalid, match="clock"):
            webhooks.verify(payload, headers, SECRET)


def test_a_signed_body_that_is_not_ours():
    payload = b'{"type": "invoice.paid"}'
    with pytest.raises(SignatureInvalid, match="not one of ours"):
        webhooks.verify(payload, wire.headers(delivery(), payload, [KEY]), SECRET)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_%%%", "kkkk", base64.b64encode(b"k" * 32).decode(), "whsec_" + "A" * 200, []]
)
def test_what_is_no_secret(secret):
    with pytest.raises(InvalidRequest) as caught:
        webhooks.verify(*signed(delivery()), secret)
    assert "%%%" not in str(caught.value) and "AAAA" not in str(caught.value)


def test_what_is_no_webhook():
    for url in ("ftp://x/", "hooks.example", "https://u:p@x.example/", "https://x.example/\r\nX: y"):
        with pytest.raises(UrlRefused):
            portraitist.Webhook(url)
    for events in ((), "succeeded", ("done",)):
        with pytest.raises(InvalidRequest):
            portraitist.Webhook("https://x.example/", events)


# -- where secrets come from -----------------------------------------------------------------------------------------


def test_each_tenant_has_a_secret_of_its_own(tmp_path):
    studio, again = portraitist.connect(home=tmp_path), portraitist.connect(home=tmp_path)
    secret = studio.webhooks.secret()
    assert wire.key_of(secret) and again.webhooks.secret() == secret
    assert portraitist.connect(home=tmp_path, tenant="acme").webhooks.secret() != secret
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "master.key")
    assert secret.removeprefix("whsec_").encode() not in kept


def test_while_the_master_key_is_changed_both_secrets_are_good(tmp_path, monkeypatch):
    old, new = new_secret(), new_secret()
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", old)
    before = portraitist.connect(home=tmp_path, tenant="acme").webhooks.secret()
    monkeypatch.setenv("PORTRAITIST_MASTER_KEY", f"{new},{old}")
    studio = portraitist.connect(home=tmp_path, tenant="acme")
    payload, headers = signed(delivery(), *studio._backend.keyring.webhook_keys("acme"))
    assert studio.webhooks.secret() != before
    assert webhooks.verify(payload, headers, before) == webhooks.verify(payload, headers, studio.webhooks.secret())
