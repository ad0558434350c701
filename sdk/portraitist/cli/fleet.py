"""workers, queues: who is alive and doing what, and how much waits."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table

from .. import memory, overview
from ..backend import open_backend
from ..errors import InvalidRequest, QueueUnavailable
from ..ledger import RedisLedger
from . import show
from .options import AsJson, Home, Monitor, Store, Url


def workers(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """List the workers that are alive, what they do, and how many personas they hold ready (which ones: --json)."""
    found = overview.workers(open_backend(url, home, store))
    if json:
        return show.as_json(found)
    table = Table("worker", "pid", "queues", "device", "memory", "up", "warm", "doing", box=None, pad_edge=False)
    for w in found:
        doing = ", ".join(w["jobs"]) or "nothing"
        up = f"{(time.time() - w['started']) / 60:.0f} min"
        table.add_row(
            w["node"],
            str(w["pid"]),
            ",".join(w["queues"]),
            w["device"],
            memory.show(w["memory"]) if w.get("memory") else "",
            up,
            str(len(w["warm"])),
            doing + (", ending" if w["draining"] else ""),
        )
    show.console.print(table if found else "no workers; `portraitist worker` starts one")


def queues(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """How many jobs wait and run in each queue, and how many workers serve it."""
    backend = open_backend(url, home, store)
    found = overview.queues(backend)
    if json:
        return show.as_json(found)
    table = Table("queue", "waiting", "oldest", "running", "workers", "wake-ups", box=None, pad_edge=False)
    for name, q in found.items():
        oldest = "" if q["oldest_s"] is None else f"{q['oldest_s']:.0f} s"
        table.add_row(name, str(q["waiting"]), oldest, str(q["running"]), str(q["workers"]), str(q.get("wake_ups", "")))
    show.console.print(table)
    for name, q in found.items():
        for job in q.get("too_large", []):
            show.console.print(
                f"[yellow]{name}: job {job['job']} needs at least {memory.show(job['needed'])} of memory, and the largest worker has "
                f"{memory.show(job['largest'])}: start a larger one, or cancel it[/]"
            )
    if isinstance(backend.ledger, RedisLedger):
        if refused := backend.ledger.refused():
            show.console.print(f"{refused} late writes of workers that had lost their job were refused")
        if aside := backend.ledger.aside():
            show.console.print(
                f"{aside} entries of the queue were not as they must be and were set aside; the workers' logs tell when"
            )
        for risk in backend.risks():
            show.console.print(f"[yellow]the Redis server: {risk}[/]")


def health(
    monitor: Monitor = None,
    live: Annotated[
        bool, typer.Option("--live", help="Only whether its loop turns, not whether it can work now.")
    ] = False,
) -> None:
    """Ask the worker or studio that runs here with --monitor whether it is well; exit code 1 if not. For container health checks.
    What it answers is JSON."""
    from urllib.error import HTTPError
    from urllib.request import urlopen

    if not monitor:
        raise InvalidRequest("name the worker's address: --monitor PORT, or PORTRAITIST_MONITOR", param="--monitor")
    port = monitor.rpartition(":")[2]
    try:
        with urlopen(f"http://127.0.0.1:{port}/{'live' if live else 'ready'}", timeout=8) as answer:
            print(answer.read().decode().strip())
    except HTTPError as error:
        print(error.read().decode().strip())
        raise typer.Exit(1) from None
    except OSError as error:
        raise QueueUnavailable(f"no worker answers on port {port}: {error}; start one with --monitor {port}") from error
