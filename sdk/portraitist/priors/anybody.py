"""Anybody's photo, edited by a prior alone: `studio.priors["default"].edit("photo.jpg", yaw=10)`.

Behind it stands a persona of nobody. It is made from the prior when it is first wanted, takes no photo, and is called `prior:default`.
Each tenant has its own. So its photos and pictures are sealed, queued, replayed and deleted as those of any persona.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..consent import check
from ..errors import ConsentMissing, NotFound
from ..jobs import Job
from ..ledger import rules
from ..requests import OF_PRIOR, CreatePersona
from ..results import PersonaRecord
from ..submission import Uploads, build, new_persona_id, submit

if TYPE_CHECKING:
    from ..backend import Backend
    from ..parts import Part
    from ..persona import Persona
    from ..photos import PhotoLike
    from .library import Priors


class Anybody:
    """The part of a `Prior` that needs no person. The verbs take what a `Persona`'s of the same name take, and give the same. Of several
    faces the largest is changed, unless `face` names another one. Likeness is not known: the report's `identity` compares with the photo
    itself."""

    if TYPE_CHECKING:  # a Prior's
        name: str
        _priors: Priors

    def edit(self, photo: PhotoLike, **asked: Any) -> Any:
        """As `Persona.edit`, for a photo of anybody: `edit("photo.jpg", yaw=10)`."""
        return self.anybody().edit(photo, **asked)

    def drag(self, photo: PhotoLike | None = None, **asked: Any) -> Any:
        """As `Persona.drag`, for a photo of anybody; without one, for a face that the prior draws from `seed`."""
        return self.anybody().drag(photo, **asked)

    def move(self, photo: PhotoLike | None = None, **asked: Any) -> Any:
        """As `Persona.move`, for a photo of anybody; without one, for a face that the prior draws from `seed`."""
        return self.anybody().move(photo, **asked)

    def compose(self, photo: PhotoLike | None = None, *parts: Part, **asked: Any) -> Any:
        """As `Persona.compose`, for a photo of anybody; without one, for a face that the prior draws from `seed`."""
        return self.anybody().compose(photo, *parts, **asked)

    def open(self, photo: PhotoLike | None = None, **asked: Any) -> Any:
        """As `Persona.open`, for a photo of anybody; without one, for a face that the prior draws from `seed`."""
        return self.anybody().open(photo, **asked)

    def anybody(self, *, progress: bool = False) -> Persona:
        """The persona of nobody that does it. The first time it is made, which takes seconds, and shown with `progress`. Raises what
        `prepare` does."""
        from ..persona import Persona  # which needs the table of operations, and that the priors' records

        if (job := self.prepare()) is not None:
            job.wait(progress=progress)
        return Persona(self._priors._backend, _recorded(self._priors._backend, OF_PRIOR + self.name))

    def prepare(self) -> Job[Persona] | None:
        """Have it made now, if it is not there: the job that does, or None.

        Raises NotFound, PriorNotCalibrated, ConsentMissing (a cluster asks for the consent of whoever is shown), QuotaExceeded,
        QueueUnavailable."""
        backend = self._priors._backend
        try:
            check(None, shared=backend.shared, now=time.time())
        except ConsentMissing as error:
            raise ConsentMissing(
                "no consent is on record for anybody's photo, and a cluster asks for one: create a persona with it, or have the operator "
                "set PORTRAITIST_CONSENT=optional",
                param="prior",
            ) from error
        try:
            _recorded(backend, OF_PRIOR + self.name)
        except NotFound:  # or it was deleted
            self._priors.usable(self.name)
            return _made(backend, self.name)
        return None


def _recorded(backend: Backend, name: str) -> PersonaRecord:
    row = backend.ledger.persona(name)
    rules.usable(row, row.id)
    return PersonaRecord.model_validate(backend.readable(row.id, row.record))


def _made(backend: Backend, prior: str) -> Job[Persona]:
    """The job that makes it, whoever was the first to want it."""
    backend = replace(backend, idempotency_key=None, webhook=None)  # which are the edit's
    persona_id, name = new_persona_id(), OF_PRIOR + prior
    uploads = Uploads(backend, persona_id, new=True)
    request = build(CreatePersona, persona_id=persona_id, name=name, photos=[], prior=prior, detail=False)
    return Job(backend, submit(backend, request, uploads=uploads, shape={}, creates=name))
