"""The Redis ledger's API keys: one hash by digest, and one that says which digest an id has."""

from __future__ import annotations

import builtins
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from .. import rules
from .protocol import ApiKeyRow

if TYPE_CHECKING:
    from ..redis import RedisLedger


_KEPT_S = 2 * 86400  # a day's counts


class RedisApiKeys:
    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger, self._redis = ledger, ledger._redis
        self._rows, self._ids = ledger._prefix + "api_keys", ledger._prefix + "api_key_ids"

    def add(self, row: ApiKeyRow) -> None:
        mine = replace(row, tenant=self._ledger.tenant or row.tenant)
        with self._ledger._typed(), self._redis.pipeline() as pipe:  # one transaction
            pipe.hset(self._rows, row.digest, json.dumps(asdict(mine)))
            pipe.hset(self._ids, row.id, row.digest)
            pipe.execute()

    def find(self, digest: str) -> ApiKeyRow | None:
        with self._ledger._typed():
            return self._mine(self._redis.hget(self._rows, digest))

    def list(self) -> builtins.list[ApiKeyRow]:
        with self._ledger._typed():
            found = [self._mine(text) for text in self._redis.hvals(self._rows)]
        return sorted((row for row in found if row is not None), key=lambda row: (row.created, row.id))

    def revoke(self, key_id: str) -> None:
        with self._ledger._typed():
            digest = self._redis.hget(self._ids, key_id)
        if digest is None or self.find(digest) is None:
            raise rules.no_api_key(key_id)
        with self._ledger._typed(), self._redis.pipeline() as pipe:
            pipe.hdel(self._rows, digest)
            pipe.hdel(self._ids, key_id)
            pipe.execute()

    def spend(self, key_id: str, day: int, most: int) -> bool:
        with self._ledger._typed(), self._redis.pipeline() as pipe:
            pipe.hincrby(self._jobs_of(day), key_id, 1)
            pipe.expire(self._jobs_of(day), _KEPT_S)
            count = int(pipe.execute()[0])
        if count > most:
            self.give_back(key_id, day)
        return count <= most

    def give_back(self, key_id: str, day: int) -> None:
        with self._ledger._typed():
            self._redis.hincrby(self._jobs_of(day), key_id, -1)

    def spent(self, day: int) -> dict[str, int]:
        with self._ledger._typed():
            found = self._redis.hgetall(self._jobs_of(day))
        return {key_id: int(count) for key_id, count in found.items() if int(count) > 0}

    def _jobs_of(self, day: int) -> str:
        return f"{self._ledger._prefix}api_key_jobs:{day}"

    def _mine(self, text: str | None) -> ApiKeyRow | None:
        row = None if text is None else ApiKeyRow(**json.loads(text))
        return row if row is not None and self._ledger.tenant in (None, row.tenant) else None
