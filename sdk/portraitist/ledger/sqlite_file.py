"""The SQLite ledger's file: one connection per thread and process, transactions, typed errors."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageError, StorageFull


class SqliteFile:
    """Make the tables in a first `_write`, then call `_prepared`: from then on it must stay the same file."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._local = threading.local()

    def _prepared(self) -> None:
        self._inode = os.stat(self.path).st_ino

    def close(self) -> None:
        """Close this thread's connection; another call opens it again."""
        if (db := getattr(self._local, "db", None)) is not None:
            db.close()
            self._local.db = None

    def _truncate_log(self) -> None:
        """Without this, old pages would stay readable in the write-ahead log."""
        with self._read() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _connection(self) -> sqlite3.Connection:
        local = self._local
        if getattr(local, "db", None) is None or local.pid != os.getpid():  # a connection must not cross a fork
            if hasattr(self, "_inode"):
                self._check_file()
            local.db = sqlite3.connect(self.path, timeout=15.0, isolation_level=None)
            local.pid = os.getpid()
            local.checked = time.monotonic()
            local.db.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "secure_delete = ON", "temp_store = MEMORY"):
                local.db.execute(f"PRAGMA {pragma}")
        elif time.monotonic() - local.checked > 1.0:
            self._check_file()
            local.checked = time.monotonic()
        db: sqlite3.Connection = local.db
        return db

    def _check_file(self) -> None:
        """SQLite goes on happily with a file that was deleted under it; we must not."""
        try:
            same = os.stat(self.path).st_ino == self._inode
        except OSError:
            same = False
        if not same:
            raise StorageError(
                f"the ledger {self.path} was removed or replaced while in use; connect again", param=str(self.path)
            )

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with _typed(self.path):
            yield self._connection()

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """Reads that must agree with each other: none sees what was written since the first."""
        with self._read() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    @contextmanager
    def _write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction. durable=False: a power cut (not a kill) may undo it, which costs nothing but repetition."""
        with _typed(self.path):
            db = self._connection()
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise


@contextmanager
def _typed(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if "full" in str(error):
            raise StorageFull(
                f"the disk that holds {path} is full; free some space and try again", param=str(path)
            ) from error
        raise StorageError(
            f"the ledger {path} cannot be used: {error}; check that its folder exists and is writable, on a local disk",
            param=str(path),
        ) from error
