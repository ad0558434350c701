"""Styles: other ways in which a prior draws its faces."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from ...jobs import AnyJob
from .. import shown
from ..access.door import Maker, Reader
from ..bodies import style_verb
from ..context import PROBLEMS, api_of
from .personas import IdempotencyKey, Prefer, documented, keyed, submitted

Name = Annotated[str, Path(min_length=1, max_length=100)]


def router() -> APIRouter:
    routes = APIRouter(prefix="/v1/styles", tags=["styles"], responses=PROBLEMS)
    routes.add_api_route("", list_styles, methods=["GET"], response_model=shown.Page[shown.StyleShown])
    verb = style_verb()

    async def learn(
        request: Request, caller: Maker, idempotency_key: IdempotencyKey = None, prefer: Prefer = ""
    ) -> JSONResponse:
        def submit(given: dict[str, Any]) -> AnyJob:
            job: AnyJob = verb.call(keyed(caller.studio, idempotency_key).styles, given)
            return job

        return await submitted(request, caller, verb, submit, prefer, idempotency_key)

    routes.add_api_route("", learn, methods=["POST"], **documented(verb, verb.summary))
    routes.add_api_route("/{style}", get_style, methods=["GET"], response_model=shown.StyleShown)
    routes.add_api_route("/{style}", remove_style, methods=["DELETE"], status_code=204)
    return routes


async def list_styles(request: Request, caller: Reader) -> JSONResponse:
    """The bundled ones, then the tenant's own."""

    def look() -> shown.Page[shown.StyleShown]:
        return shown.Page(items=[shown.style(found) for found in caller.studio.styles.list()])

    return shown.answer(await api_of(request).threads.call(look))


async def get_style(request: Request, caller: Reader, style: Name) -> JSONResponse:
    """One, with its record."""
    return shown.answer(await api_of(request).threads.call(lambda: shown.style(caller.studio.styles.get(style))))


async def remove_style(request: Request, caller: Maker, style: Name) -> Response:
    """Delete a style that was learnt. Pictures made with it stay."""
    await api_of(request).threads.call(caller.studio.styles.remove, style)
    return Response(status_code=204)
