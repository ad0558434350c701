"""Keeps a session's history where another worker finds it, without holding up the session: the newest, in a thread of its own."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from portraitist.errors import PortraitistError
from portraitist.ledger import LeaseLost

log = logging.getLogger(__name__)
PAUSE_S = 0.25  # between two writes


class Keeper:
    """`save` writes bytes for good. `kept`: per client up to which command the history is safe."""

    def __init__(self, save: Callable[[bytes], None], kept: dict[str, int]) -> None:
        self.kept = dict(kept)
        self._save = save
        self._newest: dict[str, Any] | None = None
        self._some, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="portraitist-live-keeper", daemon=True)
        self._thread.start()

    def keep(self, history: dict[str, Any]) -> None:
        self._newest = history
        self._some.set()

    def close(self) -> None:
        self._over.set()
        self._some.set()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._over.is_set():
            self._some.wait()
            self._some.clear()
            history, self._newest = self._newest, None
            if history is None:
                continue
            try:
                self._save(json.dumps(history).encode())
                self.kept = dict(history["seen"])
            except (
                PortraitistError,
                LeaseLost,
            ) as error:  # the session hears of it when it next asks whether it goes on
                log.debug("the history could not be kept: %s", error)
            self._over.wait(PAUSE_S)
