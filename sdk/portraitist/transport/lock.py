"""One worker per home folder: a lock that the operating system drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from ..errors import StorageError


class WorkerLock:
    """flock on `home/worker.lock`. The worker holds it exclusively; clients only probe (shared, so that two probes do not
    meet)."""

    def __init__(self, home: Path) -> None:
        self._path = home / "worker.lock"
        self._fd: int | None = None

    def acquire(self, *, patience_s: float = 0.5) -> bool:
        """True when we hold it now. A client's probe may be in the way for a moment, hence the patience."""
        fd, deadline = self._open(), time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._fd = fd
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(fd)
                    return False
                time.sleep(0.02)

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def held(self) -> bool:
        """Whether some worker holds it."""
        fd = self._open()
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(fd)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)  # not inherited: a child must not keep it
        except OSError as error:
            raise StorageError(
                f"cannot open {self._path}: {error.strerror}; check that the folder exists and is writable",
                param=str(self._path),
            ) from error
