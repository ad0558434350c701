"""From a call to a queued job: build the request, upload, submit, wake a worker."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from . import tracing
from .backend import Backend
from .errors import InvalidRequest, StorageError
from .ledger import JobRow, NewJob
from .ledger.protocol import Lane
from .webhooks.wire import Webhook

_R = TypeVar("_R", bound=BaseModel)


def build(model: type[_R], **values: Any) -> _R:
    """A request, or InvalidRequest that names the argument."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or model.__name__
        raise InvalidRequest(f"{where}={first['input']!r}: {first['msg'].lower()}", param=where) from error


def submit(
    backend: Backend,
    request: BaseModel,
    *,
    uploads: Sequence[str],
    shape: dict[str, Any],
    key: str | None = None,
    creates: str | None = None,
    lane: Lane | None = None,
    webhook: Webhook | None = None,
) -> JobRow:
    """Queue `request`, or find the earlier job that asked for the same. `uploads`: the blobs that were put for it."""
    body = request.model_dump(mode="json")
    told = webhook or backend.webhook
    job = NewJob(
        id="job_" + secrets.token_hex(10),
        request=body,
        body_hash=body_hash(body),
        blobs=tuple(dict.fromkeys(uploads)),
        key=key,
        creates=creates,
        lane=lane or ("tune" if creates is not None else "serve"),
        shape=shape,
        webhook=None if told is None else told.to_dict(),
    )
    backend.store.sync(uploads)
    with tracing.submission(job) as traced:
        row, new = backend.ledger.submit(traced)
    if new and not all(backend.store.has(digest) for digest in uploads):
        # Somebody deleted a persona with the same photo, between our upload and our submission.
        backend.ledger.cancel(row.id)
        raise StorageError("an uploaded photo was deleted together with another persona; call again", job_id=row.id)
    if row.status not in ("succeeded", "failed", "cancelled"):
        backend.transport.wake(row.id, row.lane)
    return row


def body_hash(request: Mapping[str, Any]) -> str:
    """Equal for requests that ask for the same. A new persona's id is drawn at random, so it does not count."""
    body = dict(request)
    if body["operation"] == "create":
        del body["persona_id"]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def new_persona_id() -> str:
    """Not guessable, and no name begins like it."""
    return "per_" + secrets.token_hex(10)
