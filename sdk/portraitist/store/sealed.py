"""One persona's part of a store: everything is encrypted with the persona's data key before it is written (AES-256-GCM).

    blob or checkpoint: "P1", nonce (12 bytes), ciphertext and tag

A blob's nonce is a keyed hash of the job and the content. So a job that writes the same bytes again writes the same object.
Nothing else ever has its name: a blob belongs to one job, and equal photos of two people, or of two jobs, look unrelated.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable

from ..errors import StorageError
from .protocol import Store

MAGIC = b"P1"
_NONCE = 12  # bytes
OVERHEAD = len(MAGIC) + _NONCE + 16  # bytes that a sealed object is longer


class SealedStore:
    """`key`: the persona's, 32 bytes; `job_id`: whose blobs are written (reading needs none)."""

    def __init__(self, store: Store, key: bytes, job_id: str = "") -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._store, self._job_id = store, job_id
        self._cipher = AESGCM(_derived(key, b"encrypt"))
        self._nonce_key = _derived(key, b"nonce")

    def put(self, data: bytes) -> str:
        """As the store's; the digest is the sealed object's."""
        mac = hmac.new(self._nonce_key, self._job_id.encode() + b"\0", "sha256")
        mac.update(data)
        return self._store.put(self._seal(mac.digest()[:_NONCE], data, b"blob"))

    def sync(self, digests: Iterable[str]) -> None:
        self._store.sync(digests)

    def get(self, digest: str) -> bytes:
        return self._open(self._store.get(digest), b"blob", f"blob {digest[:12]}…")

    def erase(self, digest: str) -> None:
        self._store.erase(digest)

    def save_checkpoint(self, job_id: str, data: bytes) -> None:
        self._store.save_checkpoint(job_id, self._seal(os.urandom(_NONCE), data, job_id.encode()))

    def load_checkpoint(self, job_id: str) -> bytes | None:
        sealed = self._store.load_checkpoint(job_id)
        return None if sealed is None else self._open(sealed, job_id.encode(), f"the checkpoint of job {job_id}")

    def drop_checkpoint(self, job_id: str) -> None:
        self._store.drop_checkpoint(job_id)

    def seal_word(self, data: bytes) -> bytes:
        return self._seal(os.urandom(_NONCE), data, b"word")

    def open_word(self, sealed: bytes) -> bytes:
        return self._open(sealed, b"word", "a word in the ledger")

    def seal_message(self, data: bytes, about: str) -> bytes:
        """For whoever else has the key, on the way through a server. `about`: what it belongs to; it opens under the same only."""
        return self._seal(os.urandom(_NONCE), data, b"message " + about.encode())

    def open_message(self, sealed: bytes, about: str) -> bytes:
        return self._open(sealed, b"message " + about.encode(), "a message of a live session")

    def _seal(self, nonce: bytes, data: bytes, kind: bytes) -> bytes:
        return MAGIC + nonce + self._cipher.encrypt(nonce, data, MAGIC + kind)

    def _open(self, sealed: bytes, kind: bytes, what: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        start = len(MAGIC) + _NONCE
        try:
            if sealed[: len(MAGIC)] != MAGIC or len(sealed) < OVERHEAD:
                raise InvalidTag
            return self._cipher.decrypt(sealed[len(MAGIC) : start], memoryview(sealed)[start:], MAGIC + kind)
        except InvalidTag:
            raise StorageError(
                f"{what} is damaged, or was written with another persona's key; restore it from a backup or create the persona again"
            ) from None


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, b"portraitist " + purpose, "sha256")
