"""What an outbox does. A delivery is one event of one job, for the address that the job was submitted with.

* It is written in the step that writes the event, so neither is there without the other.
* `take` leases what is due; a sender that dies lets the lease run out, and another takes it: at least once, by one sender at a
  time. The attempt's number is the fencing token of `settle`.
* A delivered one is forgotten. One that was given up is kept as `dead` for KEEP_DEAD_S, to be looked at and sent again.
* Of a job's progress at most one delivery waits at a time, and none once the job is over.
* Deleting a persona drops its deliveries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

KEEP_DEAD_S = 30 * 24 * 3600
PROGRESS_S = 0.5  # progress waits so long, so an address is told of a job's progress at most twice a second


@dataclass(frozen=True)
class DeliveryRow:
    id: str  # "msg_…", the same for every attempt: the receiver's key against duplicates
    tenant: str
    job_id: str
    operation: str
    persona_id: str
    kind: str  # succeeded, failed, cancelled, progress
    seq: int  # of the event
    created: float  # when it happened
    data: dict[str, Any]  # failed, cancelled: PortraitistError.to_dict(); progress: a Progress
    url: str
    attempts: int
    due: float  # the next attempt; while one goes on, the end of its lease; dead: when it was given up
    dead: bool
    error: str  # of the last attempt


def delivery_id(job_id: str, seq: int) -> str:
    return f"msg_{job_id.removeprefix('job_')}_{seq}"


class Outbox(Protocol):
    def take(self, *, limit: int, lease_s: float) -> list[DeliveryRow]:
        """Those that are due, leased to the caller and with this attempt counted."""

    def settle(self, delivery: DeliveryRow, *, error: str = "", retry_s: float | None = None) -> None:
        """The attempt's outcome. Without error: delivered. With: tried again after `retry_s`, or dead. Nothing happens when
        another sender has taken it since."""

    def list(self, *, dead: bool | None = None, limit: int = 100) -> list[DeliveryRow]:
        """By `due`; of one kind or both."""

    def resend(self, delivery_id: str) -> DeliveryRow:
        """A dead one is due at once, with all its attempts; any other is unchanged. NotFound (also once it was delivered)."""
