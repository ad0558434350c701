"""Erasing what is no longer needed.

Nobody refers to uploads that were never submitted, photos of failed creations, and dead checkpoints. Jobs that are over and personas
that expired were kept for their time. A deletion that was cut off is finished."""

from __future__ import annotations

import logging
from itertools import islice

from portraitist.backend import Backend
from portraitist.deletion import delete, finish
from portraitist.errors import NotFound
from portraitist.ledger import RedisLedger
from portraitist.ledger.protocol import TERMINAL

from .. import settings

log = logging.getLogger(__name__)

SWEEP_S = 3600.0  # how often ...
SWEEP_AGE_S = 24 * 3600.0  # ... and how old a blob must be (a client uploads first and submits then)
_AT_ONCE = 1000  # digests or jobs per question to the ledger


def sweep(backend: Backend) -> None:
    ledger, store = backend.ledger, backend.store
    keep_s = 86400 * settings.current().keep_jobs_days
    while keep_s and ledger.forget(after_s=keep_s, limit=_AT_ONCE) == _AT_ONCE:
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
    for deletion in backend.ledger.unfinished_deletions(settings.current().deletions_s):
        finish(backend, deletion)
    if isinstance(backend.ledger, RedisLedger):
        backend.ledger.rewrite_if_due()
