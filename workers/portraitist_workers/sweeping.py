"""Erasing what nobody refers to: uploads that were never submitted, photos of failed creations, dead checkpoints."""

from __future__ import annotations

from itertools import islice

from portraitist.errors import NotFound
from portraitist.ledger import Ledger
from portraitist.ledger.protocol import TERMINAL
from portraitist.store import Store

SWEEP_S = 3600.0  # how often ...
SWEEP_AGE_S = 24 * 3600.0  # ... and how old a blob must be (a client uploads first and submits then)
_AT_ONCE = 1000  # digests per question to the ledger


def sweep(ledger: Ledger, store: Store) -> None:
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
