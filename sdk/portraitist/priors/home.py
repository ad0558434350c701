"""Where imported priors are kept: `folder_home` on one machine, `cluster_home` for many. Both do what `PriorHome` says."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from ..errors import InvalidRequest, NotFound, PriorUnavailable, StorageError, StorageFull
from .record import PriorRecord

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class PriorHome(Protocol):
    """A prior is there whole, or not at all. Every method may raise StorageError; a cluster's, QueueUnavailable too."""

    def names(self) -> list[str]:
        """Of all that are there, also of those whose record is damaged."""

    def read(self, name: str) -> PriorRecord:
        """Raises InvalidRequest (no name), NotFound, PriorUnavailable (damaged)."""

    def asset(self, record: PriorRecord, asset: str) -> Path:
        """A local file with exactly the bytes that the record names. Raises InvalidRequest, PriorAssetMissing, PriorUnavailable."""

    def folder(self, name: str) -> Path | None:
        """Where its files lie, if they lie in a folder of their own."""

    def workspace(self) -> Path:
        """A local folder for files on the way; `keep` takes folders from there. Made when it is not there."""

    def keep(self, record: PriorRecord, folder: Path) -> bool:
        """Take in a prior whose assets lie in `folder`; False when the name is taken meanwhile."""

    def change(
        self, name: str, update: Callable[[PriorRecord], PriorRecord], files: Mapping[str, bytes]
    ) -> PriorRecord:
        """Replace the record by `update(record)`, whose new assets are `files` (asset -> bytes). Raises NotFound, Conflict, and what
        `update` raises."""

    def remove(self, name: str) -> None:
        """Record and files. Raises NotFound."""


def is_name(name: object) -> bool:
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and ".." not in name


def check_name(name: str) -> str:
    """Raises InvalidRequest for what cannot be a prior's name."""
    if not is_name(name):
        raise InvalidRequest(
            f"{str(name)[:80]!r} cannot be a prior's name; use 1 to 64 of a-z, 0-9, '.', '-' and '_', beginning with a letter "
            "or digit",
            param="name",
        )
    return name


def no_prior(name: str) -> NotFound:
    return NotFound(f"there is no prior {name!r}; `portraitist priors list` shows those there are", param="prior")


def damaged(record: PriorRecord, asset: str, where: str) -> PriorUnavailable:
    return PriorUnavailable(
        f"prior {record.name!r}: its {asset} in {where} is gone or not what its record says; remove the prior and add it again",
        param=asset,
    )


@contextmanager
def typed(what: str, folder: Path) -> Iterator[None]:
    """Errors of the file system as ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFull(
                f"cannot {what}: the disk is full; free some space and try again", param=str(folder)
            ) from error
        raise StorageError(
            f"cannot {what}: {error.strerror or error}; check that it exists and its permissions", param=str(folder)
        ) from error
