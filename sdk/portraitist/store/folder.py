"""The embedded store: a local folder.

    blobs/ab/abcdef…       content, named by its SHA-256
    checkpoints/job_…      CRC-32 of what follows (8 hex digits), then the checkpoint
    checkpoints/job_….old  the one before, in case of a power cut

File names are made from digests and job ids alone; a name that came from a user never reaches the file system.
"""

from __future__ import annotations

import errno
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from ..atomic import sync_file, sync_folder, write_atomically
from ..errors import InvalidRequest, NotFound, StorageError, StorageFull
from .protocol import digest_of, is_digest, is_job_id

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FolderStore:
    """`root` is made by `create=True` and must exist from then on: a store that vanishes is an error, not a new store."""

    def __init__(self, root: str | Path, *, create: bool = True) -> None:
        self.root = Path(root)
        self._aside = ThreadPoolExecutor(1, "portraitist-store")
        if create:
            with self._typed("create the store"):
                for name in ("blobs", "checkpoints"):
                    (self.root / name).mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        digest = digest_of(data)
        path = self._blob(digest)
        with self._typed("write a blob"):
            try:
                if path.read_bytes() == data:  # a damaged one is replaced
                    os.utime(path)  # tells the sweeper that it is wanted again
                    return digest
            except FileNotFoundError:
                pass
            with suppress(FileExistsError):
                path.parent.mkdir()  # not parents=True: a removed store must not be silently begun anew
            write_atomically(path, data, durable=False)
        return digest

    def sync(self, digests: Iterable[str]) -> None:
        paths = [self._blob(digest) for digest in set(digests)]
        folders = {path.parent for path in paths}
        with (
            self._typed("write a blob"),
            ThreadPoolExecutor(8) as pool,
        ):  # the disk commits concurrent requests together
            list(pool.map(sync_file, paths))
            list(pool.map(sync_folder, folders))

    def get(self, digest: str) -> bytes:
        with self._typed("read a blob"):
            try:
                data = self._blob(digest).read_bytes()
            except FileNotFoundError:
                self._check_root()
                raise NotFound(
                    f"no blob {digest[:12]}… in {self.root}; it was deleted or never uploaded", param=digest
                ) from None
        if digest_of(data) != digest:
            raise StorageError(
                f"blob {digest[:12]}… in {self.root} is damaged (its bytes do not match its name); restore the folder from a "
                "backup or create the persona again",
                param=digest,
            )
        return data

    def has(self, digest: str) -> bool:
        return self._blob(digest).exists()

    def erase(self, digest: str) -> None:
        with self._typed("erase a blob"):
            self._blob(digest).unlink(missing_ok=True)

    def save_checkpoint(self, job_id: str, data: bytes) -> None:
        path = self._checkpoint(job_id)
        with self._typed("save a checkpoint"):
            # A kill leaves the new one or the old one. Waiting for the disk as well would cost a training loop a second in
            # five, so that is done aside; after a power cut it may be the old one that is whole.
            with suppress(FileNotFoundError):
                os.replace(path, _old(path))
            write_atomically(path, b"%08x" % zlib.crc32(data), data, durable=False)
            self._aside.submit(_sync_quietly, path)

    def load_checkpoint(self, job_id: str) -> bytes | None:
        with self._typed("read a checkpoint"):
            self._check_root()
            path = self._checkpoint(job_id)
            for candidate in (path, _old(path)):
                with suppress(FileNotFoundError):
                    stored = memoryview(candidate.read_bytes())
                    if b"%08x" % zlib.crc32(stored[8:]) == stored[:8]:
                        return bytes(stored[8:])
        return None

    def drop_checkpoint(self, job_id: str) -> None:
        with self._typed("erase a checkpoint"):
            path = self._checkpoint(job_id)
            path.unlink(missing_ok=True)
            _old(path).unlink(missing_ok=True)

    def checkpoints(self) -> list[str]:
        with self._typed("list the store"):
            names = {name.removesuffix(".old") for name in os.listdir(self.root / "checkpoints")}
            return [name for name in names if is_job_id(name)]

    def older_than(self, seconds: float) -> Iterator[str]:
        limit = time.time() - seconds
        with self._typed("list the store"):
            for path in [*(self.root / "blobs").glob("??/*"), *(self.root / "checkpoints").glob(".tmp-*")]:
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime > limit:
                        continue
                    if is_digest(path.name):
                        yield path.name
                    elif path.name.startswith(".tmp-"):  # its writer was killed
                        path.unlink()

    def _blob(self, digest: str) -> Path:
        if not is_digest(digest):
            raise InvalidRequest(f"{digest[:80]!r} is no blob digest; expected 64 hex digits", param="digest")
        return self.root / "blobs" / digest[:2] / digest

    def _checkpoint(self, job_id: str) -> Path:
        if not is_job_id(job_id):
            raise InvalidRequest(f"{job_id[:80]!r} is no job id", param="job_id")
        return self.root / "checkpoints" / job_id

    def _check_root(self) -> None:
        if not (self.root / "blobs").is_dir() or not (self.root / "checkpoints").is_dir():
            raise StorageError(
                f"the store {self.root} is gone or incomplete; put it back (or mount it again) and submit the job again",
                param=str(self.root),
            )

    @contextmanager
    def _typed(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull(
                    f"cannot {what}: the disk that holds {self.root} is full; free some space and try again",
                    param=str(self.root),
                ) from error
            if error.errno == errno.ENOENT:
                self._check_root()
            raise StorageError(
                f"cannot {what} in {self.root}: {error.strerror or error}; check that the folder exists and is writable",
                param=str(self.root),
            ) from error


def _old(path: Path) -> Path:
    return path.with_name(path.name + ".old")


def _sync_quietly(path: Path) -> None:
    with suppress(OSError):  # replaced or dropped meanwhile
        sync_file(path)
        sync_folder(path.parent)
