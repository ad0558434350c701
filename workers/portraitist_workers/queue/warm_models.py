"""Beside the jobs of one worker process: tells which personas are warm here, and forgets those that were deleted."""

from __future__ import annotations

import logging
import threading
import time
from types import ModuleType

from portraitist.backend import Backend
from portraitist.deletion import FORGET_S
from portraitist.errors import NotFound, PersonaDeleted, PortraitistError
from portraitist.transport import RedisTransport

from .. import settings

log = logging.getLogger(__name__)


def start(backend: Backend, operations: ModuleType) -> None:
    """Look after this process's warm personas from a thread, for as long as it lives."""
    threading.Thread(target=_run, args=(backend, operations), name="portraitist-warm_models", daemon=True).start()


def tell(backend: Backend, operations: ModuleType) -> None:
    """Who is warm here, for `portraitist workers` and for those who send wake-ups. Raises QueueUnavailable."""
    if isinstance(backend.transport, RedisTransport):
        backend.transport.report_warm(settings.current().node, operations.warm_ids())


def look(backend: Backend, operations: ModuleType) -> None:
    """One round: forget who was deleted, tell who is left."""
    for persona_id in operations.warm_ids():
        try:
            backend.ledger.persona(persona_id)
        except (NotFound, PersonaDeleted):
            operations.forget(persona_id)
            log.info("a deleted persona is forgotten here")  # whose, no log may tell
    tell(backend, operations)


def _run(backend: Backend, operations: ModuleType) -> None:
    pause, looked = threading.Event(), time.monotonic()
    look_s = settings.current().deletions_s  # a deleted persona is out of this process's memory after so long
    while not pause.wait(look_s):
        try:
            look(backend, operations)
            looked = time.monotonic()
        except PortraitistError as error:  # the next look will do
            log.debug("%s", error)
            if time.monotonic() - looked > FORGET_S - look_s:  # who was deleted meanwhile cannot be known
                for persona_id in operations.warm_ids():
                    operations.forget(persona_id)
        finally:
            backend.ledger.close()
