"""Erasing what nobody refers to: uploads that were never submitted, photos of failed creations, dead checkpoints."""

from __future__ import annotations

from portraitist.errors import NotFound
from portraitist.ledger import Ledger
from portraitist.ledger.protocol import TERMINAL
from portraitist.store import Store

SWEEP_S = 600.0  # how often ...
SWEEP_AGE_S = 3600.0  # ... and how old a blob must be (a client uploads first and submits then)


def sweep(ledger: Ledger, store: Store) -> None:
    old = list(store.older_than(SWEEP_AGE_S))
    for digest in set(old) - ledger.referenced(old):
        store.erase(digest)
    for job_id in store.checkpoints():
        try:
            over = ledger.job(job_id).status in TERMINAL
        except NotFound:
            over = True
        if over:
            store.drop_checkpoint(job_id)
