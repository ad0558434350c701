"""A cluster's worker: a Celery worker over Redis with one spawned child, for one processor or GPU.

    PORTRAITIST_URL=redis://host:6379/0 PORTRAITIST_STORE=DIR python -m portraitist_workers.queue.cluster --queues tune,serve

`portraitist worker --url …` becomes this. Any number of them on any number of hosts. SIGTERM drains: the running job may
finish within the grace, else it goes back to the queue, as it does at once on SIGQUIT or a second SIGTERM.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from typing import cast

from portraitist.ledger.protocol import Lane

from .. import settings
from ..telemetry import logs
from ..telemetry.monitor import Monitor, clean_up, prepare
from .children import children, set_for_children

log = logging.getLogger(__name__)

TEND_S = 0.25


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Portraitist's cluster worker.")
    parser.add_argument("--url", default=os.environ.get("PORTRAITIST_URL"), help="the Redis server")
    parser.add_argument(
        "--store",
        default=os.environ.get("PORTRAITIST_STORE"),
        help="s3://bucket/folder, or a folder that all hosts have mounted",
    )
    parser.add_argument("--queues", default="serve,tune", help="serve (seconds), tune (minutes), or both")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--memory", help="what it has for a job, like 24GB; default: the GPU's, or this machine's")
    parser.add_argument("--batch", type=int, default=1, help="how many synthesize jobs may share a pass")
    parser.add_argument("--grace", type=float, default=25.0, help="seconds that a job may go on after SIGTERM")
    parser.add_argument("--monitor", help="[HOST:]PORT where it answers /live, /ready and /metrics")
    options = parser.parse_args(argv)
    if not options.url or not options.store:
        parser.error("name the Redis server and the store")
    logs.set_up()

    from portraitist import __version__, memory
    from portraitist.backend import cluster
    from portraitist.errors import QueueUnavailable
    from portraitist.ledger import RedisLedger
    from portraitist.transport import RedisTransport, WorkerInfo, wakeups

    backend = cluster(options.url, options.store)
    transport = backend.transport
    assert isinstance(transport, RedisTransport)
    assert isinstance(backend.ledger, RedisLedger)
    try:
        for risk in backend.risks():
            log.warning("the Redis server: %s", risk)
    except QueueUnavailable as error:  # Celery goes on trying
        log.warning("%s", error)
    host, queues = socket.gethostname(), cast(tuple[Lane, ...], tuple(options.queues.split(",")))
    node_name = f"{host}-{secrets.token_hex(3)}"  # never the same again: an old row must not look like ours
    os.environ["PORTRAITIST_STORE"] = str(options.store)  # the SDK's
    _choose(options.device)
    available = memory.parse(options.memory) if options.memory else _measure(parser, options.device)
    settings.tell(url=options.url, node=node_name, batch=options.batch, memory=available)
    set_for_children()
    if options.monitor:
        prepare()

    from celery.signals import worker_ready, worker_shutdown
    from celery.worker import state

    from . import broker
    from .app import app
    from .node import Node

    broker.install(backend.ledger.set_aside)
    worker = app.Worker(
        hostname=f"portraitist@{node_name}",
        queues=[*queues, wakeups.own_queue(node_name)],
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )

    pids = partial(children, worker)
    info = WorkerInfo(node_name, host, os.getpid(), queues, options.device, __version__, time.time(), memory=available)

    def restart() -> None:
        os.execv(sys.executable, [sys.executable, "-m", "portraitist_workers.queue.cluster", *(argv or sys.argv[1:])])

    node = Node(
        backend,
        transport,
        info,
        pids=pids,
        busy=lambda: bool(state.reserved_requests),
        restart=restart,
        grace_s=options.grace,
    )

    if options.monitor:
        Monitor(
            options.monitor,
            backend,
            ticked=lambda: node.ticked,
            pids=pids,
            draining=lambda: node.draining,
            leads=lambda: node.leads,
        )

    def end(number: int, _: object) -> None:
        if number == signal.SIGQUIT or state.should_stop is not None:
            # In a thread: the handler may have interrupted the very code whose locks this needs.
            threading.Thread(target=node.stop, name="portraitist-stop").start()
        else:
            node.drain()
            state.should_stop = 0

    @worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, end)
        threading.Thread(target=node.run, name="portraitist-node", daemon=True).start()
        # Celery replaces a dead child only after two of these looks, which it takes every 5 s.
        worker.hub.call_repeatedly(TEND_S, worker.pool._pool.maintain_pool)

    @worker_shutdown.connect(weak=False)
    def over(**_: object) -> None:
        node.sign_off()
        clean_up()

    worker.start()
    return int(worker.exitcode or 0)  # Celery's, which logs what it cannot go on after, and returns


def _choose(device: str) -> None:
    """The engine sees one device, whose number is then 0."""
    kind, _, number = device.partition(":")
    settings.tell(device=kind)
    if kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif number:
        os.environ["CUDA_VISIBLE_DEVICES"] = number


def _measure(parser: argparse.ArgumentParser, device: str) -> int:
    """Bytes. In a process of its own, since the main process does without torch; a GPU that is not there ends the worker here,
    not its first job."""
    if device == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    ask = "import torch; print(torch.cuda.get_device_properties(0).total_memory)"
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
    if asked.returncode:
        parser.error(
            f"--device {device} cannot be used: {asked.stderr.strip().splitlines()[-1]}; `portraitist doctor` tells more"
        )
    return int(asked.stdout)


if __name__ == "__main__":
    sys.exit(main())
