"""The child of a worker's main process that holds live sessions (`live.host`): started when there is one, and again when it died."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from portraitist.backend import Backend
from portraitist.errors import NotFound

from . import worker_memory

log = logging.getLogger(__name__)
AGAIN_S = 2.0  # between two starts


class LiveProcess:
    def __init__(self, backend: Backend) -> None:
        self._ledger = backend.ledger
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -AGAIN_S

    def look(self) -> bool:
        """One round: start it where a session waits and nobody could hold it. Whether one waits. Raises QueueUnavailable, StorageError."""
        alive, waiting = bool(self.pids()), self._ledger.queued(lane="live", limit=1)
        if not waiting or alive or time.monotonic() - self._started < AGAIN_S:
            return bool(waiting)
        with suppress(NotFound):  # it was closed just now
            if worker_memory.beside(self._ledger.job(waiting[0])):
                self._started = time.monotonic()
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "portraitist_workers.live.host"], stdin=subprocess.DEVNULL
                )
        return True

    def pids(self) -> list[int]:
        """Its process id, if it lives."""
        if self._process is not None and self._process.poll() is not None:
            log.info("the process of live sessions has ended (%s)", self._process.returncode)
            self._process = None
        return [] if self._process is None else [self._process.pid]

    def kill(self) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
