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
    def __init__(self, ledger: MemoryLedger, rows: dict[str, ApiKeyRow], spent: dict[str, tuple[int, int]]) -> None:
        self._ledger, self._rows = ledger, rows  # by digest
        self._spent = spent  # by id: day, jobs

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

    def spend(self, key_id: str, day: int, most: int) -> bool:
        with self._ledger._changed:
            count = self.spent(day).get(key_id, 0)
            if count >= most:
                return False
            self._spent[key_id] = day, count + 1
            return True

    def give_back(self, key_id: str, day: int) -> None:
        with self._ledger._changed:
            if count := self.spent(day).get(key_id, 0):
                self._spent[key_id] = day, count - 1

    def spent(self, day: int) -> dict[str, int]:
        with self._ledger._changed:
            return {key_id: count for key_id, (of, count) in self._spent.items() if of == day and count}
