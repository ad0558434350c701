"""A store behind any fsspec URL (S3, SFTP, …): what hosts that share no folder use.

    blobs/ab/abcdef…         content, named by its SHA-256
    checkpoints/job_…/head   names of the newest checkpoint and of the one before, a line each
    checkpoints/job_…/0f3a…  CRC-32 of what follows (8 hex digits), then the checkpoint

A blob is written without a condition: what has its name has its bytes, and writing again mends it and makes it young for the
sweeper. `head` is replaced only if nobody else has replaced it since (where the server can tell).
"""

from __future__ import annotations

import re
import secrets
import time
import zlib
from collections.abc import Iterable, Iterator

from ..errors import Conflict, InvalidRequest, NotFound, StorageError
from .objects import Objects, Tag
from .protocol import digest_of, is_digest, is_job_id

_NAME = re.compile(r"[0-9a-f]{16}")


class FsspecStore:
    """`url` as in s3://bucket/folder. Raises InvalidRequest when its kind of file system is not installed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._objects = Objects(url)
        self._heads: dict[str, tuple[Tag, list[str]]] = {}  # job id -> its head as we last saw it

    def put(self, data: bytes) -> str:
        digest = digest_of(data)
        self._objects.write(_blob(digest), data)
        return digest

    def sync(self, digests: Iterable[str]) -> None:
        """Nothing: what the server has answered for is there."""

    def get(self, digest: str) -> bytes:
        data = self._objects.read(_blob(digest))
        if data is None:
            raise NotFound(f"no blob {digest[:12]}… in {self.url}; it was deleted or never uploaded", param=digest)
        if digest_of(data) != digest:
            raise StorageError(
                f"blob {digest[:12]}… in {self.url} is damaged (its bytes do not match its name); restore it from a backup or create "
                "the persona again",
                param=digest,
            )
        return data

    def has(self, digest: str) -> bool:
        return self._objects.exists(_blob(digest))

    def erase(self, digest: str) -> None:
        self._objects.remove(_blob(digest))

    def save_checkpoint(self, job_id: str, data: bytes) -> None:
        folder = _checkpoints(job_id)
        seen, kept = self._heads.get(job_id) or self._look(job_id)
        new = secrets.token_hex(8)
        self._objects.write(f"{folder}/{new}", b"%08x" % zlib.crc32(data) + data)
        names = [new, *kept[:1]]
        try:
            tag = self._objects.swap(f"{folder}/head", "\n".join(names).encode(), seen)
        except Conflict:
            self._objects.remove(f"{folder}/{new}")
            self._heads.pop(job_id, None)
            raise
        self._heads[job_id] = tag, names
        for name in kept[1:]:
            self._objects.remove(f"{folder}/{name}")

    def load_checkpoint(self, job_id: str) -> bytes | None:
        self._heads[job_id] = self._look(job_id)
        for name in self._heads[job_id][1]:
            stored = self._objects.read(f"{_checkpoints(job_id)}/{name}")
            if stored is not None and b"%08x" % zlib.crc32(stored[8:]) == stored[:8]:
                return stored[8:]
        return None

    def drop_checkpoint(self, job_id: str) -> None:
        folder = _checkpoints(job_id)
        self._heads.pop(job_id, None)
        self._objects.remove(f"{folder}/head")
        for name, _ in list(self._objects.files(folder)):
            self._objects.remove(f"{folder}/{name}")
        self._objects.remove_folder(folder)

    def checkpoints(self) -> list[str]:
        return [name for name in self._objects.folders("checkpoints") if is_job_id(name)]

    def older_than(self, seconds: float) -> Iterator[str]:
        limit = time.time() - seconds
        for part in self._objects.folders("blobs"):  # one listing each: there may be millions
            for name, written in list(self._objects.files(f"blobs/{part}")):
                if written > limit:
                    continue
                if is_digest(name):
                    yield name
                elif name.startswith(".tmp-"):  # its writer was killed
                    self._objects.remove(f"blobs/{part}/{name}")

    def _look(self, job_id: str) -> tuple[Tag, list[str]]:
        tag, head = self._objects.read_tagged(f"{_checkpoints(job_id)}/head")
        return tag, [name for name in (head or b"").decode("ascii", "replace").split() if _NAME.fullmatch(name)]


def _blob(digest: str) -> str:
    if not is_digest(digest):
        raise InvalidRequest(f"{digest[:80]!r} is no blob digest; expected 64 hex digits", param="digest")
    return f"blobs/{digest[:2]}/{digest}"


def _checkpoints(job_id: str) -> str:
    if not is_job_id(job_id):
        raise InvalidRequest(f"{job_id[:80]!r} is no job id", param="job_id")
    return f"checkpoints/{job_id}"
