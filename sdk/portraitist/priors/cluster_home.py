"""Priors of a cluster, as one tenant sees them: records in the ledger, assets in the store, copies of assets on each host.

An asset is a blob of the store, named by its SHA-256. The ledger says which priors name it, so sweeping leaves it alone. A host fetches an
asset when it is first needed, checks it, and keeps it in `cache/assets/SHA256.safetensors`. The cache may be emptied at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from ..atomic import write_atomically
from ..errors import Conflict, NotFound, StorageError
from ..ledger.redis_priors import RedisPriors
from ..store import Store
from .assets import ASSETS, is_whole
from .folder_home import tidy
from .home import T, check_name, damaged, no_prior, typed
from .record import PriorRecord, parse

_TRIES = 5  # to change a record that others change, too


class Patience(Protocol):
    """Makes a call of the ledger or the store, perhaps again while a server is away."""

    def __call__(self, call: Callable[[], T]) -> T: ...


def once(call: Callable[[], T]) -> T:
    return call()


class ClusterHome:
    """`rows` and `store` are the tenant's own."""

    def __init__(self, rows: RedisPriors, store: Store, cache: Path, patiently: Patience = once) -> None:
        self._rows, self._store, self._cache, self._patiently = rows, store, cache, patiently

    def names(self) -> list[str]:
        return self._patiently(self._rows.names)

    def read(self, name: str) -> PriorRecord:
        return parse(self._text(name), name)

    def asset(self, record: PriorRecord, asset: str) -> Path:
        sha256 = record.sha256(asset)
        path = self._cache / "assets" / f"{sha256}.safetensors"
        if is_whole(path, sha256):
            return path
        try:
            data = self._patiently(partial(self._store.get, sha256))
        except (NotFound, StorageError) as error:
            if error.param != sha256:  # the store itself cannot be used
                raise
            raise damaged(record, asset, "the store") from error
        with typed(f"write {path} (PORTRAITIST_CACHE names another folder)", self._cache):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(path, data, durable=False)
        return path

    def folder(self, name: str) -> Path | None:
        check_name(name)
        return None

    def workspace(self) -> Path:
        with typed(f"make {self._cache} (PORTRAITIST_CACHE names another folder)", self._cache):
            self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
            tidy(self._cache)
        return self._cache

    def keep(self, record: PriorRecord, folder: Path) -> bool:
        files = {asset: (folder / ASSETS[asset].file).read_bytes() for asset in record.assets}
        self._upload(files)
        if not self._replaced(record.name, None, record):
            return False
        self._make_sure(record, files)
        return True

    def change(
        self, name: str, update: Callable[[PriorRecord], PriorRecord], files: Mapping[str, bytes]
    ) -> PriorRecord:
        self._upload(files)
        for _ in range(_TRIES):
            seen = self._text(name)
            changed = update(parse(seen, name))
            if self._replaced(name, seen, changed):
                self._make_sure(changed, files)
                return changed
        raise Conflict(f"prior {name!r} is changed by others all the time; call again", param="prior")

    def remove(self, name: str) -> None:
        check_name(name)
        named = self._patiently(partial(self._rows.remove, name))
        if named is None:
            raise no_prior(name)
        for sha256 in named:
            self._store.erase(sha256)  # the tenant's store keeps what somebody else names

    def _text(self, name: str) -> str:
        check_name(name)
        found = self._patiently(partial(self._rows.read, name))
        if found is None:
            raise no_prior(name)
        return found

    def _replaced(self, name: str, seen: str | None, record: PriorRecord) -> bool:
        text, blobs = record.model_dump_json(), list(record.assets.values())
        return self._patiently(partial(self._rows.replace, name, seen, text, blobs))

    def _upload(self, files: Mapping[str, bytes]) -> None:
        digests = [self._patiently(partial(self._store.put, data)) for data in files.values()]
        self._patiently(partial(self._store.sync, digests))

    def _make_sure(self, record: PriorRecord, files: Mapping[str, bytes]) -> None:
        """Equal bytes may have been erased for somebody else before the ledger knew that we name them."""
        gone = {asset for asset in files if not self._patiently(partial(self._store.has, record.assets[asset]))}
        if gone:
            self._upload({asset: files[asset] for asset in gone})
