"""A backend is a ledger, a store and a transport. SDK and workers open the same one from the same address."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import InvalidRequest, StorageError
from .ledger import Ledger, SqliteLedger
from .store import FolderStore, Store
from .transport import EmbeddedTransport, Transport


@dataclass(frozen=True)
class Backend:
    ledger: Ledger
    store: Store
    transport: Transport
    home: Path | None = None


def default_home() -> Path:
    """$PORTRAITIST_HOME, or the user's data folder."""
    if named := os.environ.get("PORTRAITIST_HOME"):
        return Path(named).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("portraitist", appauthor=False))


def embedded(home: str | Path | None = None, *, create: bool = True) -> Backend:
    """Everything in the folder `home`, which is made when it is not there. Photos are personal: only its owner may read it.
    Workers pass create=False: they must not begin anew what somebody removed."""
    folder = default_home() if home is None else Path(home).expanduser().resolve()
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {folder}: {error.strerror}; choose another with home=… or PORTRAITIST_HOME",
            param="home",
        ) from error
    store = FolderStore(folder, create=create)
    return Backend(SqliteLedger(folder / "ledger.sqlite3"), store, EmbeddedTransport(folder), folder)


def open_backend(url: str | None = None, home: str | Path | None = None) -> Backend:
    """`url=None`: embedded."""
    if url is None:
        return embedded(home)
    raise InvalidRequest(
        f"cannot connect to {url!r}: this version knows only the embedded backend; call connect() without a url "
        "(home=… chooses the folder)",
        param="url",
    )
