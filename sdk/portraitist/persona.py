"""A persona's handle: one person that the studio has learnt. What can be made of them is in `verbs`, a file for each concept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, overload

from .backend import Backend
from .consent import Consent
from .deletion import delete
from .jobs import Job, handle_of
from .labels import checked_labels, uploaded
from .ledger import JobRow
from .live.opening import Opening
from .operations import check_anybody
from .photos import PhotoLike, read, stored
from .requests import AddPhotos, FindFaces
from .results import Faces, FoundFace, PersonaRecord, PhotoVerdict
from .submission import Uploads, build, submit
from .vault.receipts import Receipt
from .verbs.collages import Collages
from .verbs.drags import Drags
from .verbs.edits import Edits
from .verbs.portraits import Portraits
from .verbs.restorations import Restorations
from .verbs.styles import Restyling
from .webhooks.wire import Webhook


class Photos(list[PhotoVerdict]):
    """Verdicts on the photos; printing them tells the story."""

    def __str__(self) -> str:
        return "\n".join(
            f"{'ok     ' if v.accepted else 'refused'} {v.name}" + (f": {v.reason}" if v.reason else "")
            + "".join(f" ({warning})" for warning in v.warnings)
            for v in self
        )  # fmt: skip


class Persona(Portraits, Edits, Drags, Restorations, Collages, Restyling, Opening):
    """Every verb waits by default and returns the picture; with `wait=False` it returns a Job at once."""

    def __repr__(self) -> str:
        return f"Persona({self.name!r}, {self.id!r})"

    @property
    def photos(self) -> Photos:
        """The verdict on each photo that it was made from."""
        return Photos(self.record.photos)

    @property
    def consent(self) -> Consent | None:
        """The person's, as it was recorded; None: made by a version that did not."""
        found = self._backend.ledger.persona(self.id).consent
        return None if found is None else Consent.model_validate(self._backend.readable(self.id, found))

    @property
    def expires(self) -> datetime | None:
        """When it ends: unusable from then on, and deleted."""
        end = self._backend.ledger.persona(self.id).expires
        return None if end is None else datetime.fromtimestamp(end, UTC)

    @property
    def preview(self) -> bytes | None:
        """A contact sheet (PNG)."""
        return None if self.record.preview is None else self._backend.sealed(self.id).get(self.record.preview)

    @overload
    def faces(
        self, photo: PhotoLike, *, webhook: Webhook | None = None, wait: Literal[True] = True
    ) -> list[FoundFace]: ...
    @overload
    def faces(
        self, photo: PhotoLike, *, webhook: Webhook | None = None, wait: Literal[False]
    ) -> Job[list[FoundFace]]: ...
    def faces(self, photo: PhotoLike, *, webhook: Webhook | None = None, wait: bool = True) -> Any:
        """The faces of a photo, with how like this person each is: the one that would be taken first, then the others. `face.middle`
        is what `face=` takes. None is found: an empty list."""
        uploads = Uploads(self._backend, self.id)
        request = build(FindFaces, persona_id=self.id, photo=stored(uploads, *read(photo)))
        return self._submit(request, uploads, {}, wait, webhook)

    @overload
    def add(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        keep: Sequence[str] = (),
        labels: Mapping[str, Mapping[str, float]] | None = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[True] = True,
    ) -> Persona: ...
    @overload
    def add(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        keep: Sequence[str] = (),
        labels: Mapping[str, Mapping[str, float]] | None = None,
        seed: int = 0,
        webhook: Webhook | None = None,
        wait: Literal[False],
    ) -> Job[Persona]: ...
    def add(
        self,
        photos: PhotoLike | Iterable[PhotoLike],  # a folder, or paths, bytes, …, as in a creation; one is enough
        *,
        keep: Sequence[str] = (),  # ["a.jpg"]: photos to use whatever is found in them, if they show a face
        labels: Mapping[str, Mapping[str, float]] | None = None,  # {"a.jpg": {"age": 34}}, for attributes of your own
        seed: int = 0,
        webhook: Webhook | None = None,  # whom to tell when it is over, in place of the studio's
        wait: bool = True,
    ) -> Any:
        """Learn the person better from more photos, in about a third of the time. Returns the persona as it is then, with the
        same id and name; this handle keeps the record that it has. Until the job has succeeded, the old one serves.

        The same call again while the job runs returns the same job; other photos meanwhile raise Conflict. From the job: PhotosUnusable
        when none of the photos shows this person and is new."""
        known = checked_labels(labels)
        if self.record.nobody:
            check_anybody(AddPhotos(persona_id=self.id, photos=[]))
        uploads = Uploads(self._backend, self.id)
        kept = [keep] if isinstance(keep, str) else list(keep)
        request = build(AddPhotos, persona_id=self.id, photos=[], keep=kept, seed=seed)
        request.photos += uploaded(uploads, photos, known, keep=kept)
        prior = self.record.prior.partition("@")[0]
        job: Job[Persona] = Job(
            self._backend,
            submit(self._backend, request, uploads=uploads, shape={}, prior=prior, webhook=webhook),
        )
        return job.wait() if wait else job

    def delete(self) -> Receipt:
        """Remove record, weights, photos and every picture made from them, and destroy the key with which they were stored, so
        that no backup of the store can be read. Jobs stop; workers forget within a minute. What remains is the signed receipt;
        asked again, the same one."""
        return delete(self._backend, self.id)


@handle_of(PersonaRecord)
def _of_job(backend: Backend, row: JobRow) -> Persona:
    return Persona(backend, PersonaRecord.model_validate(backend.readable(row.persona_id, row.result)))


@handle_of(Faces)
def _found(backend: Backend, row: JobRow) -> list[FoundFace]:
    return Faces.model_validate(backend.readable(row.persona_id, row.result)).faces
