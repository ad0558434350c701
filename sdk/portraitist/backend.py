"""A backend is a ledger, a store and a transport. SDK and workers open the same one from the same address."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .errors import InvalidRequest, NotFound, PersonaDeleted, StorageError
from .ledger import DEFAULT_TENANT, Ledger, RedisLedger, SqliteLedger
from .ledger.redis_server import without_password
from .results import Progress
from .setting import setting
from .store import FolderStore, FsspecStore, SealedStore, Store, TenantStore, words
from .transport import Capability, EmbeddedTransport, RedisTransport, Transport
from .vault import Keyring, in_file, in_memory, new_secret

if TYPE_CHECKING:
    from .webhooks import Webhook

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Allowance(Protocol):
    """How many more jobs may be submitted. Both raise QuotaExceeded."""

    def check(self) -> None:
        """Whether there is one."""

    def take(self) -> Callable[[], None]:
        """Count one more. Gives what takes that back."""


@dataclass(frozen=True)
class Backend:
    ledger: Ledger
    store: Store
    transport: Transport
    home: Path | None = None  # embedded only
    keyring: Keyring = field(default_factory=lambda: Keyring(in_memory()))
    priority: int = 0  # of the jobs that are submitted through it
    webhook: Webhook | None = None  # for jobs that are submitted without one of their own
    idempotency_key: str | None = None  # of the one job that is submitted through it
    allowance: Allowance | None = None  # what its jobs count against

    @property
    def shared(self) -> bool:
        """A cluster's; else it is one user's own."""
        return Capability.MULTI_HOST in self.transport.capabilities

    def sealed(self, persona_id: str, job_id: str = "") -> SealedStore:
        """The persona's part of the store, to read, or to write what belongs to a job. NotFound, PersonaDeleted."""
        key = self.keyring.unwrap(self.ledger.wrapped_key(persona_id), persona_id)
        return SealedStore(self.store, key, job_id)

    def readable(self, persona_id: str, data: Any) -> Any:
        """What a row of the ledger says about the persona (JSON), with its words opened. NotFound, PersonaDeleted."""
        return words.opened(functools.cache(lambda: self.sealed(persona_id)), data)

    def progress(self, persona_id: str, data: Any) -> Progress:
        """What an event of progress says. What it says of photos is left out when the persona and its key are gone."""
        try:
            return Progress.model_validate(self.readable(persona_id, data))
        except (NotFound, PersonaDeleted):
            return Progress.model_validate({**data, "photo": "", "photos": []})

    @property
    def name(self) -> str:
        url = getattr(self.ledger, "url", None)
        return repr(str(self.home)) if self.home else repr(without_password(url)) if url else "in memory"

    def risks(self) -> list[str]:
        """Settings with which jobs can be lost or data be read by others; for a cluster."""
        found = self.ledger.risks() if isinstance(self.ledger, RedisLedger) else []
        if not self.keyring.operators:
            found.append(
                "the master key lies on it beside the keys that it wraps, so a copy of its data opens the store; set "
                "PORTRAITIST_MASTER_KEY on every client and worker (`portraitist keys new` makes one)"
            )
        return found

    def of(self, tenant: str | None = None) -> Backend:
        """The same backend as one tenant sees it, by default $PORTRAITIST_TENANT or "default". Workers and operators use the one
        that sees all."""
        name = check_tenant(tenant or os.environ.get("PORTRAITIST_TENANT") or DEFAULT_TENANT)
        return replace(self, ledger=self.ledger.of(name), store=TenantStore(self.store, self.ledger, name))


def check_tenant(name: str) -> str:
    """Raises InvalidRequest for what cannot be a tenant's name."""
    if not isinstance(name, str) or not _TENANT.fullmatch(name):
        raise InvalidRequest(
            f"{str(name)[:80]!r} cannot be a tenant's name; use 1 to 64 of a-z, A-Z, 0-9, '.', '-' and '_', beginning with a "
            "letter or digit. Take an id of your own, not an e-mail address: it is shown in logs",
            param="tenant",
        )
    return name


def default_home() -> Path:
    """$PORTRAITIST_HOME, or the user's data folder. Raises InvalidRequest where the former is empty: somebody meant another one."""
    if (named := os.environ.get("PORTRAITIST_HOME")) is not None:
        return home_folder(named, "PORTRAITIST_HOME")
    import platformdirs

    return Path(platformdirs.user_data_dir("portraitist", appauthor=False))


def default_cache() -> Path:
    """$PORTRAITIST_CACHE, or the user's cache folder: copies of what lies in a cluster's store. Raises InvalidRequest where it is empty."""
    if (named := os.environ.get("PORTRAITIST_CACHE")) is not None:
        return home_folder(named, "PORTRAITIST_CACHE")
    import platformdirs

    return Path(platformdirs.user_cache_dir("portraitist", appauthor=False))


def home_folder(named: str | os.PathLike[str], param: str = "home") -> Path:
    """Raises InvalidRequest for an empty string, which would be the current folder."""
    if not os.fspath(named).strip():
        raise InvalidRequest(f"{param} is empty; name a folder, or leave it out for your data folder", param=param)
    return Path(named).expanduser().resolve()


def embedded(home: str | Path | None = None, *, create: bool = True) -> Backend:
    """Everything in the folder `home`, which is made when it is not there. Photos are personal: only its owner may read it.
    Workers pass create=False: they must not begin anew what somebody removed."""
    folder = default_home() if home is None else home_folder(home)
    if create:
        _make(folder, "home")
    store = FolderStore(folder, create=create)
    keyring = Keyring(in_file(folder / "master.key"))
    return Backend(SqliteLedger(folder / "ledger.sqlite3"), store, EmbeddedTransport(folder), folder, keyring)


def cluster(url: str, store: str | Path | None = None, *, create: bool = True) -> Backend:
    """Ledger and wake-ups on the Redis server `url`; bytes in `store`, which every client and worker must reach."""
    location = store or os.environ.get("PORTRAITIST_STORE")
    if location is None:
        raise InvalidRequest(
            "a cluster needs a store that every client and worker reaches: connect(url, store='/mnt/portraitist') or "
            "PORTRAITIST_STORE",
            param="store",
        )
    ledger = RedisLedger(url)
    keyring = Keyring(lambda create: ledger.secret(new_secret() if create else None))
    return Backend(ledger, open_store(location, create=create), RedisTransport(url), keyring=keyring)


def open_store(location: str | Path, *, create: bool = True) -> Store:
    """A folder, as a path or a file:// URL (photos are personal: only its owner may read it), or what fsspec knows."""
    text = os.fspath(location)
    scheme, sign, rest = text.partition("://")
    if sign and scheme != "file":
        return FsspecStore(text)
    folder = Path(rest if sign else text).expanduser().resolve()
    if create:
        _make(folder, "store")
    return FolderStore(folder, create=create)


def open_backend(
    url: str | None = None, home: str | Path | None = None, store: str | Path | None = None, *, create: bool = True
) -> Backend:
    """`url=None`: $PORTRAITIST_URL unless `home` is given, and embedded without either."""
    url = url or (setting("PORTRAITIST_URL") if home is None else None)
    if not url:
        if store is not None:
            raise InvalidRequest("store=… goes with a url; an embedded studio keeps all in home=…", param="store")
        return embedded(home, create=create)
    if home is not None:
        raise InvalidRequest("home=… is the embedded studio's folder; with a url, use store=…", param="home")
    if url.split("://")[0] not in ("redis", "rediss", "valkey", "valkeys"):
        raise InvalidRequest(
            f"cannot connect to {without_password(url)!r}: use redis://host:6379/0 (rediss:// for TLS, valkey:// for Valkey), or no "
            "url for the embedded studio",
            param="url",
        )
    return cluster(url, store, create=create)


def _make(folder: Path, param: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {folder}: {error.strerror}; choose another with {param}=… or PORTRAITIST_{param.upper()}",
            param=param,
        ) from error
