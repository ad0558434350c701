"""Priors: the generators that a person can start from."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from ...jobs import AnyJob
from .. import shown
from ..access.door import Admin, Reader
from ..bodies import calibrate_verb
from ..context import PROBLEMS, api_of
from .personas import IdempotencyKey, Prefer, documented, keyed, submitted

Name = Annotated[str, Path(min_length=1, max_length=100)]


def router() -> APIRouter:
    routes = APIRouter(prefix="/v1/priors", tags=["priors"], responses=PROBLEMS)
    routes.add_api_route("", list_priors, methods=["GET"], response_model=shown.Page[shown.PriorShown])
    routes.add_api_route("/{prior}", get_prior, methods=["GET"], response_model=shown.PriorShown)
    verb = calibrate_verb()

    async def calibrate(
        request: Request, caller: Admin, prior: Name, idempotency_key: IdempotencyKey = None, prefer: Prefer = ""
    ) -> JSONResponse:
        def submit(given: dict[str, Any]) -> AnyJob:
            job: AnyJob = verb.call(keyed(caller.studio, idempotency_key).priors, {**given, "name": prior})
            return job

        return await submitted(request, caller, verb, submit, prefer)

    routes.add_api_route("/{prior}/calibrate", calibrate, methods=["POST"], **documented(verb, verb.summary))
    return routes


async def list_priors(request: Request, caller: Reader) -> JSONResponse:
    """The bundled ones, then the tenant's own."""

    def look() -> shown.Page[shown.PriorShown]:
        return shown.Page(items=[shown.prior(found) for found in caller.studio.priors.list()])

    return shown.answer(await api_of(request).threads.call(look))


async def get_prior(request: Request, caller: Reader, prior: Name) -> JSONResponse:
    """One, with its record."""
    return shown.answer(await api_of(request).threads.call(lambda: shown.prior(caller.studio.priors.get(prior))))
