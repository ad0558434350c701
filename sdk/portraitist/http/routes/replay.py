"""The same picture again, from its recipe."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from ...jobs import AnyJob
from ..access.door import Maker
from ..bodies import replay_verb
from ..context import PROBLEMS
from .personas import IdempotencyKey, Prefer, documented, keyed, submitted


def router() -> APIRouter:
    routes = APIRouter(responses=PROBLEMS)
    verb = replay_verb()

    async def replay(
        request: Request, caller: Maker, idempotency_key: IdempotencyKey = None, prefer: Prefer = ""
    ) -> JSONResponse:
        def submit(given: dict[str, Any]) -> AnyJob:
            job: AnyJob = verb.call(keyed(caller.studio, idempotency_key), given)
            return job

        return await submitted(request, caller, verb, submit, prefer, idempotency_key)

    said = documented(verb, "The same picture again, from its recipe") | {"operation_id": "replay"}
    routes.add_api_route("/v1/replay", replay, methods=["POST"], **said)
    return routes
