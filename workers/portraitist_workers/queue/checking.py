"""What the client has checked, checked again before the work: the ledger may hold rows that no client of ours has written."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from portraitist.backend import Backend
from portraitist.errors import InvalidRequest, NotFound
from portraitist.ledger import JobRow, Ledger, rules
from portraitist.ledger.protocol import PersonaRow
from portraitist.operations import check_anybody, operation, parsed
from portraitist.requests import OF_PRIOR, CreatePersona


def checked(backend: Backend, row: JobRow) -> Any:
    """The request of a claimed job, whose persona is the tenant's. Raises InvalidRequest, NotFound, PersonaDeleted, PersonaExpired,
    StorageError."""
    persona = _owned(backend.ledger, row) if row.persona_id else None
    try:
        request: Any = parsed(backend.readable(row.persona_id, row.request))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise InvalidRequest(
            f"job {row.id}: {where[:100]}: {first['msg'].lower()}; submit it again", param=where[:100]
        ) from None
    persona_id = getattr(request, "persona_id", "")
    lane = operation(request.operation).lane
    if (row.operation, row.persona_id, row.lane) != (request.operation, persona_id, lane):
        raise InvalidRequest(f"job {row.id}: its row says one thing and its request another; submit it again")
    if persona and isinstance(request, CreatePersona) and persona.name != request.name:
        raise InvalidRequest(f"job {row.id}: the persona that it makes has another name; create one anew", param="name")
    if persona and not isinstance(request, CreatePersona) and persona.name.startswith(OF_PRIOR):
        check_anybody(request)
    return request


def _owned(ledger: Ledger, row: JobRow) -> PersonaRow:
    """Before anything of hers is opened."""
    persona = ledger.of(row.tenant).persona(row.persona_id)
    if persona.id != row.persona_id:  # somebody's name in place of an id
        rules.usable(None, row.persona_id)
    if row.operation != "create":
        rules.usable(persona, row.persona_id)
        return persona
    rules.not_expired(persona)
    if (persona.status, persona.job_id) != ("creating", row.id):
        raise NotFound(
            f"job {row.id} does not make the persona {row.persona_id!r}; create one anew", param="persona_id"
        )
    return persona
