"""The way in: `connect()` gives a Studio, with `.personas` and `.jobs`."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, overload

from . import recipes
from .attributes import ATTRIBUTES, DEFAULT_ATTRIBUTES
from .backend import Backend, open_backend
from .consent import Consent, check, end_of
from .deletion import delete
from .errors import InvalidRequest, NotFound, PersonaDeleted
from .jobs import AnyJob, Job, Status
from .labels import checked_labels, uploaded
from .ledger import protocol, rules
from .live.session import LiveSession
from .persona import Persona
from .photos import PhotoLike
from .priors.library import Priors
from .requests import OF_PRIOR, CreatePersona
from .results import PersonaRecord
from .styles.library import Styles
from .submission import Uploads, build, new_persona_id, submit
from .targets import check_name
from .vault.receipts import Receipt
from .webhooks.resource import Webhooks
from .webhooks.wire import Webhook


def connect(
    url: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    tenant: str | None = None,
    webhook: Webhook | None = None,
) -> Studio:
    """A studio. Without arguments it is embedded and needs no server. Everything lies in one folder: `home`, else
    $PORTRAITIST_HOME, else the user's data folder. A local process does the work, and starts when there is some.

    With `url` (or $PORTRAITIST_URL) as in "redis://host:6379/0" it is a cluster, whose `portraitist worker` processes do the work.
    Its bytes lie in `store` (or $PORTRAITIST_STORE): s3://bucket/folder, or a folder that every client and worker has mounted.
    `tenant` (or $PORTRAITIST_TENANT, else "default") keeps several customers on one backend apart. Another tenant's persona
    or job is unknown to this studio. `webhook` is called for every job that is submitted without one of its own.
    Raises StorageError when the folder cannot be used, InvalidRequest when an address is wrong."""
    home, store = (None if given is None else os.fspath(given) for given in (home, store))
    return Studio(replace(open_backend(url, home, store).of(tenant), webhook=webhook))


class Studio:
    """`studio.personas` are the people it has learnt. `studio.jobs` is the work that is waiting, running or done. `studio.priors` are
    the generators that a person can start from. `studio.styles` are other ways to draw. `studio.webhooks` are those that wait to be
    sent."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.personas = Personas(backend)
        self.jobs = Jobs(backend)
        self.priors = Priors(backend)
        self.styles = Styles(backend)
        self.webhooks = Webhooks(backend)

    def __repr__(self) -> str:
        return f"Studio({self._backend.name})"

    def with_priority(self, priority: int) -> Studio:
        """The same studio, whose jobs go before (1 to 9) or after (-1 to -9) your others. Other tenants' are not concerned."""
        if priority not in range(-9, 10):
            raise InvalidRequest(f"priority={priority!r}: expected a whole number from -9 to 9", param="priority")
        return Studio(replace(self._backend, priority=priority))

    def replay(
        self,
        recipe: Mapping[str, Any] | str | os.PathLike[str],  # `picture.recipe`, or a JSON file of it
        photo: PhotoLike | None = None,  # the photo once more, where the job that was given it is forgotten
        *,
        mask: PhotoLike | None = None,  # so its mask
        like: Sequence[PhotoLike] = (),  # so the photos that something was taken from, in their order
        wait: bool = True,
    ) -> Any:
        """The same picture again, its pixels equal to the bit on one device; of several, all of them. With `wait=False` a Job.

        Raises InvalidRequest (no recipe, another version's or a changed one, another photo, a persona that has learnt since), NotFound,
        PersonaDeleted."""
        found = recipes.read(recipe)
        request = recipes.request_of(found)
        person = self.personas.get(request.persona_id)
        recipes.check_persona(found, person.record)
        job: AnyJob = Job(
            self._backend,
            recipes.submitted(self._backend, request, found["files"], photo=photo, mask=mask, like=like),
        )
        return job.wait() if wait else job

    def with_idempotency_key(self, key: str) -> Studio:
        """The same studio for one call, whatever its verb: a second call with the same key and arguments returns the first job, and
        other arguments raise Conflict. A failed or cancelled job frees its key."""
        if not isinstance(key, str) or not 1 <= len(key) <= 255 or not key.isprintable():
            raise InvalidRequest(
                "an idempotency key is 1 to 255 printable characters, such as a random UUID", param="idempotency_key"
            )
        return Studio(replace(self._backend, idempotency_key=key))

    def describe(self) -> dict[str, object]:
        """Where it keeps things, and whether a worker is running."""
        return self._backend.transport.describe()


class Personas:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @overload
    def create(
        self,
        name: str,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        attributes: Sequence[str] = ...,
        preset: str = ...,
        organizer: str = ...,
        prior: str = ...,
        seed: int = ...,
        consent: Consent | None = ...,
        retain_days: float | None = ...,
        labels: Mapping[str, Mapping[str, float]] | None = ...,
        person: str | None = ...,
        keep: Sequence[str] = ...,
        detail: bool = ...,
        webhook: Webhook | None = ...,
        wait: Literal[False] = False,
    ) -> Job[Persona]: ...
    @overload
    def create(
        self,
        name: str,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        attributes: Sequence[str] = ...,
        preset: str = ...,
        organizer: str = ...,
        prior: str = ...,
        seed: int = ...,
        consent: Consent | None = ...,
        retain_days: float | None = ...,
        labels: Mapping[str, Mapping[str, float]] | None = ...,
        person: str | None = ...,
        keep: Sequence[str] = ...,
        detail: bool = ...,
        webhook: Webhook | None = ...,
        wait: Literal[True],
    ) -> Persona: ...
    def create(
        self,
        name: str,  # unique among your personas; free again once the persona is deleted or its creation failed
        photos: PhotoLike
        | Iterable[PhotoLike],  # a folder, or paths, bytes, (name, bytes) pairs, PIL images, https addresses
        *,
        attributes: Sequence[str] = DEFAULT_ATTRIBUTES,  # what shall be controllable; own ones need `labels`
        preset: str = "balanced",  # fast, balanced, best
        organizer: str = "auto",  # auto, regression, mystyle_pp, mystyle_pp_sefa, mystyle
        prior: str = "default",  # or one of `studio.priors`
        seed: int = 0,
        consent: Consent | None = None,  # the person's; required in a cluster
        retain_days: float | None = None,  # delete the persona after so many days, even if the consent lasts longer
        labels: Mapping[str, Mapping[str, float]] | None = None,  # {"a.jpg": {"age": 34}}
        person: str | None = None,  # "a.jpg": the largest face in it is who is meant; None: whoever most photos show
        keep: Sequence[str] = (),  # ["a.jpg"]: photos to use whatever is found in them, if they show a face
        detail: bool = True,  # keep the photos' faces, for portraits with their fine detail
        webhook: Webhook | None = None,  # whom to tell when it is over, in place of the studio's
        wait: bool = False,
    ) -> Any:
        """Learn a person from photos: a Job, whose `wait()` gives the Persona. Takes a minute or two.

        The same call again returns the same job. Another call with the same name raises Conflict. Other errors: UnknownAttribute,
        InvalidRequest, InvalidImage (a file is missing), NotFound and PriorNotCalibrated (`prior`), ConsentMissing, ConsentExpired,
        QuotaExceeded; from the job: PhotosUnusable."""
        name = _checked_name(name)
        if self._backend.home is not None or self._backend.shared:  # a fake studio has no priors at all
            Priors(self._backend).usable(prior)
        consent = consent or Consent.nobody_asked(name)
        check(consent, shared=self._backend.shared, now=time.time())
        known = checked_labels(labels)
        wanted = _attributes(attributes, known)
        persona_id = new_persona_id()
        uploads = Uploads(self._backend, persona_id, new=True)
        request = build(
            CreatePersona,
            persona_id=persona_id,
            name=name,
            photos=[],
            attributes=wanted,
            organizer=organizer,
            preset=preset,
            prior=prior,
            seed=seed,
            person=person,
            keep=[keep] if isinstance(keep, str) else list(keep),
            detail=detail,
            consent=consent,
            expires=end_of(consent, retain_days, now=time.time()),
        )
        request.photos += uploaded(uploads, photos, known, person=[person] if person else [], keep=request.keep)
        row = submit(self._backend, request, uploads=uploads, shape={}, creates=name, webhook=webhook)
        job: Job[Persona] = Job(self._backend, row)
        return job.wait() if wait else job

    def get(self, name_or_id: str) -> Persona:
        """NotFound (also while it is still being created), PersonaDeleted, PersonaExpired."""
        row = self._backend.ledger.persona(name_or_id)
        rules.usable(row, row.id)
        return self._persona(row)

    def list(self) -> list[Persona]:
        """By name."""
        found = []
        for row in self._backend.ledger.personas():
            with suppress(NotFound):  # deleted just now
                found.append(self._persona(row))
        return found

    def _persona(self, row: protocol.PersonaRow) -> Persona:
        return Persona(self._backend, PersonaRecord.model_validate(self._backend.readable(row.id, row.record)))

    def delete(self, name_or_id: str) -> Receipt:
        """As `Persona.delete`; one that is still being created is stopped and removed. Asked again by id, the same receipt; by
        name, PersonaDeleted (another person may have it by now)."""
        if name_or_id.startswith("per_"):
            return delete(self._backend, name_or_id)
        return delete(self._backend, self._backend.ledger.persona(name_or_id).id)

    def __contains__(self, name_or_id: object) -> bool:
        try:
            return isinstance(name_or_id, str) and self._backend.ledger.persona(name_or_id).status == "active"
        except (NotFound, PersonaDeleted):
            return False


class Jobs:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def get(self, job_id: str) -> AnyJob:
        """The handle of a job that was submitted anywhere, any time. NotFound."""
        return Job(self._backend, self._backend.ledger.job(job_id))

    def live(self, job_id: str) -> LiveSession:
        """The asynchronous side of a live session, which `persona.open(…, wait=False)` has made a job of: `await session.start()`, then
        `await session.send({"do": "undo"})` and `await session.receive()`. Commands and messages are those of docs/http.md."""
        return LiveSession(self._backend, job_id)

    # `list` is this class's own method below, hence the quoted annotation of what it returns.
    def list(self, *, status: protocol.Status | None = None, limit: int = 100) -> list[AnyJob]:
        """Newest first; `status`: only queued, running, succeeded, failed or cancelled ones."""
        return [Job(self._backend, row) for row in self._backend.ledger.jobs(status=status, limit=limit)]

    def cancel(self, job_id: str) -> Status:
        """As `Job.cancel`."""
        return self.get(job_id).cancel()


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise InvalidRequest(f"name is a {type(name).__name__}; expected text", param="name")
    name = unicodedata.normalize("NFC", name).strip()
    # It is shown in terminals and reports, and must not be mistaken for an id. (No path is ever made from it.)
    plain = all(c.isprintable() and c not in "/\\<>" for c in name)
    if not 1 <= len(name) <= 64 or not plain or name.startswith(("per_", "sha256:", OF_PRIOR, "-", ".")):
        raise InvalidRequest(
            f"{name[:80]!r} cannot be a persona's name; use 1 to 64 letters, digits, spaces and signs, no / \\ < >, "
            "not beginning with '.', '-', 'per_' or 'prior:'",
            param="name",
        )
    return name


def _attributes(attributes: Sequence[str], labels: Mapping[str, Mapping[str, float]]) -> list[str]:
    if isinstance(attributes, str):
        raise InvalidRequest(
            f"attributes={attributes!r}; expected a list, as in attributes=({attributes!r},)", param="attributes"
        )
    custom = {name for values in labels.values() for name in values}
    wanted = list(attributes)
    if not wanted or len(set(wanted)) != len(wanted):
        raise InvalidRequest("attributes must name at least one, each once", param="attributes")
    for name in wanted:
        check_name(name, [*ATTRIBUTES, *sorted(custom)], owner="the SDK (own attributes need labels with the photos)")
    return wanted
