"""Who is alive and doing what, and how much waits: for the command line and for metrics."""

from __future__ import annotations

import time
from typing import Any

from .backend import Backend
from .ledger import LANES, WOKEN, RedisLedger
from .ledger.protocol import Lane
from .transport import RedisTransport


def workers(backend: Backend) -> list[dict[str, Any]]:
    """`transport.WorkerInfo` of each, as dictionaries."""
    if isinstance(backend.transport, RedisTransport):
        listed = [vars(w) for w in backend.transport.workers()]
        return [{k: list(v) if isinstance(v, tuple) else v for k, v in w.items()} for w in listed]
    state = backend.transport.describe()
    if not state["alive"]:
        return []
    jobs = [row.id for row in backend.ledger.running()]
    one = {
        "node": "embedded",
        "pid": state.get("pid"),
        "queues": list(WOKEN),
        "device": "cpu",
        "jobs": jobs,
        "warm": [],
        "memory": 0,
    }
    return [{**one, "version": state.get("version"), "started": state.get("started"), "draining": False}]


def too_large(backend: Backend, lane: Lane) -> list[dict[str, Any]]:
    """Waiting jobs that no living worker of the lane has the memory for: id, the bytes needed, the most that a worker has."""
    if not isinstance(backend.transport, RedisTransport) or not isinstance(backend.ledger, RedisLedger):
        return []
    sizes = [w.memory for w in backend.transport.workers() if lane in w.queues]
    if not sizes or 0 in sizes:
        return []
    return [
        {"job": row.id, "needed": row.memory, "largest": max(sizes)} for row in backend.ledger.beyond(lane, max(sizes))
    ]


def queues(backend: Backend) -> dict[str, dict[str, Any]]:
    """Per lane: jobs waiting and running, age of the oldest in seconds, workers, wake-ups that nobody has taken."""
    ledger, serving = backend.ledger, [w["queues"] for w in workers(backend)]
    running = [row.lane for row in ledger.running()]
    found: dict[str, dict[str, Any]] = {}
    for lane in LANES:
        oldest = ledger.oldest(lane)
        found[lane] = {
            "waiting": ledger.depth(lane),
            "oldest_s": None if oldest is None else max(0.0, time.time() - oldest),
            "running": running.count(lane),
            "workers": sum((lane if lane in WOKEN else "serve") in queues for queues in serving),
        }
        if isinstance(backend.transport, RedisTransport) and lane in WOKEN:
            found[lane]["wake_ups"] = backend.transport.waiting(lane)
            found[lane]["too_large"] = too_large(backend, lane)
    return found
