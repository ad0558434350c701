"""People: learning one, looking at them, deleting them; and one route for each operation on a person, from the table."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import JSONResponse, Response

from ...backend import Backend
from ...errors import InvalidRequest, NotFound
from ...jobs import AnyJob
from ...ledger import rules
from ...studio import Studio
from ...submission import asked_before
from ...vault.receipts import Receipt
from .. import shown
from ..access.door import Admin, Maker, Reader
from ..bodies import Verb, create_verb, persona_verbs
from ..context import PROBLEMS, api_of
from ..uploads import arguments
from .jobs import Cursor, Limit, matches, picture, told

Name = Annotated[str, Path(min_length=1, max_length=100, description="A persona's name or id")]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="The same call with the same key is the same job"),
]
Prefer = Annotated[str, Header(description="`wait=N`: answer when the job is over, if that is within N seconds")]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "With `Prefer: wait`: the job, which is over", "model": shown.JobShown},
    202: {
        "description": "The job",
        "model": shown.JobShown,
        "headers": {"Location": {"description": "The job's address", "schema": {"type": "string"}}},
    },
}


def router() -> APIRouter:
    """Made anew for each app, so that it has what the table has by then."""
    routes = APIRouter(prefix="/v1/personas", responses=PROBLEMS)
    routes.add_api_route(
        "", list_personas, methods=["GET"], tags=["personas"], response_model=shown.Page[shown.PersonaShown]
    )
    create = create_verb()
    routes.add_api_route("", _create(create), methods=["POST"], **documented(create, "Learn a person from photos"))
    routes.add_api_route(
        "/{persona}", get_persona, methods=["GET"], tags=["personas"], response_model=shown.PersonaShown
    )
    routes.add_api_route("/{persona}", delete_persona, methods=["DELETE"], tags=["personas"], response_model=Receipt)
    routes.add_api_route(
        "/{persona}/preview",
        get_preview,
        methods=["GET"],
        tags=["personas"],
        response_class=Response,
        responses=_PREVIEW,
    )
    for verb in persona_verbs().values():
        routes.add_api_route(
            f"/{{persona}}/{verb.name}", _operation(verb), methods=["POST"], **documented(verb, verb.summary)
        )
    return routes


_PREVIEW: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A contact sheet",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The one that you have is the same"},
}


async def list_personas(request: Request, caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> JSONResponse:
    """The people that were learnt, by name."""
    after = _name_in(cursor)

    def look() -> shown.Page[shown.PersonaShown]:
        rows = [row for row in caller.backend.ledger.personas() if after is None or row.name > after]
        found = []
        for row in rows[:limit]:
            try:
                found.append(shown.persona(caller.backend, row))
            except NotFound:
                continue  # deleted just now
        return shown.Page(items=found, next=_cursor_of(rows[limit - 1].name) if len(rows) > limit else None)

    return shown.answer(await api_of(request).threads.call(look))


async def get_persona(request: Request, caller: Reader, persona: Name) -> JSONResponse:
    """Photos with their verdicts, reach, consent. A person who is still being learnt is not there yet."""

    def look() -> shown.PersonaShown:
        row = caller.backend.ledger.persona(persona)
        rules.usable(row, row.id)
        return shown.persona(caller.backend, row)

    return shown.answer(await api_of(request).threads.call(look))


async def delete_persona(request: Request, caller: Admin, persona: Name) -> JSONResponse:
    """Erase everything of a person, pictures included, for good. The answer is the signed receipt; asked again by id, the same."""
    return shown.answer(await api_of(request).threads.call(caller.studio.personas.delete, persona))


async def get_preview(
    request: Request, caller: Reader, persona: Name, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Portraits of the person on one sheet."""

    def read() -> tuple[str, bytes | None]:
        found = caller.studio.personas.get(persona)
        blob = found.record.preview
        if blob is None:
            raise NotFound(f"persona {found.name!r} has no preview", param="persona")
        return blob, None if matches(if_none_match, blob) else found.preview

    return picture(*await api_of(request).threads.call(read))


Endpoint = Callable[..., Coroutine[Any, Any, JSONResponse]]


def _create(verb: Verb) -> Endpoint:
    async def create_persona(
        request: Request, caller: Maker, idempotency_key: IdempotencyKey = None, prefer: Prefer = ""
    ) -> JSONResponse:
        def submit(given: dict[str, Any]) -> AnyJob:
            job: AnyJob = verb.call(keyed(caller.studio, idempotency_key).personas, given)
            return job

        return await submitted(request, caller, verb, submit, prefer, idempotency_key)

    return create_persona


def _operation(verb: Verb) -> Endpoint:
    async def operate(
        request: Request, caller: Maker, persona: Name, idempotency_key: IdempotencyKey = None, prefer: Prefer = ""
    ) -> JSONResponse:
        def submit(given: dict[str, Any]) -> AnyJob:
            job: AnyJob = verb.call(keyed(caller.studio, idempotency_key).personas.get(persona), given)
            return job

        await api_of(request).threads.call(caller.studio.personas.get, persona)  # before anything is uploaded
        return await submitted(request, caller, verb, submit, prefer, idempotency_key)

    operate.__name__ = verb.name
    return operate


async def submitted(
    request: Request,
    caller: Maker,
    verb: Verb,
    submit: Callable[[dict[str, Any]], AnyJob],
    prefer: str,
    idempotency_key: str | None,
) -> JSONResponse:
    api = api_of(request)
    if caller.backend.allowance is not None:
        await api.threads.call(_check_allowance, replace(caller.backend, idempotency_key=idempotency_key))
    async with arguments(request, verb, api.options) as given:
        job = await (api.slow if verb.photos else api.threads).call(submit, given)
    return await told(api, caller, job.id, prefer, 202)


def _check_allowance(backend: Backend) -> None:
    """Before anything is uploaded. Raises QuotaExceeded."""
    if backend.allowance is not None and asked_before(backend) is None:
        backend.allowance.check()


def keyed(studio: Studio, key: str | None) -> Studio:
    return studio if key is None else studio.with_idempotency_key(key)


def documented(verb: Verb, summary: str) -> dict[str, Any]:
    """How the route stands in the OpenAPI document. `app.openapi_of` adds the schemas that are named here."""
    content: dict[str, Any] = {
        "application/json": {"schema": {"$ref": f"#/components/schemas/{verb.json_body.__name__}"}}
    }
    if verb.photos:
        file = {"type": "string", "format": "binary"}
        parts: dict[str, Any] = {"request": {"$ref": f"#/components/schemas/{verb.part.__name__}"}}
        parts |= {name: {"type": "array", "items": file} if several else file for name, several in verb.photos.items()}
        content["multipart/form-data"] = {
            "schema": {"type": "object", "properties": parts, "additionalProperties": file},
            "encoding": {"request": {"contentType": "application/json"}},
        }
    return {
        "tags": [verb.row.lane, "operations"] if verb.name != "create" else ["personas"],
        "summary": summary,
        "operation_id": verb.name,
        "status_code": 202,
        "responses": ACCEPTED,
        "response_model": shown.JobShown,
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def _cursor_of(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _name_in(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest("cursor: give what `next` of the page before said", param="cursor") from None
