"""Attempts that take longer than their lane's time limit. The job fails at once: it would take as long again."""

from __future__ import annotations

import logging

from portraitist.backend import Backend
from portraitist.errors import JobTimedOut, PortraitistError
from portraitist.ledger import JobRow, LeaseLost
from portraitist.operations import operation

from .. import settings
from ..telemetry import logs, metrics
from .checking import checked

log = logging.getLogger(__name__)

LIMIT_GRACE_S = 5.0  # so long after its limit, one that takes no step is killed


def timed_out(backend: Backend, row: JobRow, stage: str, step: int) -> JobTimedOut:
    """The error of an attempt that had done `step` steps of `stage` (empty: of none). It names the file that it was busy with."""
    where = f"in stage {stage!r}" if stage else "before its first stage"
    file, limit_s = _file(backend, row, stage, step), settings.current().limit_s(row.lane)
    return JobTimedOut(
        f"job {row.id} took longer than its time limit of {limit_s:.0f} s {where}{f', at the file {file!r}' if file else ''}; "
        f"choose a smaller preset or fewer {'or other ' if file else ''}pictures, or set PORTRAITIST_LIMIT_{row.lane.upper()}_S higher on "
        "the worker",
        param=file or None,
        job_id=row.id,
        stage=stage,
    )


def fail_late(backend: Backend, row: JobRow) -> None:
    """End a job whose process was killed for its time limit. Raises QueueUnavailable, StorageError."""
    told = [event.data for event in backend.ledger.events(row.id) if event.kind in ("started", "progress")]
    last = told[-1] if told else {}  # of this attempt: each begins with "started", which has no stage
    error = timed_out(backend, row, str(last.get("stage", "")), int(last.get("step", 0)))
    try:
        backend.ledger.finish(row.id, row.token, "failed", error=error.to_dict())
    except LeaseLost:
        return  # it finished after all
    log.warning("job %s: it took longer than its time limit and was killed", row.id, extra=logs.about(row))
    metrics.ended(row, "failed")
    try:
        backend.store.drop_checkpoint(row.id)
    except PortraitistError:
        log.warning("the checkpoint of job %s could not be dropped", row.id, exc_info=True)


def _file(backend: Backend, row: JobRow, stage: str, step: int) -> str:
    """Name of the photo: the only one, or the next of those that intake goes through; empty for work on all of them."""
    try:
        request = checked(backend, row)
    except PortraitistError:  # the persona was deleted, say
        return ""
    kind = operation(request.operation)
    photos = kind.photos_of(request)
    if not kind.judges_photos:
        return photos[0].name if photos else ""
    return photos[step].name if stage == "intake" and step < len(photos) else ""
