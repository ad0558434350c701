"""The memory ledger's API keys. They share the ledger's lock."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import rules
from .protocol import ApiKeyRow

if TYPE_CHECKING:
    from ..memory import MemoryLedger


class MemoryApiKeys:
    def __init__(self, ledger: MemoryLedger, rows: dict[str, ApiKeyRow]) -> None:
        self._ledger, self._rows = ledger, rows  # by digest

    def add(self, row: ApiKeyRow) -> None:
        with self._ledger._changed:
            self._rows[row.digest] = replace(row, tenant=self._ledger.tenant or row.tenant)

    def find(self, digest: str) -> ApiKeyRow | None:
        with self._ledger._changed:
            row = self._rows.get(digest)
            return row if row is not None and self._ledger.tenant in (None, row.tenant) else None

    def list(self) -> builtins.list[ApiKeyRow]:
        with self._ledger._changed:
            mine = [row for row in self._rows.values() if self._ledger.tenant in (None, row.tenant)]
            return sorted(mine, key=lambda row: (row.created, row.id))

    def revoke(self, key_id: str) -> None:
        with self._ledger._changed:
            for row in self.list():
                if row.id == key_id:
                    del self._rows[row.digest]
                    return
        raise rules.no_api_key(key_id)
