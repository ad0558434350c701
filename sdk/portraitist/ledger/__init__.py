"""The ledger: the one truth about jobs and personas. `protocol` says what every adapter must do."""

from .memory import MemoryLedger
from .protocol import (
    DEFAULT_TENANT,
    LANES,
    MAX_ATTEMPTS,
    WOKEN,
    Deletion,
    EventRow,
    JobRow,
    LeaseLost,
    Ledger,
    NewJob,
    PersonaRow,
    Quotas,
    Standing,
    TenantRow,
)
from .redis import RedisLedger
from .sqlite import SqliteLedger

__all__ = [
    "DEFAULT_TENANT",
    "LANES",
    "MAX_ATTEMPTS",
    "WOKEN",
    "Deletion",
    "EventRow",
    "JobRow",
    "LeaseLost",
    "Ledger",
    "MemoryLedger",
    "NewJob",
    "PersonaRow",
    "Quotas",
    "RedisLedger",
    "SqliteLedger",
    "Standing",
    "TenantRow",
]
