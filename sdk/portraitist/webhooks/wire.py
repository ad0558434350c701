"""What goes over the wire: a small JSON body, signed. Source: the Standard Webhooks specification, symmetric signatures (v1).

The body names ids and a state, never a photo, a person's name or an embedding; whoever receives it asks the studio for more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import InvalidRequest, PortraitistError, SignatureInvalid, from_dict
from ..ledger.outbox import DeliveryRow
from ..outbound.urls import parse
from ..results import Progress

ENDS = ("succeeded", "failed", "cancelled")
KINDS = (*ENDS, "progress")
TOLERANCE_S = 300  # between the signature's time and the receiver's clock, either way
PREFIX = "whsec_"


@dataclass(frozen=True)
class Webhook:
    """Whom to tell of a job's `events`: succeeded, failed, cancelled, progress (at most twice a second, each sent once).

    Raises UrlRefused for what is no http or https address (the worker decides whether it may be connected to), InvalidRequest."""

    url: str
    events: tuple[str, ...] = ENDS

    def __post_init__(self) -> None:
        parse(self.url)
        if isinstance(self.events, str) or not self.events or not set(self.events) <= set(KINDS):
            raise InvalidRequest(f"events={self.events!r}; expected some of {', '.join(KINDS)}", param="events")

    def to_dict(self) -> dict[str, Any]:
        return {"url": self.url, "events": list(self.events)}


@dataclass(frozen=True)
class WebhookEvent:
    """What a verified webhook says. The same `id` may come more than once, and later events may come first (`seq` tells)."""

    id: str
    tenant: str
    job_id: str
    operation: str  # create, add, synthesize, edit, enhance, calibrate
    persona_id: str
    status: str  # succeeded, failed, cancelled; progress: the job is running
    seq: int  # the event's number within its job
    time: datetime
    error: PortraitistError | None = None  # failed, cancelled
    progress: Progress | None = None


def body(delivery: DeliveryRow) -> bytes:
    """The same bytes at every attempt."""
    data: dict[str, Any] = {
        name: getattr(delivery, name) for name in ("tenant", "job_id", "operation", "persona_id", "seq")
    }
    if delivery.kind == "progress":
        data["progress"] = {name: value for name, value in delivery.data.items() if name != "photo"}  # it is sealed
    elif delivery.data:  # without the details: they may hold the verdicts on all photos
        data["error"] = {name: delivery.data.get(name) for name in ("code", "message")}
    when = datetime.fromtimestamp(delivery.created, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"type": f"job.{delivery.kind}", "timestamp": when, "data": data}, separators=(",", ":")).encode()


def headers(delivery: DeliveryRow, payload: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """Signed now, with every key: while one is replaced, both are good."""
    stamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_sign(key, delivery.id, stamp, payload) for key in keys),
    }


def verify(
    payload: bytes | str, headers: Mapping[str, str], secret: str | Iterable[str], *, tolerance_s: float = TOLERANCE_S
) -> WebhookEvent:
    """The event, if we signed exactly these bytes within the last `tolerance_s` seconds. `payload`: the body as it came, not parsed
    and written again. Raises SignatureInvalid; InvalidRequest for a secret that is none."""
    keys = [key_of(one) for one in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise InvalidRequest("secret is empty; studio.webhooks.secret() tells it", param="secret")
    raw = payload.encode() if isinstance(payload, str) else bytes(payload)
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message, stamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        sent = int(stamp)
    except (KeyError, ValueError):
        raise _invalid(
            "it lacks webhook-id, webhook-timestamp or webhook-signature; pass all headers of the request"
        ) from None
    if abs(time.time() - sent) > tolerance_s:
        raise _invalid(
            f"it was signed {time.time() - sent:.0f} s ago; it is an old one sent again, or a clock is wrong"
        )
    good = [_sign(key, message, stamp, raw) for key in keys]
    if not any(hmac.compare_digest(one.encode(), found.encode()) for found in signatures.split() for one in good):
        raise _invalid(
            "no signature fits; check that the secret is this tenant's and the body is what came, byte for byte"
        )
    try:
        said = json.loads(raw)
        data = said["data"]
        return WebhookEvent(
            id=message,
            **{name: data[name] for name in ("tenant", "job_id", "operation", "persona_id", "seq")},
            status=said["type"].removeprefix("job."),
            time=datetime.fromisoformat(said["timestamp"]),
            error=from_dict(data["error"]) if "error" in data else None,
            progress=Progress.model_validate(data["progress"]) if "progress" in data else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise _invalid(f"its body is not one of ours ({error}); update portraitist") from error


def key_of(secret: str) -> bytes:
    """The bytes that a `whsec_…` secret stands for. Raises InvalidRequest, without repeating it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError, AttributeError):
        key = b""
    if not isinstance(secret, str) or not secret.startswith(PREFIX) or not 16 <= len(key) <= 64:
        raise InvalidRequest(f"the webhook secret must be {PREFIX} and 16 to 64 bytes in base64", param="secret")
    return key


def secret_of(key: bytes) -> str:
    return PREFIX + base64.b64encode(key).decode()


def _sign(key: bytes, message: str, stamp: str, payload: bytes) -> str:
    signed = hmac.new(key, f"{message}.{stamp}.".encode() + payload, hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def _invalid(why: str) -> SignatureInvalid:
    return SignatureInvalid(f"this webhook cannot be trusted: {why}", param="webhook")
