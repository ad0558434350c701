"""A store in a dictionary, for one process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from ..errors import NotFound
from .protocol import digest_of


class MemoryStore:
    def __init__(self) -> None:
        self._blobs: dict[str, tuple[float, bytes]] = {}
        self._checkpoints: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        digest = digest_of(data)
        self._blobs.setdefault(digest, (time.time(), bytes(data)))
        return digest

    def sync(self, digests: Iterable[str]) -> None:
        pass

    def get(self, digest: str) -> bytes:
        if digest not in self._blobs:
            raise NotFound(f"no blob {digest[:12]}… in the store; it was deleted or never uploaded", param=digest)
        return self._blobs[digest][1]

    def has(self, digest: str) -> bool:
        return digest in self._blobs

    def erase(self, digest: str) -> None:
        self._blobs.pop(digest, None)

    def save_checkpoint(self, job_id: str, data: bytes) -> None:
        self._checkpoints[job_id] = bytes(data)

    def load_checkpoint(self, job_id: str) -> bytes | None:
        return self._checkpoints.get(job_id)

    def drop_checkpoint(self, job_id: str) -> None:
        self._checkpoints.pop(job_id, None)

    def checkpoints(self) -> list[str]:
        return list(self._checkpoints)

    def older_than(self, seconds: float) -> Iterator[str]:
        limit = time.time() - seconds
        yield from [digest for digest, (written, _) in list(self._blobs.items()) if written <= limit]
