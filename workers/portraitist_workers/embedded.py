"""The embedded worker: a Celery worker (memory broker, one spawned child) fed from the SQLite ledger in `--home`.

    python -m portraitist_workers.embedded --home DIR [--idle 600]

One per home folder (`worker.lock`). Started by the SDK on demand, or in the foreground by `portraitist worker`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Portraitist's local worker.")
    parser.add_argument("--home", type=Path, required=True, help="folder with the ledger and the store")
    parser.add_argument(
        "--idle",
        type=float,
        default=float(os.environ.get("PORTRAITIST_IDLE_S", "600")),
        help="end after so many idle seconds (0: never)",
    )
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("portraitist_workers").setLevel(logging.INFO)
    logging.getLogger("celery").setLevel(logging.WARNING)
    logging.getLogger("kombu").setLevel(logging.ERROR)  # it warns that memory:// names no host
    warnings.filterwarnings(
        "ignore", message="(?s).*superuser privileges"
    )  # messages are JSON: nothing in them can run

    from portraitist.backend import embedded
    from portraitist.transport.lock import WorkerLock

    home = options.home.resolve()
    backend = embedded(home, create=False)
    lock = WorkerLock(home)
    if not lock.acquire():
        print(f"a worker is already running for {home}", file=sys.stderr)
        return 0
    _announce(home)
    # Set before the child is spawned; torch reads it when it is imported.
    os.environ["PORTRAITIST_HOME"] = str(home)
    os.environ.setdefault("PYTHONWARNINGS", "ignore:semaphore_tracker")  # we end without Celery's clean-up; the system does it
    os.environ.setdefault("OMP_NUM_THREADS", str(_cores()))
    # By default OpenMP's threads wait for each other by spinning for milliseconds. Beside other busy programs they then burn
    # the time that the thread they wait for needs: convolutions on 2 shared cores ran 6 times slower than with short spins.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    # glibc hands every big tensor back to the kernel and asks for it anew, zeroed: a third of the time of a training step.
    os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**40))

    from .supervisor import Supervisor

    supervisor = Supervisor(backend, lock, idle_s=options.idle)
    supervisor.recover()

    from celery.signals import worker_ready

    from .app import app

    @worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        # Ours, not Celery's: that one would wait for the running job, which can take minutes. The ledger knows better.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: supervisor.stop())
        threading.Thread(target=supervisor.run, name="portraitist-supervisor", daemon=True).start()

    app.Worker(loglevel="WARNING", without_gossip=True, without_mingle=True, without_heartbeat=True, quiet=True).start()
    return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _announce(home: Path) -> None:
    from portraitist import __version__
    from portraitist.atomic import write_atomically

    state = {"pid": os.getpid(), "host": socket.gethostname(), "version": __version__, "started": time.time()}
    write_atomically(home / "worker.json", json.dumps(state).encode(), durable=False)


if __name__ == "__main__":
    sys.exit(main())
