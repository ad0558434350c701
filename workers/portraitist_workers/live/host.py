"""The process that holds a worker's live sessions: a child of its main process, beside those that do jobs. Neither waits for the other.

    python -m portraitist_workers.live.host

Its environment says whose it is, as that of the other children does. It looks for sessions itself; each has a thread. It ends with
its parent, and after a while without a session.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from pydantic import BaseModel

from portraitist.backend import Backend, cluster, embedded
from portraitist.errors import PortraitistError
from portraitist.ledger import JobRow
from portraitist.live.messages import Seal

from .. import settings
from ..queue import warm_models
from ..queue.chosen import operations
from ..queue.execution import JobContext, execute, worker_name
from ..telemetry import logs
from .exchange import PubSubExchange, SocketExchange
from .wire import Exchange, Wire

log = logging.getLogger(__name__)

MOST = 16  # sessions of one process
LOOK_S = 0.05  # how often it looks for a new one ...
LOOK_FAR_S = 0.2  # ... on a server that many share
PARENT_S = 0.25


def main() -> int:
    logs.set_up()
    told = settings.current()
    threading.Thread(target=_end_with, args=(told.worker_pid,), name="portraitist-parent-watch", daemon=True).start()
    backend = cluster(told.url, create=False) if told.url else embedded(told.home, create=False)
    exchange: Exchange = PubSubExchange(told.url) if backend.home is None else SocketExchange(backend.home)
    warm_models.start(backend, operations())
    threading.Thread(target=operations().load, name="portraitist-warm-up", daemon=True).start()
    Host(backend, exchange).run()
    return 0


class Host:
    def __init__(self, backend: Backend, exchange: Exchange) -> None:
        self._backend, self._exchange = backend, exchange
        self._threads: list[threading.Thread] = []
        self._busy = time.monotonic()

    def run(self) -> None:
        """Until nobody has needed it for a while."""
        idle_s = settings.current().idle_s or float("inf")
        while time.monotonic() - self._busy < idle_s:
            try:
                self._look()
            except PortraitistError as error:
                log.warning("live sessions: %s", error)
                time.sleep(1.0)
            time.sleep(LOOK_FAR_S if settings.current().url else LOOK_S)

    def _look(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if self._threads:
            self._busy = time.monotonic()
        if len(self._threads) >= MOST:
            return
        told = settings.current()
        if not self._backend.ledger.depth("live"):
            return
        row = self._backend.ledger.take("live", worker=worker_name(), lease_s=told.lease_s, memory=told.memory)
        if row is not None:
            thread = threading.Thread(target=self._hold, args=(row,), name=f"live-{row.id}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _hold(self, row: JobRow) -> None:
        wires: list[Wire] = []

        def run(request: BaseModel, context: JobContext) -> BaseModel:
            seal = Seal(self._backend.sealed(row.persona_id), row.id)
            context.wire = Wire(self._exchange, seal, row.id, row.token)
            wires.append(context.wire)
            return operations().run(request, context)

        try:
            execute(self._backend, row, run=run)
        except Exception:  # its lease will tell
            log.exception("session %s", row.id)
        finally:
            for wire in wires:
                wire.close()
            self._backend.ledger.close()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
