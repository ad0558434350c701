"""Which home a backend's priors have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..backend import Backend, default_cache, default_home
from ..errors import InvalidRequest
from ..ledger import RedisLedger
from .cluster_home import ClusterHome, Patience, once
from .folder_home import FolderHome
from .home import PriorHome
from .record import PriorRecord


def home_of(backend: Backend, patiently: Patience = once) -> PriorHome:
    """`backend`: as one tenant sees it. `patiently` makes the calls that go to a cluster's servers."""
    if backend.home is not None:
        return FolderHome(backend.home / "priors")
    if isinstance(backend.ledger, RedisLedger):
        return ClusterHome(backend.ledger.priors, backend.store, default_cache(), patiently)
    return NoHome()


def local_home() -> FolderHome:
    """Of $PORTRAITIST_HOME, or of the user's data folder."""
    return FolderHome(default_home() / "priors")


class NoHome:
    """In memory: only the bundled priors."""

    def names(self) -> list[str]:
        return []

    def read(self, name: str) -> PriorRecord:
        raise _nowhere()

    def asset(self, record: PriorRecord, asset: str) -> Path:
        raise _nowhere()

    def folder(self, name: str) -> Path | None:
        raise _nowhere()

    def workspace(self) -> Path:
        raise _nowhere()

    def keep(self, record: PriorRecord, folder: Path) -> bool:
        raise _nowhere()

    def change(
        self, name: str, update: Callable[[PriorRecord], PriorRecord], files: Mapping[str, bytes]
    ) -> PriorRecord:
        raise _nowhere()

    def remove(self, name: str) -> None:
        raise _nowhere()


def _nowhere() -> InvalidRequest:
    return InvalidRequest("a studio in memory has only the bundled priors; use connect(home=…)", param="prior")
