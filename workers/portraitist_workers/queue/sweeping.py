"""Erasing what is no longer needed.

Nobody refers to uploads that were never submitted, photos of failed creations, and dead checkpoints. Jobs that are over and personas
that expired were kept for their time. A deletion that was cut off is finished."""

from __future__ import annotations

import logging
import os
from itertools import islice

from portraitist.backend import Backend
from portraitist.deletion import delete, finish
from portraitist.errors import NotFound
from portraitist.ledger import RedisLedger
from portraitist.ledger.protocol import TERMINAL

log = logging.getLogger(__name__)

SWEEP_S = 3600.0  # how often ...
SWEEP_AGE_S = 24 * 3600.0  # ... and how old a blob must be (a client uploads first and submits then)
_AT_ONCE = 1000  # digests or jobs per question to the ledger
KEEP_JOBS_S = 86400 * float(
    os.environ.get("PORTRAITIST_KEEP_JOBS_DAYS", "30")
)  # that are over, with their pictures; 0: for ever
# Seconds: how often deletions are looked after (here, and for copies in memory), and how long whoever asked for one is given.
DELETIONS_S = float(os.environ.get("PORTRAITIST_DELETIONS_S", "20"))


def sweep(backend: Backend) -> None:
    ledger, store = backend.ledger, backend.store
    while KEEP_JOBS_S and ledger.forget(after_s=KEEP_JOBS_S, limit=_AT_ONCE) == _AT_ONCE:
        pass
    candidates = iter(store.older_than(SWEEP_AGE_S))
    while old := list(islice(candidates, _AT_ONCE)):
        for digest in set(old) - ledger.referenced(old):
            store.erase(digest)
    for job_id in store.checkpoints():
        try:
            over = ledger.job(job_id).status in TERMINAL
        except NotFound:
            over = True
        if over:
            store.drop_checkpoint(job_id)


def look_after_deletions(backend: Backend) -> None:
    """Delete who has expired, finish deletions whose client was killed, and take what was deleted out of the server's files."""
    for persona in backend.ledger.overdue():
        delete(backend, persona.id)
        log.info("a persona has expired and was deleted")  # whose, no log may tell
    for deletion in backend.ledger.unfinished_deletions(DELETIONS_S):
        finish(backend, deletion)
    if isinstance(backend.ledger, RedisLedger):
        backend.ledger.rewrite_if_due()
