"""Decisions that are the same in every ledger: who may take a name or key, and what becomes of an attempt that died."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ..errors import (
    Conflict,
    JobCancelled,
    JobFailed,
    NotFound,
    PersonaDeleted,
    PersonaExpired,
    QuotaExceeded,
    StorageError,
)
from .protocol import MAX_ATTEMPTS, JobRow, Json, NewJob, PersonaRow, Status


def tombstone(name: str) -> str:
    """What a deleted persona keeps of its name: enough to say "deleted", not enough to read it."""
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def same_or_conflict(new: NewJob, holder: JobRow, what: str) -> JobRow:
    """`holder` already has the key or name that `new` wants: the same request returns it, any other is refused."""
    if holder.body_hash != new.body_hash or holder.operation != new.request["operation"]:
        raise Conflict(
            f"{what} is taken by job {holder.id}, a different request; use another one"
            + (", or delete that persona first" if new.creates else ""),
            param="name" if new.creates and what.startswith("the name") else "idempotency_key",
            job_id=holder.id,
        )
    return holder


def same_addition(new: NewJob, holder: JobRow) -> JobRow:
    """`holder` is adding photos to the persona that `new` wants to add some to."""
    if holder.body_hash != new.body_hash:
        raise Conflict(
            f"job {holder.id} is adding photos to this persona; wait until it is over, then add these",
            param="photos",
            job_id=holder.id,
        )
    return holder


def usable(persona: PersonaRow | None, persona_id: str) -> None:
    """Refuse a job for a persona that cannot be used now."""
    if persona is None:
        raise NotFound(
            f"there is no persona {persona_id!r}; studio.personas.list() shows those there are", param="persona_id"
        )
    if persona.status == "deleted":
        raise deleted(persona_id)
    not_expired(persona)
    if persona.status == "creating":
        raise NotFound(
            f"persona {persona.name!r} is still being created; wait for job {persona.job_id}",
            param="persona_id",
            job_id=persona.job_id,
        )


def at(persona: PersonaRow, now: float) -> PersonaRow:
    """As it is at this time."""
    over = persona.status in ("creating", "active") and persona.expires is not None and persona.expires <= now
    return replace(persona, status="expired") if over else persona


def deleted(id_or_name: str) -> PersonaDeleted:
    return PersonaDeleted(
        f"persona {id_or_name!r} was deleted with everything made from it; create it again from photos",
        param="persona_id",
    )


def job_of_deleted() -> Json:
    """The error of a job that was stopped by deleting its persona. It names nobody."""
    return PersonaDeleted(
        "the job's persona was deleted with everything made from it; create it again from photos"
    ).to_dict()


def no_deletion(persona_id: str) -> NotFound:
    return NotFound(f"there is no persona {persona_id!r}, nor was one deleted", param="persona_id")


def not_expired(persona: PersonaRow) -> None:
    if persona.status != "expired":
        return
    day = datetime.fromtimestamp(persona.expires or 0.0).astimezone().strftime("%Y-%m-%d %H:%M %Z")
    raise PersonaExpired(
        f"persona {persona.name!r} expired on {day}, when its consent or the time that it was to be kept ended; it is being deleted. "
        "To go on, delete it and create it again with a consent that lasts",
        param="persona_id",
    )


def keyless(persona_id: str) -> PersonaDeleted:
    return PersonaDeleted(
        f"persona {persona_id!r} was deleted just now, or made by a version that did not encrypt; create it again from photos",
        param="persona_id",
    )


def quota_exceeded(tenant: str, quota: str, count: int, limit: int) -> QuotaExceeded:
    what, remedy = {
        "queued": ("queued jobs", "wait until some are done, cancel some"),
        "personas": ("personas", "delete some"),
    }[quota]
    return QuotaExceeded(
        f"tenant {tenant!r} has {count} {what}, and its quota is {limit}; {remedy}, or have the operator raise it "
        f"(portraitist tenants set-quota {tenant} --{quota} …)",
        param="tenant",
        quota=quota,
        count=count,
        limit=limit,
    )


@dataclass(frozen=True)
class Line:
    """One tenant's queued jobs in one lane."""

    tenant: str
    running: int  # its running jobs of that lane
    turn: int  # grows from service to service; 0: never served
    count: int
    ids: Sequence[str] = ()  # the first ones in its own order


def in_turn(lines: Iterable[Line], limit: int) -> list[str]:
    """The queued jobs in the order of their turns, as if none of those running ended."""
    order = sorted(
        (line.running + place, line.turn, line.tenant, job_id)
        for line in lines
        for place, job_id in enumerate(line.ids)
    )
    return [job_id for *_, job_id in order[:limit]]


def ahead(mine: Line, place: int, others: Iterable[Line]) -> int:
    """How many go before the job at `place` (0, 1, …) of `mine`, by the same order."""
    before = place
    for other in others:
        earlier = (other.turn, other.tenant) < (mine.turn, mine.tenant)
        before += min(other.count, max(0, mine.running + place - other.running + earlier))
    return before


def damaged(job_id: str = "") -> StorageError:
    what = f"the row of job {job_id}" if job_id else "the job's row"
    return StorageError(f"{what} is not as a client writes it, so it is not run; submit the job again")


def no_delivery(delivery_id: str) -> NotFound:
    return NotFound(
        f"there is no webhook {delivery_id!r} waiting or given up; it was delivered, or dropped with its persona",
        param="id",
    )


def after_death(
    row: JobRow, reason: str, count: bool
) -> tuple[Status, Literal["requeued", "failed", "cancelled"], Json | None]:
    """(new status, event, error) of a running job whose attempt ended without a result."""
    if row.cancel_requested is not None:
        return "cancelled", "cancelled", cancelled_error(row.id)
    if count and row.attempts >= MAX_ATTEMPTS:
        error = JobFailed(
            f"job {row.id} was given up after {row.attempts} attempts: {reason}. A process that dies has usually had too "
            "little memory: close other programs or choose a smaller preset; the worker's log tells more",
            job_id=row.id,
            attempts=row.attempts,
        )
        return "failed", "failed", error.to_dict()
    return "queued", "requeued", None


def cancelled_error(job_id: str) -> Json:
    return JobCancelled(f"job {job_id} was cancelled; submit it again to have its result", job_id=job_id).to_dict()


def no_api_key(key_id: str) -> NotFound:
    return NotFound(f"there is no API key {key_id!r}; `portraitist keys list` shows those there are", param="key_id")
