"""Rows as the Redis ledger keeps them: hashes of text, absent where they are None."""

from __future__ import annotations

import json
from typing import Any

from .protocol import Deletion, EventRow, JobRow, Json, PersonaRow, Quotas

DAMAGED = (LookupError, ValueError, TypeError, RecursionError)  # what reading a row raises that we have not written


def quotas_of(own: str | None, everybodys: str | None) -> Quotas:
    return Quotas(**json.loads(own or everybodys or "{}"))


def dump(data: Json | None) -> str | None:
    return None if data is None else json.dumps(data)


def _pairs(found: Any) -> dict[str, str]:
    """A hash, as a script returns it (a flat list) or as a command does."""
    return dict(found) if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))


def job_of(found: Any) -> JobRow | None:
    h = _pairs(found)
    if not h:
        return None
    number = {
        name: None if h.get(name) is None else float(h[name]) for name in ("cancel_requested", "started", "finished")
    }
    data = {name: None if h.get(name) is None else json.loads(h[name]) for name in ("result", "error", "webhook")}
    values: dict[str, Any] = {
        **{
            name: h[name]
            for name in ("id", "tenant", "operation", "persona_id", "status", "body_hash", "lane", "worker")
        },
        **{name: int(h[name]) for name in ("priority", "attempts", "token")},
        **{name: float(h[name]) for name in ("lease_until", "created")},
        **{name: json.loads(h[name]) for name in ("request", "shape")},
        **number,
        **data,
        **{name: h.get(name) for name in ("key", "trace")},
        "memory": int(h.get("memory", 0)),
    }
    return JobRow(**values)


def whole_job_of(found: Any) -> JobRow | None:
    """None also for a damaged one: it must not hide the others. Whoever takes it ends it."""
    try:
        return job_of(found)
    except DAMAGED:
        return None


def deletion_of(found: Any) -> Deletion:
    h = _pairs(found)
    receipt = None if h.get("receipt") is None else json.loads(h["receipt"])
    blobs, jobs = (tuple(h.get(name, "").split()) for name in ("blobs", "jobs"))
    return Deletion(h["persona_id"], h["tenant"], float(h["time"]), blobs, jobs, receipt)


def persona_of(h: dict[str, Any]) -> PersonaRow | None:
    if not h:
        return None
    record, consent = (None if h.get(name) is None else json.loads(h[name]) for name in ("record", "consent"))
    expires = None if h.get("expires") is None else float(h["expires"])
    return PersonaRow(h["id"], h["tenant"], h["name"], h["status"], record, h["job_id"], consent, expires)


def event_of(entry: str, fields: dict[str, str]) -> EventRow:
    return EventRow(int(entry.split("-")[0]), float(fields["time"]), fields["kind"], json.loads(fields["data"]))
