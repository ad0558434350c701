"""Decisions that are the same in every ledger: who may take a name or key, and what becomes of an attempt that died."""

from __future__ import annotations

import hashlib
from typing import Literal

from ..errors import Conflict, JobCancelled, JobFailed, NotFound, PersonaDeleted
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


def usable(persona: PersonaRow | None, persona_id: str) -> None:
    """Refuse a job for a persona that cannot be used now."""
    if persona is None:
        raise NotFound(
            f"there is no persona {persona_id!r}; studio.personas.list() shows those there are", param="persona_id"
        )
    if persona.status == "deleted":
        raise deleted(persona_id)
    if persona.status == "creating":
        raise NotFound(
            f"persona {persona.name!r} is still being created; wait for job {persona.job_id}",
            param="persona_id",
            job_id=persona.job_id,
        )


def deleted(id_or_name: str) -> PersonaDeleted:
    return PersonaDeleted(
        f"persona {id_or_name!r} was deleted with everything made from it; create it again from photos",
        param="persona_id",
    )


def job_of_deleted() -> Json:
    """The error of a job that was stopped by deleting its persona. It names nobody."""
    return PersonaDeleted("the job's persona was deleted with everything made from it; create it again from photos").to_dict()


def no_deletion(persona_id: str) -> NotFound:
    return NotFound(f"there is no persona {persona_id!r}, nor was one deleted", param="persona_id")


def keyless(persona_id: str) -> PersonaDeleted:
    return PersonaDeleted(
        f"persona {persona_id!r} was deleted just now, or made by a version that did not encrypt; create it again from photos",
        param="persona_id",
    )


def no_delivery(delivery_id: str) -> NotFound:
    return NotFound(
        f"there is no webhook {delivery_id!r} waiting or given up; it was delivered, or dropped with its persona", param="id"
    )


def after_death(
    row: JobRow, reason: str, count: bool
) -> tuple[Status, Literal["requeued", "failed", "cancelled"], Json | None]:
    """(new status, event, error) of a running job whose attempt ended without a result."""
    if row.cancel_requested is not None:
        return "cancelled", "cancelled", cancelled_error(row.id)
    if count and row.attempts >= MAX_ATTEMPTS:
        error = JobFailed(
            f"job {row.id} was given up after {row.attempts} attempts: {reason}. The usual cause is too little memory: "
            "close other programs or choose a smaller preset; the worker's log tells more",
            job_id=row.id,
            attempts=row.attempts,
        )
        return "failed", "failed", error.to_dict()
    return "queued", "requeued", None


def cancelled_error(job_id: str) -> Json:
    return JobCancelled(f"job {job_id} was cancelled; submit it again to have its result", job_id=job_id).to_dict()
