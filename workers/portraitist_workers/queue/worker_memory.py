"""The memory that this worker has for a job, and what becomes of a job for which it was too little."""

from __future__ import annotations

import logging
from pathlib import Path

from portraitist import memory
from portraitist.backend import Backend
from portraitist.errors import PortraitistError
from portraitist.ledger import JobRow, LeaseLost, RedisLedger
from portraitist.transport import RedisTransport

from .. import settings

log = logging.getLogger(__name__)


def exhausted(error: Exception) -> bool:
    """Whether this says that memory ran out, the processor's or the GPU's."""
    return isinstance(error, MemoryError) or (
        not isinstance(error, PortraitistError) and "out of memory" in str(error).lower()
    )


def beside(row: JobRow) -> bool:
    """Whether this machine has the memory for one more process that does this job."""
    free = _free()
    return free is None or free >= memory.needed(row.request)


def _free() -> int | None:
    """Bytes that processes can still take; None where the system does not tell (macOS)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)


def leave_to_a_larger_one(backend: Backend, row: JobRow) -> bool:
    """Back to the queue, once, if a worker lives that has more memory than this one."""
    ledger, transport, had = backend.ledger, backend.transport, settings.current().memory
    if not (had and isinstance(ledger, RedisLedger) and isinstance(transport, RedisTransport)):
        return False
    raised = row.memory > memory.needed(row.request)  # it has failed on a smaller one before
    if raised or not any(worker.memory > had and row.lane in worker.queues for worker in transport.workers()):
        return False
    reason = f"it ran out of the {memory.show(had)} of its worker"
    try:
        after = ledger.requeue(row.id, row.token, reason=reason, memory=had + 1)
    except LeaseLost:
        return True
    log.warning("job %s: %s: %s", row.id, reason, after.status)
    transport.wake(row.id, row.lane, memory=after.memory)
    return True


def advice() -> str:
    """For the error of a job that is not tried again."""
    size = settings.current().memory
    had = f"its worker has {memory.show(size)}, and none is larger that has not tried; " if size else ""
    return had + "choose a smaller preset, fewer pictures per call or close other programs"
