"""One attempt at a job of the home folder HOME, in a process of its own, which ends itself by SIGKILL at a step of the tuning.

python one_attempt.py HOME JOB KILL_AT LOG     KILL_AT 0: never;  LOG gets a line "step seconds" per step
"""

import os
import signal
import sys
import time

from portraitist.backend import embedded
from portraitist_workers import operations
from portraitist_workers.queue.execution import execute, worker_name


class Killed:
    """A job's context, but for the steps."""

    def __init__(self, context, kill_at, log):
        self._context, self._kill_at, self._log = context, kill_at, log

    def __getattr__(self, name):
        return getattr(self._context, name)

    def on_step(self, progress):
        if progress.stage == "tune":
            print(progress.step, time.monotonic(), file=self._log, flush=True)
            if progress.step == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        self._context.on_step(progress)


def main(home, job_id, kill_at, log):
    backend = embedded(home, create=False)
    row = backend.ledger.claim(job_id, worker=worker_name(), lease_s=60.0)
    with open(log, "a") as file:
        execute(backend, row, run=lambda request, context: operations.run(request, Killed(context, int(kill_at), file)))


if __name__ == "__main__":
    main(*sys.argv[1:])
