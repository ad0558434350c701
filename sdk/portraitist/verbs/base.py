"""What all verbs of a person share: whom they are about, how far that person goes, and the way to a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import Backend
from ..errors import InvalidRequest
from ..jobs import Job
from ..operations import check_anybody
from ..results import PersonaRecord, Reach
from ..submission import Uploads, submit
from ..webhooks.wire import Webhook


class Reaches(dict[str, Reach]):
    """How far each attribute goes; printing them tells which photo to add next."""

    def __str__(self) -> str:
        lines = []
        for name, r in self.items():
            unit = f" {r.unit}" if r.unit else ""
            shown = "" if r.photos_low is None else f" (photos show {r.photos_low:.3g} to {r.photos_high:.3g})"
            holes = "".join(f", no photo from {low:.3g} to {high:.3g}" for low, high in r.holes)
            lines.append(
                f"{name}: {r.low:.3g} to {r.high:.3g}{unit}{shown}{holes}" + (f". {r.advice}" if r.advice else "")
            )
        return "\n".join(lines)


class Verbs:
    def __init__(self, backend: Backend, record: PersonaRecord) -> None:
        self._backend = backend
        self.record = record
        self.id: str = record.persona_id
        self.name: str = record.name

    @property
    def reach(self) -> Reaches:
        """Per attribute: how far this person can be moved, where photos are missing, which to add next."""
        return Reaches((r.attribute, r) for r in self.record.reach)

    def _submit(
        self, request: Any, uploads: Uploads | None, shape: dict[str, Any], wait: bool, webhook: Webhook | None
    ) -> Any:
        if self.record.nobody:
            try:
                check_anybody(request)
            except InvalidRequest:
                if uploads is not None:
                    uploads.withdraw()
                raise
        # Not keyed: the same call twice is two jobs. (A create is: its name is its key.)
        job: Job[Any] = Job(
            self._backend, submit(self._backend, request, uploads=uploads, shape=shape, webhook=webhook)
        )
        return job.wait() if wait else job


def check_one_of(param: str, given: object, known: Sequence[str]) -> None:
    if given not in known:
        raise InvalidRequest(f"{param}={given!r}: expected one of {', '.join(known)}", param=param)
