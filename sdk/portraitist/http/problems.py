"""Errors as answers: `application/problem+json` (RFC 9457), from the one tree of errors and from the few that only HTTP knows."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from ..attributes import ATTRIBUTES
from ..errors import Conflict, PortraitistError, QuotaExceeded
from .words import spoken

log = logging.getLogger(__name__)
MEDIA = "application/problem+json"
RETRY_S = 5  # a full queue may have room again so soon, and a server that is away may be back


class Problem(BaseModel):
    """What went wrong, where, and what to do."""

    type: str = Field(description="`urn:portraitist:error:` and the code")
    title: str = Field(description="The status in words")
    status: int
    detail: str = Field(description="What was wrong, and what to do")
    code: str = Field(description="Stable: docs/errors.md and docs/http.md list them")
    param: str | None = Field(default=None, description="The argument or file it is about")
    details: dict[str, Any] = {}


class Refusal(Exception):
    """A request that HTTP itself does not let through: who asks, how much, how fast, in which form."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    param: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Problem:
    return Problem(
        type=f"urn:portraitist:error:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        param=param,
        details=dict(details or {}),
    )


def answer(body: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body.model_dump(mode="json"), body.status, dict(headers or {}), MEDIA)


def of_refusal(refusal: Refusal) -> JSONResponse:
    return answer(problem(refusal.status, refusal.code, refusal.message), refusal.headers)


def of_error(error: PortraitistError, *, private: bool) -> Problem:
    """`private`: whoever asks owns this machine. Others get no text of the server's own troubles, which names folders and hosts."""
    status = error.status
    if isinstance(error, QuotaExceeded) and error.quota == "personas":
        status = Conflict.status  # waiting does not help; deleting one does
    if status < 500 or private:
        details = error.to_dict()["details"]
        return problem(status, error.code, spoken(error.message), param=error.param, details=details)
    number = secrets.token_hex(6)
    log.error("answer %s: %s", number, error.message)
    return problem(status, error.code, f"{type(error).__doc__} The operator finds it in the log as {number}.")


def of_validation(error: ValidationError) -> Problem:
    """Of a body that does not fit its schema. Values are not repeated: they may be long, or a stranger's."""
    first = error.errors(include_url=False, include_context=False, include_input=False)
    param = ".".join(str(part) for part in first[0]["loc"]) or None
    faults = [{"loc": [str(p) for p in one["loc"]], "message": one["msg"]} for one in first[:20]]
    said = first[0]["msg"]
    if param in ATTRIBUTES and first[0]["type"] == "extra_forbidden":
        said = f'attributes stand in values, as in {{"values": {{"{param}": …}}}}'
    return problem(
        422,
        "invalid_request",
        f"{param or 'the request'}: {said}; /openapi.json says what is expected",
        param=param,
        details={"faults": faults},
    )


def install(app: FastAPI, *, private: bool) -> None:
    """Every exception becomes a problem."""

    async def refusal(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return of_refusal(error)

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, PortraitistError)
        body = of_error(error, private=private)
        wait = str(body.details.get("retry_after", RETRY_S))
        return answer(body, {"Retry-After": wait} if body.status in (429, 503) else None)

    async def validation(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ValidationError)
        return answer(of_validation(error))

    async def parameters(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        param = str(first["loc"][-1])
        return answer(problem(422, "invalid_request", f"{param}: {first['msg']}", param=param))

    async def starlette(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = {404: "not_found", 405: "method_not_allowed", 400: "malformed"}.get(error.status_code, "refused")
        text = "there is nothing here; /openapi.json lists what there is" if code == "not_found" else str(error.detail)
        return answer(problem(error.status_code, code, text), error.headers)

    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        number = secrets.token_hex(6)
        log.error("answer %s", number, exc_info=error)
        text = f"something unforeseen happened; the operator finds it in the log as {number}"
        return answer(problem(500, "internal", text))

    app.add_exception_handler(Refusal, refusal)
    app.add_exception_handler(PortraitistError, ours)
    app.add_exception_handler(ValidationError, validation)
    app.add_exception_handler(RequestValidationError, parameters)
    app.add_exception_handler(HTTPException, starlette)
    app.add_exception_handler(Exception, unforeseen)
