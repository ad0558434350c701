"""The embedded worker: a Celery worker (memory broker, spawned children) fed from the SQLite ledger in `--home`.

One child does the jobs; a second one is started when pictures are asked for while a person is learnt, so that they do not wait.

    python -m portraitist_workers.queue.embedded --home DIR [--idle 600]

One per home folder (`worker.lock`). Started by the SDK on demand, or in the foreground by `portraitist worker`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path

from .. import settings
from ..telemetry import logs
from ..telemetry.monitor import Monitor, prepare
from .children import children, maintained_by_one, set_for_children

# Celery starts the second child when a second message comes. It may not end it again: after that it took no message any more.
KEEP_S = 10**9


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Portraitist's local worker.")
    parser.add_argument("--home", type=Path, required=True, help="folder with the ledger and the store")
    parser.add_argument(
        "--idle",
        type=float,
        default=settings.Settings.of(os.environ).idle_s,
        help="end after so many idle seconds (0: never)",
    )
    parser.add_argument("--monitor", help="[HOST:]PORT where it answers /live, /ready and /metrics")
    options = parser.parse_args(argv)
    logs.set_up()

    from portraitist.backend import embedded
    from portraitist.ledger.protocol import WOKEN
    from portraitist.transport.lock import WorkerLock

    home = options.home.resolve()
    backend = embedded(home, create=False)
    lock = WorkerLock(home)
    if not lock.acquire():
        print(f"a worker is already running for {home}", file=sys.stderr)
        return 0
    _announce(home)
    settings.tell(home=home, url="")  # the address would be of a cluster that this worker does not belong to
    os.environ["AUTOSCALE_KEEPALIVE"] = str(KEEP_S)  # read when Celery is imported
    set_for_children()
    if options.monitor:
        prepare()

    from .supervisor import Supervisor

    supervisor = Supervisor(backend, lock, idle_s=options.idle, processes=lambda: children(worker))
    supervisor.recover()

    from celery.signals import worker_ready

    from .app import app

    @worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        maintained_by_one(worker)
        # Ours, not Celery's: that one would wait for the running job, which can take minutes. The ledger knows better.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: supervisor.stop())
        threading.Thread(target=supervisor.run, name="portraitist-supervisor", daemon=True).start()

    worker = app.Worker(
        autoscale=(len(WOKEN), 1),
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    if options.monitor:
        pids = partial(children, worker)
        Monitor(options.monitor, backend, ticked=lambda: supervisor.ticked, pids=pids)
    worker.start()
    return int(worker.exitcode or 0)  # Celery's, which logs what it cannot go on after, and returns


def _announce(home: Path) -> None:
    from portraitist import __version__
    from portraitist.atomic import write_atomically

    state = {"pid": os.getpid(), "host": socket.gethostname(), "version": __version__, "started": time.time()}
    write_atomically(home / "worker.json", json.dumps(state).encode(), durable=False)


if __name__ == "__main__":
    sys.exit(main())
