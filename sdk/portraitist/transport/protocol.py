"""What a transport does: wake workers. It carries no job; the ledger does. A lost or doubled wake-up is harmless."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from ..ledger.protocol import Lane


class Capability(Enum):
    HARD_CANCEL = "hard_cancel"  # a job that does not listen can be stopped
    SURVIVES_CLIENT = "survives_client"  # jobs go on when the app ends
    MULTI_HOST = "multi_host"


class Transport(Protocol):
    capabilities: frozenset[Capability]

    def wake(self, job_id: str, lane: Lane, persona_id: str = "", memory: int = 0) -> None:
        """`job_id` was queued in `lane`: see to it that a worker looks, best one that holds `persona_id` ready, and that
        has `memory` bytes. Raises QueueUnavailable."""

    def check(self) -> None:
        """Called about once a second while a client waits: repair what can be repaired (restart a dead worker), raise
        QueueUnavailable when no worker will come."""

    def describe(self) -> dict[str, object]:
        """For `portraitist doctor` and health checks. `alive`: there are workers for everything; `here`: one on this host."""
