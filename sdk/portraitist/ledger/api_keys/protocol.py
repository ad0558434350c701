"""What a ledger keeps of API keys. The secret itself is shown once and never stored: `digest` is its SHA-256.

A secret is 256 random bits, so a plain hash is enough: nobody can try them all.

* A key belongs to a tenant. `ledger.of("acme").api_keys` lists and revokes that tenant's own, and finds no other.
* A revoked key is gone at once. One that has expired is found, and says so itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Scope = Literal["read", "make", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "make", "admin")  # each may do what the ones before it may


@dataclass(frozen=True)
class ApiKeyRow:
    id: str  # "key_…": names it, and is no secret
    tenant: str
    name: str  # what it is for, in words
    scope: Scope
    digest: str  # SHA-256 of the secret, in hex
    created: float
    expires: float | None = None  # seconds since the epoch
    rate: float | None = None  # requests a minute; None: the server's default
    jobs: int | None = None  # jobs a day; None: as many as it likes


class ApiKeys(Protocol):
    def add(self, row: ApiKeyRow) -> None:
        """Keep a new one. A ledger `of` a tenant puts its own there."""

    def find(self, digest: str) -> ApiKeyRow | None:
        """The key with this digest, also an expired one."""

    def list(self) -> list[ApiKeyRow]:
        """By their age, the oldest first."""

    def revoke(self, key_id: str) -> None:
        """From now on it opens nothing. NotFound."""

    def spend(self, key_id: str, day: int, most: int) -> bool:
        """Count one more job of the key on that day (since 1970, UTC). False: there are `most` already, and nothing was counted. Counts of
        earlier days are forgotten."""

    def give_back(self, key_id: str, day: int) -> None:
        """One of them does not count after all."""

    def spent(self, day: int) -> dict[str, int]:
        """Jobs of that day by the key's id, where there are any."""
