"""What the client has checked, checked again before the work: the ledger may hold rows that no client of ours has written."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from portraitist.errors import InvalidRequest, NotFound
from portraitist.ledger import JobRow, Ledger, rules
from portraitist.requests import CalibratePrior, CreatePersona, Request

_REQUEST: TypeAdapter[Any] = TypeAdapter(Request)


def checked(ledger: Ledger, row: JobRow) -> Any:
    """The request of a claimed job, whose persona is the tenant's. Raises InvalidRequest, NotFound, PersonaDeleted, PersonaExpired."""
    try:
        request = _REQUEST.validate_python(row.request)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise InvalidRequest(f"job {row.id}: {where[:100]}: {first['msg'].lower()}; submit it again", param=where[:100]) from None
    persona_id = getattr(request, "persona_id", "")
    lane = "tune" if isinstance(request, CreatePersona | CalibratePrior) else "serve"
    if (row.operation, row.persona_id, row.lane) != (request.operation, persona_id, lane):
        raise InvalidRequest(f"job {row.id}: its row says one thing and its request another; submit it again")
    if persona_id:
        _owned(ledger, row, request)
    return request


def _owned(ledger: Ledger, row: JobRow, request: Any) -> None:
    persona = ledger.of(row.tenant).persona(row.persona_id)
    if persona.id != row.persona_id:  # somebody's name in place of an id
        rules.usable(None, row.persona_id)
    if not isinstance(request, CreatePersona):
        rules.usable(persona, row.persona_id)
        return
    rules.not_expired(persona)
    if (persona.status, persona.job_id, persona.name) != ("creating", row.id, request.name):
        raise NotFound(f"job {row.id} does not make the persona {row.persona_id!r}; create one anew", param="persona_id")
