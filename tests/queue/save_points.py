"""A worker that is killed, or finds its disk full, at a chosen point of saving. Run as a program by test_atomic.py:

    python save_points.py HOME [STORE]       then on stdin, per line:  JOB KILL_AT FILE_LIMIT

For each line a child process does the job. It is killed at the KILL_ATth line of Python that saving runs through, in whatever
thread (0: never); its files may not grow beyond FILE_LIMIT bytes (0: no limit). Answers: the child's fate, and how many lines.
"""

import os
import resource
import signal
import sys
import threading
from dataclasses import replace

import fsspec  # noqa: F401  (loaded once, here)

from portraitist.backend import embedded, open_store
from portraitist.results import PersonaRecord
from portraitist_workers import settings
from portraitist_workers.queue import execution
from portraitist_workers.queue.execution import execute

OLD, NEW = b"old" * 70_000, b"new" * 70_000  # checkpoints
WEIGHTS, PREVIEW = b"weights" * 30_000, b"preview" * 5_000


class Counter:
    """Counts lines of our own modules, and kills at one."""

    def __init__(self, kill_at):
        self.lines, self.kill_at = 0, kill_at

    def start(self):
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def _trace(self, frame, event, argument):
        if "portraitist" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._trace


def save(request, context):
    """The end of a creation: a last checkpoint, two blobs, the record."""
    counter.start()
    context.save_checkpoint(NEW)
    given = {"persona_id": request.persona_id, "name": request.name, "attributes": request.attributes}
    given |= {"prior": "fake", "organizer": "auto", "preset": "fast", "photos": [], "reach": []}
    return PersonaRecord(**given, weights=context.put(WEIGHTS), preview=context.put(PREVIEW))


def child(home, store, job_id, limit, pipe):
    backend = embedded(home, create=False)
    if store:
        backend = replace(backend, store=open_store(store, create=False))
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        row = backend.ledger.claim(job_id, worker=f"child/{os.getpid()}", lease_s=600)
        execute(backend, row, run=save)
        fate = "done"
    except Exception as error:
        fate = type(error).__name__
    sys.settrace(None)
    os.write(pipe, f"{fate} {counter.lines}".encode())


if __name__ == "__main__":
    execution.FINISH_PATIENCE_S = -1.0  # a full disk stays full here
    settings.tell(full_patience_s=-1.0)
    home, store = sys.argv[1], [*sys.argv, ""][2]
    print("ready", flush=True)
    for line in sys.stdin:
        job_id, kill_at, limit = line.split()
        counter = Counter(int(kill_at))
        answers, pipe = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                child(home, store, job_id, int(limit), pipe)
            finally:
                os._exit(0)
        os.close(pipe)
        os.waitpid(pid, 0)
        print((os.read(answers, 1000) or b"killed 0").decode(), flush=True)
        os.close(answers)
