"""A store behind any fsspec URL (an object store, SFTP, …): what hosts that share no folder use.

Same names as in the folder store. Writing: object stores show an object whole or not at all, so it is one request; elsewhere a
temporary file is moved into place. A blob that is there already is written again, which mends it and makes it young for the sweeper.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from ..errors import InvalidRequest, NotFound, PortraitistError, StorageError
from .protocol import digest_of, is_digest, is_job_id

_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"}  # an object is replaced in one step


class FsspecStore:
    """`url` as in s3://bucket/folder; credentials come from the environment, as that file system wants them."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            import fsspec

            self._fs, root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise InvalidRequest(
                f"store={url!r}: {error}; install what this kind of store needs, or name a folder that every client and worker has "
                "mounted",
                param="store",
            ) from error
        self._root = root.rstrip("/")
        names = self._fs.protocol if isinstance(self._fs.protocol, (tuple, list)) else (self._fs.protocol,)
        self._whole = bool(_WHOLE & set(names))

    def put(self, data: bytes) -> str:
        digest = digest_of(data)
        with self._typed("write a blob"):
            self._write(self._blob(digest), data)
        return digest

    def sync(self, digests: Iterable[str]) -> None:
        """Nothing: what the server has answered for is there."""

    def get(self, digest: str) -> bytes:
        path = self._blob(digest)
        with self._typed("read a blob"):
            try:
                data = bytes(self._fs.cat_file(path))
            except FileNotFoundError:
                raise NotFound(
                    f"no blob {digest[:12]}… in {self.url}; it was deleted or never uploaded", param=digest
                ) from None
        if digest_of(data) != digest:
            raise StorageError(
                f"blob {digest[:12]}… in {self.url} is damaged (its bytes do not match its name); restore it from a backup or create "
                "the persona again",
                param=digest,
            )
        return data

    def has(self, digest: str) -> bool:
        path = self._blob(digest)
        with self._typed("look for a blob"):
            return bool(self._fs.exists(path))

    def erase(self, digest: str) -> None:
        self._remove(self._blob(digest), "erase a blob")

    def save_checkpoint(self, job_id: str, data: bytes) -> None:
        path = self._checkpoint(job_id)
        with self._typed("save a checkpoint"):
            self._write(path, b"%08x" % zlib.crc32(data) + data)

    def load_checkpoint(self, job_id: str) -> bytes | None:
        path = self._checkpoint(job_id)
        with self._typed("read a checkpoint"), suppress(FileNotFoundError):
            stored = bytes(self._fs.cat_file(path))
            if b"%08x" % zlib.crc32(stored[8:]) == stored[:8]:
                return stored[8:]
        return None

    def drop_checkpoint(self, job_id: str) -> None:
        self._remove(self._checkpoint(job_id), "erase a checkpoint")

    def checkpoints(self) -> list[str]:
        names = (path.rsplit("/", 1)[-1] for path in self._list("checkpoints"))
        return [name for name in names if is_job_id(name)]

    def older_than(self, seconds: float) -> Iterator[str]:
        limit = datetime.now().timestamp() - seconds
        for path, info in self._list("blobs").items():
            name = path.rsplit("/", 1)[-1]
            if _written(info) > limit:
                continue
            if is_digest(name):
                yield name
            elif name.startswith(".tmp-"):  # its writer was killed
                self._remove(path, "erase a left-over")

    # --------------------------------------------------------------------------------------------------------------------

    def _blob(self, digest: str) -> str:
        if not is_digest(digest):
            raise InvalidRequest(f"{digest[:80]!r} is no blob digest; expected 64 hex digits", param="digest")
        return f"{self._root}/blobs/{digest[:2]}/{digest}"

    def _checkpoint(self, job_id: str) -> str:
        if not is_job_id(job_id):
            raise InvalidRequest(f"{job_id[:80]!r} is no job id", param="job_id")
        return f"{self._root}/checkpoints/{job_id}"

    def _write(self, path: str, data: bytes) -> None:
        if self._whole:
            self._fs.pipe_file(path, data)
            return
        folder = path.rsplit("/", 1)[0]
        self._fs.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.tmp-{secrets.token_hex(8)}"
        self._fs.pipe_file(temporary, data)
        self._fs.mv(temporary, path)

    def _remove(self, path: str, what: str) -> None:
        with self._typed(what), suppress(FileNotFoundError):
            self._fs.rm_file(path)

    def _list(self, folder: str) -> dict[str, dict[str, Any]]:
        with self._typed("list the store"), suppress(FileNotFoundError):
            return dict(self._fs.find(f"{self._root}/{folder}", detail=True))
        return {}

    @contextmanager
    def _typed(self, what: str) -> Iterator[None]:
        try:
            yield
        except (PortraitistError, FileNotFoundError):
            raise
        except Exception as error:  # every file system has its own
            raise StorageError(
                f"cannot {what} in {self.url}: {error}; check the address, the credentials and the network",
                param="store",
            ) from error


def _written(info: dict[str, Any]) -> float:
    """Seconds since the epoch; young when the file system does not tell, so that nothing is swept by mistake."""
    for name in ("mtime", "LastModified", "last_modified", "updated", "created"):
        at = info.get(name)
        if isinstance(at, datetime):
            return at.timestamp()
        if isinstance(at, (int, float)):
            return float(at)
        if isinstance(at, str):
            with suppress(ValueError):
                return datetime.fromisoformat(at).timestamp()
    return float("inf")
