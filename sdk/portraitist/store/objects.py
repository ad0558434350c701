"""The border to fsspec: whole objects by name behind any URL, conditional replacement where the server has it, errors as ours.

Object stores show an object whole or not at all, so writing is one request; elsewhere a temporary file is moved into place.
S3 also replaces on condition (`If-Match`, `If-None-Match`: AWS since 2024, MinIO, moto). Its client tries again by itself.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from ..errors import Conflict, InvalidRequest, PortraitistError, StorageError, StorageFull, StorageUnavailable

_S3 = {"s3", "s3a"}
_BUCKETS = _S3 | {"gs", "gcs", "abfs", "abfss", "az"}
_WHOLE = _BUCKETS | {"memory"}  # an object is replaced in one step
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_CODES = ("XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity")
_BUSY_CODES = ("InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout", "500", "502", "503", "504")
# seconds, tries; the defaults hang for minutes where a firewall drops packets
_S3_SETTINGS = {"connect_timeout": 5, "read_timeout": 30, "retries": {"mode": "standard", "max_attempts": 5}}

Tag = str | None  # which version of an object; None: there is none, or the server does not tell


class Objects:
    """`url` as in s3://bucket/folder; credentials and endpoint come from the environment, as that file system wants them."""

    def __init__(self, url: str) -> None:
        self.url = url
        kind = url.split("://")[0]
        try:
            import fsspec

            settings = {"config_kwargs": _S3_SETTINGS} if kind in _S3 else {}
            self._fs, root = fsspec.url_to_fs(url, use_listings_cache=False, **settings)
        except (ImportError, ValueError) as error:
            what = "`pip install 'portraitist[s3]'`" if kind in _S3 else "what this kind of store needs"
            raise InvalidRequest(
                f"store={url!r}: {error}; install {what}, or name a folder that every client and worker has mounted",
                param="store",
            ) from error
        self._root = root.rstrip("/")
        names = self._fs.protocol if isinstance(self._fs.protocol, (tuple, list)) else (self._fs.protocol,)
        self._whole, self._conditional = bool(_WHOLE & set(names)), bool(_S3 & set(names))
        self._bucket = self._root.split("/")[0] if _BUCKETS & set(names) else None

    def read(self, name: str) -> bytes | None:
        with self._typed("read"):
            try:
                return bytes(self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                self._check_bucket("read")
                return None

    def exists(self, name: str) -> bool:
        with self._typed("look"):
            return bool(self._fs.exists(self._path(name)))

    def write(self, name: str, data: bytes) -> None:
        """Whole or not at all; one that is there is replaced."""
        with self._typed("write"):
            self._write(self._path(name), data)

    def read_tagged(self, name: str) -> tuple[Tag, bytes | None]:
        """The object and which version it is (or an older one: then `swap` refuses, which is safe)."""
        tag = self._tag(name) if self._conditional else None
        return tag, self.read(name)

    def swap(self, name: str, data: bytes, seen: Tag) -> Tag:
        """Replace the version `seen` (None: there must be none). Conflict when it is another by now; where the server knows no
        conditions, the last one wins."""
        if not self._conditional:
            self.write(name, data)
            return None
        condition = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": seen}
        with self._typed("write"):
            try:
                answer = self._fs.pipe_file(self._path(name), data, **condition)
            except OSError as error:
                code = _code(error)
                if code == "NotImplemented":
                    self._conditional = False
                    return self.swap(name, data, seen)
                # NoSuchKey: it was removed meanwhile. And our first try may have arrived although its answer was lost.
                if code not in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                    raise
                tag, now = self.read_tagged(name)
                if now == data:
                    return tag
                raise Conflict(
                    f"{name} in {self.url} was replaced by another process; whoever holds the job now goes on",
                    param=name,
                ) from error
        return str(answer["ETag"]) if isinstance(answer, dict) else self._tag(name)

    def remove(self, name: str) -> None:
        """Nothing happens when it is not there; a bucket that is not there is an error (a receipt would claim too much)."""
        with self._typed("erase"):
            try:
                self._fs.rm_file(self._path(name))
            except FileNotFoundError:
                self._check_bucket("erase")

    def remove_folder(self, name: str) -> None:
        """An empty one, where folders exist at all."""
        if self._bucket is None:
            with suppress(OSError):
                self._fs.rmdir(self._path(name))

    def folders(self, name: str) -> list[str]:
        """Names of the folders in the folder `name`."""
        with self._typed("list"), suppress(FileNotFoundError):
            entries = self._fs.ls(self._path(name), detail=True)
            return [_last(entry["name"]) for entry in entries if entry["type"] == "directory"]
        return []

    def files(self, name: str) -> Iterator[tuple[str, float]]:
        """(name, seconds since the epoch when it was written) of what is in the folder `name`."""
        with self._typed("list"), suppress(FileNotFoundError):
            for entry in self._fs.ls(self._path(name), detail=True):
                if entry["type"] != "directory":
                    yield _last(entry["name"]), _written(entry)

    # --------------------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _tag(self, name: str) -> Tag:
        with self._typed("look"), suppress(FileNotFoundError):
            return str(self._fs.info(self._path(name))["ETag"])
        return None

    def _write(self, path: str, data: bytes) -> None:
        if self._whole:
            self._fs.pipe_file(path, data)
            return
        folder = path.rsplit("/", 1)[0]
        self._fs.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.tmp-{secrets.token_hex(8)}"
        try:
            self._fs.pipe_file(temporary, data)
            self._fs.mv(temporary, path)
        except BaseException:
            with suppress(OSError):
                self._fs.rm_file(temporary)
            raise

    def _check_bucket(self, what: str) -> None:
        if self._bucket is not None and not self._fs.exists(self._bucket):
            raise StorageError(
                f"cannot {what} in {self.url}: there is no bucket {self._bucket!r}; make it, or correct store=… (PORTRAITIST_STORE)",
                param="store",
            )

    @contextmanager
    def _typed(self, what: str) -> Iterator[None]:
        try:
            yield
        except PortraitistError:
            raise
        except Exception as error:  # every file system has its own
            place = f"cannot {what} in {self.url}: {error}"
            if getattr(error, "errno", None) in _FULL or _code(error) in _FULL_CODES:
                raise StorageFull(f"{place}; free some space there, or raise the quota", param="store") from error
            if isinstance(error, PermissionError):
                raise StorageError(
                    f"{place}; the credentials must be allowed to get, put, delete and list there", param="store"
                ) from error
            if isinstance(error, FileNotFoundError):
                self._check_bucket(what)
            if _passes(error):
                raise StorageUnavailable(
                    f"{place}; check address and network, then call again (running jobs wait for it)", param="store"
                ) from error
            raise StorageError(f"{place}; check the address, the credentials and the network", param="store") from error


def _code(error: BaseException) -> str:
    """What an S3 server calls the error; empty for others."""
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _passes(error: BaseException) -> bool:
    """Whether it may go away by itself: no connection, no answer in time, a server that is overloaded or starting."""
    if _code(error) in _BUSY_CODES or isinstance(error, (ConnectionError, TimeoutError)):
        return True
    names = {base.__name__ for base in type(error).__mro__}  # botocore's own families; it may not be installed
    return bool(names & {"ConnectionError", "HTTPClientError", "ConnectTimeoutError", "ReadTimeoutError"})


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _written(info: dict[str, Any]) -> float:
    """Young when the file system does not tell, so that nothing is swept by mistake."""
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
