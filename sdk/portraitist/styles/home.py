"""Where learnt styles are kept: a file each. On one machine in home/styles, in a cluster in its store, with a row in the ledger."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ..atomic import write_atomically
from ..backend import Backend
from ..errors import InvalidRequest, NotFound
from ..ledger import RedisLedger
from ..ledger.redis_priors import RedisPriors
from ..priors.cluster_home import Patience, once
from ..priors.home import is_name, typed
from ..priors.prior import BUNDLED as PRIORS
from ..store import Store

SUFFIX = ".safetensors"
BUNDLED = ("toon", "pencil", "clay")


class StyleHome(Protocol):
    """Every method may raise StorageError; a cluster's, QueueUnavailable too."""

    def names(self) -> list[str]: ...
    def data(self, name: str) -> bytes:
        """The style's file. Raises NotFound."""

    def keep(self, name: str, data: bytes) -> bool:
        """False when the name is taken."""

    def remove(self, name: str) -> None:
        """Raises NotFound."""


@dataclass(frozen=True)
class FolderStyles:
    root: Path

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.root.glob(f"*{SUFFIX}") if is_name(path.stem))

    def data(self, name: str) -> bytes:
        with typed(f"read the style {name!r}", self.root):
            try:
                return self._file(name).read_bytes()
            except FileNotFoundError:
                raise no_style(name) from None

    def keep(self, name: str, data: bytes) -> bool:
        path = self._file(name)
        with typed(f"write {path}", self.root):
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if path.exists():
                return False
            write_atomically(path, data)
        return True

    def remove(self, name: str) -> None:
        with typed(f"remove the style {name!r}", self.root):
            try:
                self._file(name).unlink()
            except FileNotFoundError:
                raise no_style(name) from None

    def _file(self, name: str) -> Path:
        return self.root / (check_name(name) + SUFFIX)


class ClusterStyles:
    """`rows` and `store` are the tenant's own. A row says the blob."""

    def __init__(self, rows: RedisPriors, store: Store, patiently: Patience = once) -> None:
        self._rows, self._store, self._patiently = rows, store, patiently

    def names(self) -> list[str]:
        return self._patiently(self._rows.names)

    def data(self, name: str) -> bytes:
        blob = self._patiently(partial(self._rows.read, check_name(name)))
        if blob is None:
            raise no_style(name)
        return self._patiently(partial(self._store.get, blob))

    def keep(self, name: str, data: bytes) -> bool:
        blob = self._upload(data)
        if not self._patiently(partial(self._rows.replace, check_name(name), None, blob, [blob])):
            return False
        if not self._patiently(partial(self._store.has, blob)):  # equal bytes were erased before the ledger knew of us
            self._upload(data)
        return True

    def remove(self, name: str) -> None:
        named = self._patiently(partial(self._rows.remove, check_name(name)))
        if named is None:
            raise no_style(name)
        for blob in named:
            self._store.erase(blob)  # the tenant's store keeps what somebody else names

    def _upload(self, data: bytes) -> str:
        blob = self._patiently(partial(self._store.put, data))
        self._patiently(partial(self._store.sync, [blob]))
        return blob


class NoStyles:
    """In memory: only the bundled ones."""

    def names(self) -> list[str]:
        return []

    def data(self, name: str) -> bytes:
        raise no_style(check_name(name))

    def keep(self, name: str, data: bytes) -> bool:
        raise _nowhere()

    def remove(self, name: str) -> None:
        raise no_style(check_name(name))


def home_of(backend: Backend, patiently: Patience = once) -> StyleHome:
    """`backend`: as one tenant sees it. `patiently` makes the calls that go to a cluster's servers."""
    if backend.home is not None:
        return FolderStyles(backend.home / "styles")
    if isinstance(backend.ledger, RedisLedger):
        return ClusterStyles(backend.ledger.styles, backend.store, patiently)
    return NoStyles()


def bundled(name: str, base: str) -> bytes:
    """The file of a style that comes with the worker's package. Raises NotFound."""
    spec = importlib.util.find_spec("portraitist_workers")
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("the bundled styles are not there: run `pip install 'portraitist[worker]'`", param="style")
    path = Path(next(iter(spec.submodule_search_locations))) / "styles" / "bundled" / base / f"{name}{SUFFIX}"
    if base not in PRIORS or not path.is_file():
        raise NotFound(
            f"the style {name!r} does not come for the prior {base!r}; learn one of your own on it", param="style"
        )
    return path.read_bytes()


def bundled_bases(name: str) -> list[str]:
    """The priors for which a bundled style comes."""
    return [base for base in PRIORS if _comes(lambda base=base: bundled(name, base))]  # type: ignore[misc]


def _comes(read: Callable[[], bytes]) -> bool:
    try:
        return bool(read())
    except NotFound:
        return False


def check_name(name: str) -> str:
    """Raises InvalidRequest for what cannot be a style's name."""
    if not is_name(name):
        raise InvalidRequest(
            f"{str(name)[:80]!r} cannot be a style's name; use 1 to 64 of a-z, 0-9, '.', '-' and '_', beginning with a letter "
            "or digit",
            param="style",
        )
    return name


def no_style(name: str) -> NotFound:
    return NotFound(f"there is no style {name!r}; `portraitist styles list` shows those there are", param="style")


def _nowhere() -> InvalidRequest:
    return InvalidRequest("a studio in memory has only the bundled styles; use connect(home=…)", param="style")
