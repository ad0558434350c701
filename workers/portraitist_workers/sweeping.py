"""Erasing what nobody refers to (uploads that were never submitted, photos of failed creations, dead checkpoints), and finishing
deletions that were cut off."""

from __future__ import annotations

import os
from itertools import islice

from portraitist.backend import Backend
from portraitist.deletion import finish
from portraitist.errors import NotFound
from portraitist.ledger import RedisLedger
from portraitist.ledger.protocol import TERMINAL

SWEEP_S = 3600.0  # how often ...
SWEEP_AGE_S = 24 * 3600.0  # ... and how old a blob must be (a client uploads first and submits then)
_AT_ONCE = 1000  # digests per question to the ledger
# Seconds: how often deletions are looked after (here, and for copies in memory), and how long whoever asked for one is given.
DELETIONS_S = float(os.environ.get("PORTRAITIST_DELETIONS_S", "20"))


def sweep(backend: Backend) -> None:
    ledger, store = backend.ledger, backend.store
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
    """Finish those whose client was killed, and take what was deleted out of the server's files."""
    for deletion in backend.ledger.unfinished_deletions(DELETIONS_S):
        finish(backend, deletion)
    if isinstance(backend.ledger, RedisLedger):
        backend.ledger.rewrite_if_due()
