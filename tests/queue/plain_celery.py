"""Plain Celery on Redis, for comparison: no ledger, the message is the job. The settings are the safest that Celery has, and
the same as ours where we set any; what a job does and when it ends is written to a file, which no server can lose."""

import os
import subprocess
import sys
import time
from pathlib import Path

from celery import Celery

from .processes import until
from .redis_server import RedisServer

VISIBILITY_S = 10  # seconds after which a dead worker's message is delivered again; a job takes 0.15
SETTINGS = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_acks_on_failure_or_timeout": True,
    "worker_prefetch_multiplier": 1,
    "worker_pool": "prefork",
    "worker_pool_start_method": "spawn",
    "worker_concurrency": 1,
    "worker_lost_wait": 0.3,
    "worker_proc_alive_timeout": 120.0,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_soft_shutdown_timeout": 5.0,  # SIGQUIT gives the job back
    "task_ignore_result": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_default_queue": "plain",
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30.0,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
}

app = Celery("plain", broker=os.environ.get("PLAIN_BROKER", "memory://"), set_as_current=False)
app.conf.update(SETTINGS)


@app.task(name="plain.job", max_retries=None)
def job(number):
    """0.15 seconds in three steps, like a job of the storm."""
    _note("start", number)
    for _ in range(3):
        time.sleep(0.05)
    _note("end", number)


def _note(what, number):
    """One short append is one write: lines of several processes do not mix."""
    with open(os.environ["PLAIN_NOTES"], "a") as notes:
        notes.write(f"{what} {number}\n")


class PlainFleet:
    """The face of `fleet.Fleet`, as far as `storm` needs it."""

    def __init__(self, folder):
        self.notes, self.log = folder / "notes", folder / "workers.log"
        self.notes.touch()
        (folder / "redis").mkdir()
        self.server, self.workers = RedisServer(folder / "redis", aof=True), []
        self.app = Celery("plain-client", broker=self.server.url, set_as_current=False)
        self.app.conf.update(SETTINGS)

    def add(self, count=1):
        root = str(Path(__file__).parents[2])
        env = {**os.environ, "PLAIN_BROKER": self.server.url, "PLAIN_NOTES": str(self.notes)}
        env["PYTHONPATH"] = os.pathsep.join([root, env.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "celery", "-A", "tests.queue.plain_celery", "worker", "--loglevel", "WARNING"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        for _ in range(count):
            node = ["--hostname", f"plain-{time.monotonic_ns()}@here"]
            with open(self.log, "ab") as log:
                self.workers.append(subprocess.Popen([*command, *node], env=env, stdout=log, stderr=log, cwd=root))

    def ready(self):
        """As many first jobs as workers have been done, which none counts."""
        for number in range(-4 * len(self.workers), 0):
            self.submit(number)
        until(lambda: len(self.told("end")) == 4 * len(self.workers), timeout=120)
        self.notes.write_text("")

    def submit(self, number):
        """True: the server has it. Raises what Celery raises while the server is away."""
        self.app.send_task("plain.job", args=[number], retry=False)

    def alive(self):
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        return self.workers

    def forget_messages(self):
        return self.server.client.flushall()

    def waiting(self):
        """Messages that are queued, or were taken and not acknowledged."""
        return self.server.client.llen("plain") + self.server.client.hlen("unacked")

    def told(self, what):
        """How often each job did that."""
        counts = {}
        for line in self.notes.read_text().splitlines():
            kind, number = line.split()
            if kind == what:
                counts[int(number)] = counts.get(int(number), 0) + 1
        return counts

    def stop(self):
        for worker in self.alive():
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(timeout=120)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self.server.stop()
