"""Master keys: what wraps the personas' data keys and signs receipts and webhooks.

The operator's is in $PORTRAITIST_MASTER_KEY or in the file $PORTRAITIST_MASTER_KEY_FILE: 32 bytes as base64 (`portraitist keys
new` makes one). Several, separated by commas or lines, are for changing it: the first wraps, all unwrap. Without one, the
installation has a secret of its own: embedded in `master.key` in the home folder, in a cluster in the ledger.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRequest, StorageError
from ..setting import setting

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_BYTES = 32


def new_secret() -> str:
    """A master key: 32 random bytes as URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


class Keyring:
    """`own(create)` gives the installation's own secret, and makes it when asked to and there is none (None: there is none).
    It is called on first use. Methods raise InvalidRequest (a master key that is none) and StorageError."""

    def __init__(self, own: Callable[[bool], str | None]) -> None:
        self._own = own

    def new_key(self, persona_id: str) -> tuple[bytes, str]:
        """A new persona's data key, and the same wrapped, for the ledger."""
        key = os.urandom(KEY_BYTES)
        return key, self.wrap(key, persona_id)

    def wrap(self, key: bytes, persona_id: str) -> str:
        return self._fernet.encrypt(persona_id.encode() + b" " + key).decode()

    def unwrap(self, wrapped: str, persona_id: str) -> bytes:
        from cryptography.fernet import InvalidToken

        try:
            owner, _, key = self._fernet.decrypt(wrapped.encode()).partition(b" ")
        except InvalidToken:
            raise StorageError(
                f"the data key of persona {persona_id} was wrapped with another master key; set PORTRAITIST_MASTER_KEY to the one that "
                "the persona was made with (on every client and worker)",
                param="PORTRAITIST_MASTER_KEY",
            ) from None
        if owner != persona_id.encode():
            raise StorageError(
                f"the data key of persona {persona_id} belongs to another one; restore the ledger from a backup"
            )
        return key

    def rewrap(self, wrapped: str, persona_id: str) -> str:
        """The same key, wrapped with the first master key."""
        return self.wrap(self.unwrap(wrapped, persona_id), persona_id)

    @cached_property
    def signing_keys(self) -> list[Ed25519PrivateKey]:
        """One per master key; the first signs. Derived, so that every client and worker has the same."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = [
            HKDF(SHA256(), KEY_BYTES, salt=None, info=b"portraitist receipts").derive(base64.urlsafe_b64decode(secret))
            for secret in self._secrets
        ]
        return [Ed25519PrivateKey.from_private_bytes(seed) for seed in derived]

    def webhook_keys(self, tenant: str) -> list[bytes]:
        """What the tenant's webhooks are signed with, one per master key. Knowing one tenant's says nothing about another's."""
        masters = [base64.urlsafe_b64decode(secret) for secret in self._secrets]
        return [hmac.digest(master, b"portraitist webhooks of " + tenant.encode(), "sha256") for master in masters]

    @property
    def operators(self) -> bool:
        """Whether the operator has set a master key; else it is the installation's own."""
        return bool(_operators())

    @cached_property
    def _fernet(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(secret) for secret in self._secrets])

    @cached_property
    def _secrets(self) -> list[str]:
        named = _operators()
        own = self._own(not named)  # made before the operator had a key, it still unwraps
        return [*named, own] if own else named


def _operators() -> list[str]:
    secrets = [part for part in re.split(r"[,\s]+", setting("PORTRAITIST_MASTER_KEY") or "") if part]
    for secret in secrets:
        check(secret, "PORTRAITIST_MASTER_KEY")
    return secrets


def check(secret: str, where: str) -> None:
    try:
        good = len(base64.urlsafe_b64decode(secret.encode("ascii"))) == KEY_BYTES
    except ValueError:
        good = False
    if not good:
        raise InvalidRequest(
            f"{where} holds something that is no master key; expected 32 bytes as base64, `portraitist keys new` makes one",
            param=where,
        )


def in_file(path: Path) -> Callable[[bool], str | None]:
    """`own` for an embedded home: a file that only its owner may read."""

    def own(create: bool) -> str | None:
        try:
            if create and not path.exists():
                temporary = path.with_name(f".tmp-{os.urandom(8).hex()}")
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(new_secret())
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(temporary, path)  # of clients that start at once, one makes it
                except FileExistsError:
                    pass
                finally:
                    os.unlink(temporary)
            secret = path.read_text().strip() if path.exists() else None
        except OSError as error:
            raise StorageError(
                f"the master key {path} cannot be used: {error.strerror or error}; without it the personas of this home cannot be read",
                param=str(path),
            ) from error
        if secret is not None:
            check(secret, str(path))
        return secret

    return own


def in_memory() -> Callable[[bool], str | None]:
    secret = new_secret()
    return lambda create: secret
