"""From a call to a queued job: build the request, upload, submit, wake a worker."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from . import tracing
from .backend import Backend
from .errors import InvalidRequest, PortraitistError, QueueUnavailable, StorageError
from .ledger import JobRow, NewJob, rules
from .memory import needed
from .operations import operation
from .store import SealedStore, Store, words
from .webhooks.wire import Webhook

_QUOTED = 200  # characters of a value that is refused
_R = TypeVar("_R", bound=BaseModel)


def build(model: type[_R], **values: Any) -> _R:
    """A request, or InvalidRequest that names the argument."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or model.__name__
        given = repr(first["input"])
        given = given if len(given) <= _QUOTED else given[:_QUOTED] + "…"
        raise InvalidRequest(f"{where}={given}: {first['msg'].lower()}", param=where) from error


class Uploads:
    """The pictures that a call hands over, sealed with the persona's key: in the store before the job is in the ledger, and
    erased again when it is refused. `new`: the persona is made by this job. Without a persona, nothing is sealed."""

    def __init__(self, backend: Backend, persona_id: str = "", *, new: bool = False) -> None:
        self.job_id = new_job_id()
        self.wrapped_key = ""
        self.contents: dict[str, str] = {}  # blob -> SHA-256 of the content
        self._store: Store | SealedStore = backend.store
        if new:
            key, self.wrapped_key = backend.keyring.new_key(persona_id)
            self._store = SealedStore(backend.store, key, self.job_id)
        elif persona_id:
            self._store = backend.sealed(persona_id, self.job_id)

    def add(self, data: bytes) -> str:
        """The blob."""
        digest = self._store.put(data)
        self.contents[digest] = hashlib.sha256(data).hexdigest()
        return digest

    def sealed(self, request: dict[str, Any]) -> Any:
        """The request as it goes into the ledger."""
        return words.sealed(self._store, request) if isinstance(self._store, SealedStore) else request

    def sync(self) -> None:
        self._store.sync(self.contents)

    def withdraw(self) -> None:
        for digest in self.contents:
            self._store.erase(digest)


def submit(
    backend: Backend,
    request: BaseModel,
    *,
    uploads: Uploads | None = None,
    shape: dict[str, Any],
    creates: str | None = None,
    prior: str = "",
    webhook: Webhook | None = None,
) -> JobRow:
    """Queue `request`, or find the earlier job that asked for the same. `prior`: what is learnt from, where the request tells it not."""
    body = request.model_dump(mode="json")
    told = webhook or backend.webhook
    if not isinstance(told, Webhook | None):
        raise InvalidRequest(f"webhook={told!r}: expected a portraitist.Webhook('https://…')", param="webhook")
    contents = uploads.contents if uploads else {}
    job = NewJob(
        id=uploads.job_id if uploads else new_job_id(),
        request=uploads.sealed(body) if uploads else body,
        body_hash=body_hash(body, contents),
        blobs=tuple(contents),
        key=backend.idempotency_key,
        creates=creates,
        lane=operation(body["operation"]).lane,
        shape=shape,
        wrapped_key=uploads.wrapped_key if uploads else "",
        priority=backend.priority,
        memory=needed(body, prior),
        webhook=None if told is None else told.to_dict(),
    )
    if uploads:
        uploads.sync()
    give_back: Callable[[], None] = _nothing
    try:
        if (earlier := asked_before(backend)) is not None:
            row, new = rules.same_or_conflict(job, earlier, f"the idempotency key {job.key!r}"), False
        else:
            if backend.allowance is not None:
                give_back = backend.allowance.take()
            with tracing.submission(job) as traced:
                row, new = backend.ledger.submit(traced)
    except (QueueUnavailable, StorageError):
        raise  # whether it was accepted is not known; if not, the uploads are swept
    except PortraitistError:
        give_back()
        if uploads:
            uploads.withdraw()
        raise
    if not new:
        give_back()
        if uploads:
            uploads.withdraw()
    if row.status not in ("succeeded", "failed", "cancelled"):
        backend.transport.wake(row.id, row.lane, row.persona_id, row.memory)
    return row


def asked_before(backend: Backend) -> JobRow | None:
    """The job that holds the idempotency key, where jobs are counted: a call that is sent again takes nothing of the allowance, and is
    answered although nothing is left."""
    if backend.allowance is None or backend.idempotency_key is None:
        return None
    return backend.ledger.by_key(backend.idempotency_key)


def _nothing() -> None: ...


def body_hash(request: Mapping[str, Any], contents: Mapping[str, str]) -> str:
    """Equal for requests that ask for the same. A new persona's id is drawn at random, and blobs are sealed with a key of hers:
    the id does not count, and of blobs their content. Of a call that is sent again, the first consent stands."""
    body = dict(request)
    if body["operation"] == "create":
        for name in ("persona_id", "consent", "expires"):
            del body[name]
    text = json.dumps(body, sort_keys=True)
    for blob, content in contents.items():
        text = text.replace(blob, content)
    return hashlib.sha256(text.encode()).hexdigest()


def new_job_id() -> str:
    return "job_" + secrets.token_hex(10)


def new_persona_id() -> str:
    """Not guessable, and no name begins like it."""
    return "per_" + secrets.token_hex(10)
