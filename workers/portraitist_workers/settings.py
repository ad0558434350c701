"""What a worker process was told by its environment: one frozen object, read once. Children inherit the environment, and so the object.

docs/settings.md lists every variable.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from portraitist.errors import InvalidRequest
from portraitist.ledger.protocol import Lane

_VARIABLES = {
    "url": "PORTRAITIST_URL",
    "home": "PORTRAITIST_HOME",
    "node": "PORTRAITIST_NODE",
    "worker_pid": "PORTRAITIST_WORKER_PID",
    "lease_s": "PORTRAITIST_LEASE_S",
    "limit_serve_s": "PORTRAITIST_LIMIT_SERVE_S",
    "limit_tune_s": "PORTRAITIST_LIMIT_TUNE_S",
    "limit_live_s": "PORTRAITIST_LIMIT_LIVE_S",
    "idle_s": "PORTRAITIST_IDLE_S",
    "full_patience_s": "PORTRAITIST_FULL_PATIENCE_S",
    "deletions_s": "PORTRAITIST_DELETIONS_S",
    "keep_jobs_days": "PORTRAITIST_KEEP_JOBS_DAYS",
    "batch": "PORTRAITIST_BATCH",
    "memory": "PORTRAITIST_MEMORY",
    "warm_mb": "PORTRAITIST_WARM_MB",
    "device": "PORTRAITIST_DEVICE",
    "dtype": "PORTRAITIST_DTYPE",
    "identity": "PORTRAITIST_IDENTITY",
    "allow_download": "PORTRAITIST_ALLOW_DOWNLOAD",
    "log": "PORTRAITIST_LOG",
    "metrics_tenants": "PORTRAITIST_METRICS_TENANTS",
    "operations": "PORTRAITIST_TEST_OPERATIONS",
}


@dataclass(frozen=True)
class Settings:
    """Times in seconds. `url`: the cluster's server; empty: an embedded worker, of `home`. `node`: this worker's name in its cluster."""

    url: str = ""
    home: str = ""
    node: str = ""
    worker_pid: int = 0  # of a child: the process that started it, and with which it ends
    lease_s: float = 15.0  # a worker that is silent for so long is taken for dead
    limit_serve_s: float = 900.0  # an attempt may take so long, by lane
    limit_tune_s: float = 14400.0
    limit_live_s: float = 14400.0
    idle_s: float = 600.0  # an embedded worker ends after so long without work; 0: never
    full_patience_s: float = 600.0  # a job waits so long for room on a full disk
    deletions_s: float = 20.0  # how often deletions are looked after, and how long whoever asked for one is given
    keep_jobs_days: float = 30.0  # jobs that are over are kept so long, with their pictures; 0: for ever
    batch: int = 1  # jobs in one pass
    memory: int = 0  # bytes that this worker has for a job; 0: not known
    warm_mb: int = 1024  # of people and photos that a process holds ready
    device: str = "cpu"  # as torch names it
    dtype: str = ""  # of optimisation: float32 or bfloat16; empty: by the kind of processor
    identity: str = "bundled"  # or facenet
    allow_download: bool = False  # of weights that were asked for and are missing
    log: str = "text"  # or json
    metrics_tenants: bool = False  # whether jobs are counted by tenant
    operations: str = "portraitist_workers.operations"  # the tests of the queue put a module of their own in its place

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Raises InvalidRequest that names the variable."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            variable = _VARIABLES[field.name]
            if text := environment.get(variable):
                kind: type = type(field.default)
                try:
                    found[field.name] = text == "1" if kind is bool else kind(text)
                except ValueError:
                    raise InvalidRequest(
                        f"{variable}={text!r} is no number; set one like {field.default}, or unset it", param=variable
                    ) from None
        return cls(**found)

    def limit_s(self, lane: Lane) -> float:
        """How long an attempt may take. Checked at every step, and enforced by killing a while later."""
        return {"serve": self.limit_serve_s, "tune": self.limit_tune_s, "live": self.limit_live_s}[lane]

    @property
    def silent_s(self) -> float:
        """How long after its lease a job is given up: the whole machine may have slept, or its clock been set."""
        return 0.4 * self.lease_s


@functools.cache
def current() -> Settings:
    """This process's, read at the first call."""
    return Settings.of(os.environ)


def tell(**values: object) -> None:
    """What the command line says: for this process and, by way of the environment, for its children. An empty string unsets."""
    for name, value in values.items():
        if value == "":
            os.environ.pop(_VARIABLES[name], None)
        else:
            os.environ[_VARIABLES[name]] = str(value)
    current.cache_clear()
