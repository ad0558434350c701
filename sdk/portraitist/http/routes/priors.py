"""Priors: the generators that a person can start from, and that edit anybody's photo."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from ...errors import Conflict
from ...jobs import AnyJob
from ...requests import OF_PRIOR
from .. import shown
from ..access.door import Admin, Caller, Maker, Reader
from ..bodies import Verb, calibrate_verb, persona_verbs
from ..context import PROBLEMS, Api, api_of
from .personas import Endpoint, IdempotencyKey, Prefer, documented, keyed, submitted

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

        return await submitted(request, caller, verb, submit, prefer, idempotency_key)

    routes.add_api_route("/{prior}/calibrate", calibrate, methods=["POST"], **documented(verb, verb.summary))
    for one in persona_verbs().values():
        if one.row.anybody:
            told = documented(one, f"{one.summary} Of anybody, by the prior alone")
            told["operation_id"] = f"{one.name}_anybody"
            routes.add_api_route(f"/{{prior}}/{one.name}", _operation(one), methods=["POST"], **told)
    return routes


def _operation(verb: Verb) -> Endpoint:
    async def operate(
        request: Request, caller: Maker, prior: Name, idempotency_key: IdempotencyKey = None, prefer: Prefer = ""
    ) -> JSONResponse:
        def submit(given: dict[str, Any]) -> AnyJob:
            job: AnyJob = verb.call(keyed(caller.studio, idempotency_key).personas.get(OF_PRIOR + prior), given)
            return job

        await _prepared(api_of(request), caller, prior)  # before anything is uploaded
        return await submitted(request, caller, verb, submit, prefer, idempotency_key)

    operate.__name__ = verb.name
    return operate


async def _prepared(api: Api, caller: Caller, prior: str) -> None:
    """Wait until anybody's photo can be edited by the prior, and hold no thread meanwhile. Raises Conflict where that takes long."""
    job = await api.threads.call(lambda: caller.studio.priors.get(prior).prepare())
    if job is None:
        return
    if not await api.follower.over(job.id, api.options.wait_s):
        raise Conflict(
            f"prior {prior!r} is being made ready for photos of anybody; call again when job {job.id} is over",
            param="prior",
            job_id=job.id,
        )
    await api.threads.call(job.result)  # or the error that it ended with


async def list_priors(request: Request, caller: Reader) -> JSONResponse:
    """The bundled ones, then the tenant's own."""

    def look() -> shown.Page[shown.PriorShown]:
        return shown.Page(items=[shown.prior(found) for found in caller.studio.priors.list()])

    return shown.answer(await api_of(request).threads.call(look))


async def get_prior(request: Request, caller: Reader, prior: Name) -> JSONResponse:
    """One, with its record."""
    return shown.answer(await api_of(request).threads.call(lambda: shown.prior(caller.studio.priors.get(prior))))
