"""Runs jobs on a thread of the calling process: for tests of apps (`portraitist.testing`), not for work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from ..ledger.protocol import Lane
from .protocol import Capability


class InlineTransport:
    """`execute(job_id)` claims and runs one job."""

    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, execute: Callable[[str], None]) -> None:
        self._execute = execute
        self._line: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def wake(self, job_id: str, lane: Lane, persona_id: str = "", memory: int = 0) -> None:
        self._line.put(job_id)
        self.check()

    def check(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="portraitist-inline", daemon=True)
            self._thread.start()

    def describe(self) -> dict[str, object]:
        return {"transport": "inline", "alive": self._thread is not None, "here": self._thread is not None}

    def _run(self) -> None:
        while True:
            self._execute(self._line.get())
