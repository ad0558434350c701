"""Deleting a person: first the ledger, in one step (the data key, the record, every mention), then the store, then the receipt.

From the first step on nothing of hers can be read any more. If whoever deletes is killed after it, the worker fleet finishes.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

from . import __version__
from .backend import Backend
from .errors import NotFound
from .ledger import Deletion
from .vault.receipts import Receipt, at

FORGET_S = 60.0  # workers drop a deleted persona from their memory within so many seconds
_AT_ONCE = 16  # requests to the store


def delete(backend: Backend, persona_id: str) -> Receipt:
    """Asked again, the same receipt. NotFound when there never was such a persona."""
    try:
        deletion = backend.ledger.delete_persona(persona_id)
    except NotFound:  # or it was deleted before
        deletion = backend.ledger.deletion(persona_id)
    return finish(backend, deletion)


def finish(backend: Backend, deletion: Deletion) -> Receipt:
    """Erase what the ledger has forgotten, and sign for it. Doing it twice does no harm."""
    if deletion.receipt is not None:
        return Receipt.model_validate(deletion.receipt)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(backend.store.erase, deletion.blobs))
        list(pool.map(backend.store.drop_checkpoint, deletion.jobs))
    receipt = Receipt(
        tenant=deletion.tenant,
        persona_id=deletion.persona_id,
        requested=at(deletion.time),
        completed=at(time.time()),
        workers_forget_by=at(deletion.time + FORGET_S),
        blobs=sorted(deletion.blobs),
        jobs=sorted(deletion.jobs),
        signer=f"portraitist {__version__} on {socket.gethostname()}",
        public_key="",
    ).signed(backend.keyring)
    # Another process may have been faster; what it has signed stays.
    return Receipt.model_validate(backend.ledger.close_deletion(deletion.persona_id, receipt.model_dump(mode="json")))
