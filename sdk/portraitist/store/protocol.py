"""What a store does. Blobs are named by their SHA-256, so they never change and are never stored twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Protocol

_DIGEST = re.compile(r"[0-9a-f]{64}")
_JOB_ID = re.compile(r"[a-z]{1,8}_[0-9a-f]{1,64}")


def digest_of(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None


class Store(Protocol):
    """Every method may raise StorageError; a write that finds no room raises StorageFull. A reader sees the whole of what
    was written or nothing, whenever the writer is killed."""

    def put(self, data: bytes) -> str:
        """Store `data`; its digest. It can be read at once, and survives a power cut after `sync`."""

    def sync(self, digests: Iterable[str]) -> None:
        """Make blobs durable, all at once (one by one, the disk would be waited for each time)."""

    def get(self, digest: str) -> bytes:
        """NotFound when it is not there; StorageError when its bytes no longer match the digest."""

    def has(self, digest: str) -> bool: ...

    def erase(self, digest: str) -> None:
        """Nothing happens when it is not there."""

    def save_checkpoint(self, job_id: str, data: bytes) -> None:
        """Replace the job's checkpoint in one step."""

    def load_checkpoint(self, job_id: str) -> bytes | None:
        """The newest checkpoint; None when there is none or it is damaged (the job then starts over)."""

    def drop_checkpoint(self, job_id: str) -> None: ...

    def checkpoints(self) -> list[str]:
        """Job ids that have one."""

    def older_than(self, seconds: float) -> Iterator[str]:
        """Digests of blobs written at least so long ago (for sweeping what nobody refers to)."""
