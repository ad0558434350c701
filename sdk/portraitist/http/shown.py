"""What is shown of jobs, people, priors and webhooks: JSON whose pictures are addresses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ..backend import Backend
from ..consent import Consent
from ..errors import NotFound, PriorUnavailable, StorageError
from ..ledger import JobRow
from ..ledger.outbox import DeliveryRow
from ..ledger.protocol import EventRow, PersonaRow
from ..operations import OPERATIONS
from ..priors.prior import Prior
from ..priors.record import PriorRecord
from ..results import PersonaRecord, Progress
from ..styles.library import Style
from ..styles.record import StyleRecord
from .words import spoken

T = TypeVar("T")
Json = dict[str, Any]


class Page(BaseModel, Generic[T]):
    """`next` is the cursor of the next page; null: this was the last."""

    items: list[T]
    next: str | None = None


class JobError(BaseModel):
    """Why the job ended without a result: as in a problem."""

    code: str
    message: str
    param: str | None = None
    details: Json = {}


class JobShown(BaseModel):
    id: str
    operation: str
    persona_id: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    ahead: int | None = Field(default=None, description="queued: how many jobs come first")
    attempt: int = Field(description="2 or 3: an earlier attempt's worker died")
    progress: Progress | None = Field(default=None, description="running: the last step")
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    error: JobError | None = None
    result: Json | None = Field(default=None, description="succeeded, and asked for alone: what came of it")
    arrangement: Json = Field(default={}, description="How the pictures belong together: kind one, list, sweep or grid")


class EventShown(BaseModel):
    """One event of a job, as the stream sends it."""

    seq: int
    time: datetime
    kind: str
    progress: Progress | None = None
    detail: str = ""


class PersonaShown(PersonaRecord):
    """A person who was learnt. `preview` is an address."""

    consent: Consent | None = None
    expires: datetime | None = None


class PriorShown(BaseModel):
    name: str
    calibrated: bool
    assets: list[str]
    parts: dict[str, dict[str, tuple[float, float]]] = Field(
        default={}, description="Of a face that is made part by part: what can be set in each, from lowest to highest"
    )
    record: PriorRecord | None = Field(default=None, description="null: it comes with Portraitist")


class StyleShown(BaseModel):
    name: str
    bases: list[str] = Field(description="Priors whose personas can wear it")
    record: StyleRecord | None = Field(default=None, description="null: it comes with Portraitist")


class WebhookShown(BaseModel):
    id: str
    job_id: str
    kind: str
    url: str
    attempts: int
    due: datetime
    dead: bool
    error: str


def answer(model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(finite(model.model_dump(mode="json")), status, dict(headers or {}))


def finite(data: Any) -> Any:
    """JSON knows no infinity (the PSNR of equal pictures) and no NaN."""
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def job(backend: Backend, row: JobRow, *, alone: bool = True) -> JobShown:
    """`alone`: with progress and result, which cost a look more."""
    progress = None
    if alone and row.status == "running":
        seen = [e for e in backend.ledger.events(row.id) if e.kind == "progress"]
        progress = _progress(backend, row.persona_id, seen[-1]) if seen else None
    return JobShown(
        id=row.id,
        operation=row.operation,
        persona_id=row.persona_id,
        status=row.status,
        ahead=backend.ledger.ahead(row.id) if alone and row.status == "queued" else None,
        attempt=row.attempts + (row.status == "queued"),
        progress=progress,
        created=_at(row.created),
        started=None if row.started is None else _at(row.started),
        finished=None if row.finished is None else _at(row.finished),
        error=None if row.error is None else _why(row.error),
        result=_result(backend, row) if alone else None,
        arrangement=row.shape,
    )


def event(backend: Backend, persona_id: str, row: EventRow) -> EventShown:
    progress = _progress(backend, persona_id, row) if row.kind == "progress" else None
    return EventShown(
        seq=row.seq, time=_at(row.time), kind=row.kind, progress=progress, detail=str(row.data.get("reason", ""))
    )


def pictures(backend: Backend, row: JobRow) -> list[str]:
    """Blobs of the pictures that leave with the job's result, in the order in which they stand there: their numbers."""
    if row.result is None or row.operation not in OPERATIONS:
        return []
    kind = OPERATIONS[row.operation].result
    if not hasattr(kind, "handed_out"):
        return []
    result = kind.model_validate(row.result if not row.persona_id else backend.readable(row.persona_id, row.result))
    return _in_order(result.model_dump(mode="json"), result.handed_out())


def persona(backend: Backend, row: PersonaRow) -> PersonaShown:
    record = PersonaRecord.model_validate(backend.readable(row.id, row.record))
    said = record.model_dump(mode="json")
    said["preview"] = None if record.preview is None else f"/v1/personas/{record.persona_id}/preview"
    consent = None if row.consent is None else Consent.model_validate(backend.readable(row.id, row.consent))
    shown = PersonaShown.model_validate(
        {**said, "consent": None, "expires": None if row.expires is None else _at(row.expires)}
    )
    return shown.model_copy(update={"consent": consent})


def style(found: Style) -> StyleShown:
    return StyleShown(name=found.name, bases=list(found.bases), record=found.record)


def prior(found: Prior) -> PriorShown:
    try:
        parts = found.parts
    except (PriorUnavailable, StorageError):  # a list is shown although a file of one prior is damaged
        parts = {}
    return PriorShown(
        name=found.name, calibrated=found.calibrated, assets=list(found.assets), parts=parts, record=found.record
    )


def webhook(row: DeliveryRow) -> WebhookShown:
    return WebhookShown(
        id=row.id,
        job_id=row.job_id,
        kind=row.kind,
        url=row.url,
        attempts=row.attempts,
        due=_at(row.due),
        dead=row.dead,
        error=row.error,
    )


def _result(backend: Backend, row: JobRow) -> Json | None:
    if row.result is None or row.status != "succeeded":
        return None
    try:
        data = row.result if not row.persona_id else backend.readable(row.persona_id, row.result)
        out = {blob: f"/v1/jobs/{row.id}/pictures/{n}" for n, blob in enumerate(pictures(backend, row))}
    except NotFound:  # the persona was deleted, or has expired
        return None
    shown: Json = _addressed(data, out)
    return shown


def _addressed(data: Any, out: Mapping[str, str]) -> Any:
    """Blobs that leave become addresses."""
    if isinstance(data, dict):
        return {key: _addressed(value, out) for key, value in data.items()}
    if isinstance(data, list):
        return [_addressed(value, out) for value in data]
    return out.get(data, data) if isinstance(data, str) else data


def _in_order(data: Any, leaving: set[str]) -> list[str]:
    if isinstance(data, str):
        return [data] if data in leaving else []
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return list(dict.fromkeys(blob for part in parts for blob in _in_order(part, leaving)))


def _why(error: Json) -> JobError:
    return JobError(
        code=str(error.get("code", "job_failed")),
        message=spoken(str(error.get("message", ""))),
        param=error.get("param"),
        details=error.get("details") or {},
    )


def _progress(backend: Backend, persona_id: str, row: EventRow) -> Progress:
    return backend.progress(persona_id, row.data).model_copy(update={"preview": None})


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
