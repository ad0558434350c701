"""workers, queues: who is alive and doing what, and how much waits."""

from __future__ import annotations

import time
from typing import Any

from rich.table import Table

from ..backend import Backend, open_backend
from ..ledger import RedisLedger
from ..ledger.redis import LANES
from ..transport import RedisTransport
from . import show
from .options import AsJson, Home, Store, Url


def workers(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """List the workers that are alive, what they do, and how many personas they hold ready (which ones: --json)."""
    found = _workers(open_backend(url, home, store))
    if json:
        return show.as_json(found)
    table = Table("worker", "pid", "queues", "device", "up", "warm", "doing", box=None, pad_edge=False)
    for w in found:
        doing = ", ".join(w["jobs"]) or "nothing"
        up = f"{(time.time() - w['started']) / 60:.0f} min"
        table.add_row(
            w["node"],
            str(w["pid"]),
            ",".join(w["queues"]),
            w["device"],
            up,
            str(len(w["warm"])),
            doing + (", ending" if w["draining"] else ""),
        )
    show.console.print(table if found else "no workers; `portraitist worker` starts one")


def queues(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """How many jobs wait and run in each queue, and how many workers serve it."""
    backend = open_backend(url, home, store)
    found = _queues(backend)
    if json:
        return show.as_json(found)
    table = Table("queue", "waiting", "oldest", "running", "workers", "wake-ups", box=None, pad_edge=False)
    for name, q in found.items():
        oldest = "" if q["oldest_s"] is None else f"{q['oldest_s']:.0f} s"
        table.add_row(name, str(q["waiting"]), oldest, str(q["running"]), str(q["workers"]), str(q.get("wake_ups", "")))
    show.console.print(table)
    if isinstance(backend.ledger, RedisLedger):
        if refused := backend.ledger.refused():
            show.console.print(f"{refused} late writes of workers that had lost their job were refused")
        for risk in backend.ledger.risks():
            show.console.print(f"[yellow]the Redis server: {risk}[/]")


def _workers(backend: Backend) -> list[dict[str, Any]]:
    if isinstance(backend.transport, RedisTransport):
        listed = [vars(w) for w in backend.transport.workers()]
        return [{k: list(v) if isinstance(v, tuple) else v for k, v in w.items()} for w in listed]
    state = backend.transport.describe()
    if not state["alive"]:
        return []
    jobs = [row.id for row in backend.ledger.running()]
    one = {"node": "embedded", "pid": state.get("pid"), "queues": list(LANES), "device": "cpu", "jobs": jobs, "warm": []}
    return [{**one, "version": state.get("version"), "started": state.get("started"), "draining": False}]


def _queues(backend: Backend) -> dict[str, dict[str, Any]]:
    ledger, serving = backend.ledger, [w["queues"] for w in _workers(backend)]
    running = [row.lane for row in ledger.running()]
    found: dict[str, dict[str, Any]] = {}
    for lane in LANES:
        first = ledger.queued(lane=lane, limit=1)
        found[lane] = {
            "waiting": ledger.depth(lane),
            "oldest_s": max(0.0, time.time() - ledger.job(first[0]).created) if first else None,
            "running": running.count(lane),
            "workers": sum(lane in queues for queues in serving),
        }
        if isinstance(backend.transport, RedisTransport):
            found[lane]["wake_ups"] = backend.transport.waiting(lane)
    return found
