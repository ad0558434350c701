"""The records of a tenant's imported priors in the Redis ledger, and which blobs they name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .redis import RedisLedger


class RedisPriors:
    """`ledger`: a tenant's. Records are text here; `portraitist.priors.record` knows what they say. `shelf`: what the keys of other
    things begin with that are kept in the same way, such as learnt styles; no prior's name has a slash."""

    def __init__(self, ledger: RedisLedger, shelf: str = "") -> None:
        assert ledger.tenant is not None, "priors belong to a tenant"
        self._ledger, self._rows, self._shelf = ledger, ledger._key("priors", ledger.tenant), shelf

    def names(self) -> list[str]:
        with self._ledger._typed():
            found = [str(key).rpartition("/") for key in self._ledger._redis.hkeys(self._rows)]
        return sorted(name for shelf, slash, name in found if shelf + slash == self._shelf)

    def read(self, name: str) -> str | None:
        with self._ledger._typed():
            found = self._ledger._redis.hget(self._rows, self._shelf + name)
        return None if found is None else str(found)

    def replace(self, name: str, seen: str | None, record: str, blobs: Iterable[str]) -> bool:
        """Put `record` in the place of the one that was `seen` (None: there was none). False when it is another by now."""
        return bool(
            self._ledger._run("replace_prior", prior=self._shelf + name, seen=seen, record=record, blobs=list(blobs))
        )

    def remove(self, name: str) -> list[str] | None:
        """The blobs that it named; None when there is no such prior."""
        tag, *rest = self._ledger._run("remove_prior", prior=self._shelf + name)
        return None if tag == "none" else list(rest[0])
