"""What else there is: the server itself, its session, `verify`, webhooks that wait."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ... import __version__
from ...attributes import ATTRIBUTES
from ...ledger.api_keys import Scope
from ...provenance.verify import verify
from ...webhooks.resource import Webhooks
from .. import shown
from ..access.door import Admin, Maker, Reader
from ..bodies import Strict, persona_verbs
from ..context import PROBLEMS, api_of
from ..problems import Refusal
from ..uploads import one_file

router = APIRouter(responses=PROBLEMS)


class OperationShown(BaseModel):
    name: str
    label: str
    lane: str
    photos: list[str]


class AttributeShown(BaseModel):
    name: str
    unit: str
    low: float
    high: float


class About(BaseModel):
    """Who you are here, and what can be done."""

    version: str
    tenant: str
    scope: Scope
    shared: bool = Field(description="A cluster: a person's consent is required")
    operations: list[OperationShown]
    attributes: list[AttributeShown]


class Token(Strict):
    token: str = Field(max_length=200)


class Session(BaseModel):
    key: str


@router.get("/v1", response_model=About, tags=["server"], summary="Who you are here, and what can be done")
async def about(request: Request, caller: Reader) -> JSONResponse:
    operations = [
        OperationShown(name=v.name, label=v.row.label, lane=v.row.lane, photos=list(v.photos))
        for v in persona_verbs().values()
    ]
    attributes = [AttributeShown(name=a.name, unit=a.unit, low=a.low, high=a.high) for a in ATTRIBUTES.values()]
    return shown.answer(
        About(
            version=__version__,
            tenant=caller.tenant,
            scope=caller.scope,
            shared=caller.backend.shared,
            operations=operations,
            attributes=attributes,
        )
    )


@router.post(
    "/v1/session",
    response_model=Session,
    tags=["server"],
    summary="On loopback: exchange the printed address's token for a key, once",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Token.model_json_schema()}}}
    },
)
async def begin_session(request: Request) -> JSONResponse:
    sessions = request.app.state.door.sessions
    if sessions is None:
        raise Refusal(404, "not_found", "sessions are for loopback; use an API key")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "unsupported_media_type", "send application/json")
    token = Token.model_validate_json(await request.body()).token
    return shown.answer(Session(key=sessions.exchange(token)))


_PICTURE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"picture": {"type": "string", "format": "binary"}},
                    "required": ["picture"],
                }
            }
        },
    }
}


class Verified(BaseModel):
    generated: bool
    credentials: dict[str, Any]
    mark: dict[str, Any]


@router.post("/v1/verify", response_model=Verified, tags=["server"], openapi_extra=_PICTURE)
async def verify_picture(request: Request, caller: Reader) -> JSONResponse:
    """Was it made here? Looks for signed metadata (C2PA) and the invisible mark in the file `picture` (docs/provenance.md)."""
    api = api_of(request)
    data = await one_file(request, "picture", api.options)
    found = await api.slow.call(verify, data)
    return JSONResponse(shown.finite(found.to_dict()))


@router.get("/v1/webhooks", response_model=shown.Page[shown.WebhookShown], tags=["webhooks"])
async def list_webhooks(
    request: Request,
    caller: Admin,
    dead: Annotated[bool | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JSONResponse:
    """Those that wait to be sent, or were given up (`dead`)."""

    def look() -> shown.Page[shown.WebhookShown]:
        rows = Webhooks(caller.backend).list(dead=dead, limit=limit)
        return shown.Page(items=[shown.webhook(row) for row in rows])

    return shown.answer(await api_of(request).threads.call(look))


@router.post("/v1/webhooks/{webhook_id}/resend", response_model=shown.WebhookShown, tags=["webhooks"])
async def resend_webhook(
    request: Request, caller: Maker, webhook_id: Annotated[str, Path(pattern="^msg_[0-9a-f_]{1,80}$")]
) -> JSONResponse:
    """Send one that was given up again."""

    def resend() -> shown.WebhookShown:
        return shown.webhook(Webhooks(caller.backend).resend(webhook_id))

    return shown.answer(await api_of(request).threads.call(resend))


class Secret(BaseModel):
    secret: str


@router.get("/v1/webhooks/secret", response_model=Secret, tags=["webhooks"])
async def webhook_secret(request: Request, caller: Admin) -> JSONResponse:
    """What this tenant's webhooks are signed with."""
    return shown.answer(Secret(secret=await api_of(request).threads.call(Webhooks(caller.backend).secret)))


@router.get("/live", tags=["server"], response_model=dict[str, str])
async def live() -> JSONResponse:
    """It answers."""
    return JSONResponse({"loop": "ok"})


@router.get("/ready", tags=["server"], response_model=dict[str, str])
async def ready(request: Request) -> JSONResponse:
    """Ledger and store answer. 503 with what does not."""
    api = api_of(request)
    checks = dict(await api.threads.call(api.ready))
    return JSONResponse(checks, 200 if all(state == "ok" for state in checks.values()) else 503)
