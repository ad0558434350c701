"""The embedded transport: starts a local worker process when there is none, and again when it died.

The worker (`python -m portraitist_workers.queue.embedded --home DIR`) runs in a session of its own, so it outlives the client
that started it. It reads the ledger every few milliseconds, so there is no message to send. It ends by itself after
ten idle minutes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from ..errors import QueueUnavailable
from ..ledger.protocol import Lane
from .lock import WorkerLock
from .protocol import Capability

_LOG_LIMIT = 5_000_000  # bytes; then the log is rotated
_HEALTHY_S = 10.0  # a worker that lived so long did not fail to start
_START_S = 30.0  # a worker that holds no lock after so long has hung


class EmbeddedTransport:
    """`home` holds the ledger, the store, `worker.lock`, `worker.json` (process id, version) and `worker.log`."""

    capabilities = frozenset({Capability.HARD_CANCEL, Capability.SURVIVES_CLIENT})

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = WorkerLock(home)
        self._started: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._failures = 0
        self._code = 0

    def wake(self, job_id: str, lane: Lane, persona_id: str = "", memory: int = 0) -> None:
        self.check()

    def check(self) -> None:
        if self._lock.held():
            if time.monotonic() - self._started_at > _HEALTHY_S:
                self._failures = 0
            return
        if self._started is not None:
            code = self._started.poll()
            if code is None:
                if time.monotonic() - self._started_at < _START_S:
                    return  # still starting
                self._started.kill()
                code = self._started.wait()
            self._started = None
            self._failures += code not in (0, -signal.SIGKILL, -signal.SIGTERM)
            self._code = code
        if self._failures >= 2:
            raise QueueUnavailable(
                f"the worker process ended with code {self._code} each time it was started; run `portraitist doctor`, then "
                f"connect again. The end of {self.log}:\n{self._log_tail()}"
            )
        self._start()

    def stop(self, *, timeout: float = 10.0) -> bool:
        """Ask the worker to end now; a running job goes back to the queue and resumes later. False: there was none."""
        if not self._lock.held():
            return False
        pid, deadline = None, time.monotonic() + timeout
        while self._lock.held() and time.monotonic() < deadline:
            state = self.state()
            host, holder = state.get("host"), state.get("pid")
            if host not in (None, socket.gethostname()):  # a shared folder: process ids of another machine or container
                raise QueueUnavailable(f"the worker of {self.home} runs on {host}; stop it there")
            if isinstance(holder, int) and holder != pid:  # also one that was just starting, and took over
                pid = holder
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(0.05)
        if self._lock.held():
            raise QueueUnavailable(
                f"worker process {pid} did not end within {timeout:g} s; end it with `kill -9 {pid}`"
            )
        return True

    def state(self) -> dict[str, object]:
        """What the worker wrote about itself: pid, host, version, started."""
        try:
            state = json.loads((self.home / "worker.json").read_text())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def describe(self) -> dict[str, object]:
        alive = self._lock.held()
        return {"transport": "embedded", "home": str(self.home), "alive": alive, "here": alive, **self.state()}

    @property
    def log(self) -> Path:
        return self.home / "worker.log"

    def _start(self) -> None:
        for module in ("portraitist_workers", "celery"):
            if importlib.util.find_spec(module) is None:
                raise QueueUnavailable(
                    f"no worker can be started here: the package {module!r} is missing; run `pip install 'portraitist[worker]'`"
                )
        with suppress(OSError):
            if self.log.stat().st_size > _LOG_LIMIT:
                os.replace(self.log, self.log.with_suffix(".log.1"))
        with open(self.log, "ab") as log:
            self._started = subprocess.Popen(
                [sys.executable, "-m", "portraitist_workers.queue.embedded", "--home", str(self.home)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,  # the client's folder may vanish
                start_new_session=True,
            )
        self._started_at = time.monotonic()

    def _log_tail(self, lines: int = 15) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"
