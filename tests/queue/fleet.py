"""A cluster of the test's own: a Redis server, a store, and worker processes that run `fake_operations`."""

import os
import signal
import subprocess
import sys
import time

import portraitist

from .processes import gone, row, until
from .redis_server import RedisServer

LEASE_S = 2.0  # seconds; short, so that the tests need not wait for what in production takes 15


class Fleet:
    def __init__(self, folder, *, aof=False, lease_s=LEASE_S, store=None, password=""):
        self.store, self.log = store or folder / "store", folder / "workers.log"
        (folder / "redis").mkdir(exist_ok=True)
        self.server = RedisServer(folder / "redis", aof=aof, password=password)
        self.lease_s, self.workers = lease_s, []
        self.studio = portraitist.connect(self.server.url, store=self.store)
        self.ledger, self.transport = self.studio._backend.ledger, self.studio._backend.transport

    def add(self, count=1, queues="serve,tune", grace=60.0, monitor=None, log="text", more=()):
        """Start workers, without waiting for them."""
        env = {**os.environ, "PORTRAITIST_URL": self.server.url, "PORTRAITIST_STORE": str(self.store)}
        env |= {"PORTRAITIST_LEASE_S": str(self.lease_s), "PORTRAITIST_LOG": log}
        command = [sys.executable, "-m", "portraitist_workers.queue.cluster", "--queues", queues, "--grace", str(grace)]
        command += [*(["--monitor", str(monitor)] if monitor else []), *more]
        for _ in range(count):
            with open(self.log, "ab") as log:
                self.workers.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        return self.workers[-1]

    def ready(self, timeout=120.0):
        """Wait until as many have reported as are alive."""
        until(lambda: {w.pid for w in self.transport.workers()} >= {w.pid for w in self.alive()}, timeout=timeout)

    def alive(self):
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        return self.workers

    def main_of(self, job):
        """The main process of the worker that does `job`."""
        node = until(lambda: row(self.studio, job).worker.rpartition("/")[0])
        pid = next(w.pid for w in self.transport.workers() if w.node == node)
        return next(worker for worker in self.workers if worker.pid == pid)

    def forget_messages(self):
        """What Celery keeps in Redis: queues, unacknowledged messages, bindings."""
        keys = list(self.server.client.scan_iter("{portraitist}:celery:*"))
        return self.server.client.delete(*keys) if keys else 0

    def stop(self):
        for worker in self.alive():
            worker.send_signal(signal.SIGQUIT)
        deadline = time.monotonic() + 10
        for worker in self.workers:
            try:
                worker.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self.server.stop()


def starts(job):
    return [e.kind for e in job.events()].count("started")


def child_gone(pid):
    until(lambda: gone(pid))
