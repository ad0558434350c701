"""The store as one tenant sees it.

Blobs are named by their content, so somebody may know the name of one that is not theirs. Here only those exist that a job of the
tenant mentions; any other is unknown, as if it had never been written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import NotFound
from .protocol import Store, is_digest

if TYPE_CHECKING:
    from ..ledger import Ledger


class TenantStore:
    """`everyone`: the ledger that sees all tenants. Writing is free: what no job mentions is swept."""

    def __init__(self, store: Store, everyone: Ledger, tenant: str) -> None:
        self._store, self._everyone, self._mine = store, everyone, everyone.of(tenant)
        self.put, self.sync = store.put, store.sync

    def get(self, digest: str) -> bytes:
        if is_digest(digest) and not self._mine.referenced([digest]):
            raise NotFound(f"no blob {digest[:12]}… in the store; it was deleted or never uploaded", param=digest)
        return self._store.get(digest)

    def has(self, digest: str) -> bool:
        return self._store.has(digest) and bool(self._mine.referenced([digest]))

    def erase(self, digest: str) -> None:
        if not self._everyone.referenced([digest]):  # else somebody has uploaded the same bytes
            self._store.erase(digest)

    def save_checkpoint(self, job_id: str, data: bytes) -> None:
        self._store.save_checkpoint(self._mine.job(job_id).id, data)

    def load_checkpoint(self, job_id: str) -> bytes | None:
        return self._store.load_checkpoint(self._mine.job(job_id).id)

    def drop_checkpoint(self, job_id: str) -> None:
        self._store.drop_checkpoint(self._mine.job(job_id).id)

    def checkpoints(self) -> list[str]:
        return []  # whoever sweeps sees all tenants

    def older_than(self, seconds: float) -> Iterator[str]:
        yield from ()
