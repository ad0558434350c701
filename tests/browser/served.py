"""`portraitist studio` as its users start it: a process that prints its address."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from portraitist.backend import embedded
from portraitist.studio import Studio
from portraitist.testing import _execute
from portraitist.transport import InlineTransport

HERE = Path(__file__).parent
PATIENCE_MS = int(os.environ.get("PATIENCE_MS", 120_000))  # on a machine that does much else


class Served:
    def __init__(self, home, *options, port=0):
        self.home, self._options, self.port = home, options, port
        self._said = []
        self.start()

    def start(self):
        environment = dict(os.environ) | {
            "PORTRAITIST_TEST_OPERATIONS": "short_operations",
            "PYTHONPATH": os.pathsep.join([str(HERE.parent / "queue"), os.environ.get("PYTHONPATH", "")]),
            "PORTRAITIST_IDLE_S": "60",
        }
        command = [sys.executable, "-m", "portraitist", "studio", "--home", str(self.home), "--no-browser"]
        command += ["--port", str(self.port), "--rate", "100000", *self._options]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self._said.clear()
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()
        self.port = int(self._newest().partition("/#")[0].rpartition(":")[2])

    def _listen(self, stream):
        for line in stream:
            self._said.append(line.strip())

    def address(self):
        """With a token that nobody used yet. The next one is printed when it is used."""
        address = self._newest()
        self._said.remove(address)
        return address

    def _newest(self):
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not self._said:
            assert self.process.poll() is None and time.monotonic() < deadline, "the server said no address"
            time.sleep(0.02)
        return self._said[-1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def kill(self):
        """Without a word, as when the machine loses its power."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self, *, worker=False):
        """`worker`: end it, too."""
        self.process.terminate()
        self.process.wait(timeout=120)
        if worker:
            embedded(self.home).transport.stop()


def plant(home, name, people, *, weights=None, **record):
    """A person whom nobody had to learn. people: `tests/serving/people.py`. weights: of somebody else's file. record: what differs."""
    backend = embedded(home)

    def work(job_id):
        row = backend.ledger.claim(job_id, worker="inline", lease_s=3600.0)
        _execute(backend, row, known)

    def known(request, context):
        blob = context.put(weights or people.weights(1))
        more = {"persona_id": request.persona_id, "name": name, "weights": blob, "reach": people.REACH} | record
        return people.record(1).model_copy(update=more)

    studio = Studio(replace(backend, transport=InlineTransport(work)).of("default"))
    studio.personas.create(name, [b"1", b"2", b"3"], wait=True)
