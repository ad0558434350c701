"""Priors on one machine.

    home/priors/NAME/  manifest.json  generator.safetensors  [latents.safetensors  encoder.safetensors  …]

A prior is put together in a hidden folder beside the others and renamed into place.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..atomic import sync_file, sync_folder, write_atomically
from ..errors import PriorUnavailable
from .assets import ASSETS, is_whole
from .home import check_name, damaged, is_name, no_prior, typed
from .record import PriorRecord, parse

MANIFEST = "manifest.json"
# Hidden folders: being put together, being removed, and two that `calibrate` makes.
_ASIDE = ("adding", "gone", "samples", "motion")
_LEFTOVER_S = 24 * 3600.0  # a hidden folder that old belongs to nobody


@dataclass(frozen=True)
class FolderHome:
    root: Path

    def names(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(folder.name for folder in self.root.iterdir() if is_name(folder.name) and folder.is_dir())

    def read(self, name: str) -> PriorRecord:
        manifest = self.folder(name) / MANIFEST
        try:
            return parse(manifest.read_bytes(), name)
        except FileNotFoundError:
            raise no_prior(name) from None
        except OSError as error:
            raise PriorUnavailable(
                f"the record of prior {name!r} cannot be read ({error.strerror or error}); check {manifest}", param=name
            ) from error

    def asset(self, record: PriorRecord, asset: str) -> Path:
        sha256, folder = record.sha256(asset), self.folder(record.name)
        path = folder / ASSETS[asset].file
        if not is_whole(path, sha256):
            raise damaged(record, asset, str(folder))
        return path

    def folder(self, name: str) -> Path:
        return self.root / check_name(name)

    def workspace(self) -> Path:
        with typed(f"make {self.root}", self.root):
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            tidy(self.root)
        return self.root

    def keep(self, record: PriorRecord, folder: Path) -> bool:
        target = self.folder(record.name)
        with typed(f"write {target}", self.root):
            for asset in record.assets:
                sync_file(folder / ASSETS[asset].file)
            _write_record(folder, record)
            try:
                os.rename(folder, target)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and target.exists():
                    return False
                raise
            sync_folder(self.root)
        return True

    def change(
        self, name: str, update: Callable[[PriorRecord], PriorRecord], files: Mapping[str, bytes]
    ) -> PriorRecord:
        folder, changed = self.folder(name), update(self.read(name))
        with typed(f"write {folder}", folder):
            for asset, data in files.items():
                write_atomically(folder / ASSETS[asset].file, data)
            _write_record(folder, changed)  # last: it names the others' hashes
        return changed

    def remove(self, name: str) -> None:
        folder = self.folder(name)
        if not folder.is_dir():
            raise no_prior(name)
        with typed(f"remove {folder}", self.root):
            gone = self.root / f".gone-{secrets.token_hex(6)}"
            os.rename(folder, gone)
            shutil.rmtree(gone)


def _write_record(folder: Path, record: PriorRecord) -> None:
    write_atomically(folder / MANIFEST, record.model_dump_json(indent=2).encode())


def tidy(workspace: Path) -> None:
    """Remove what killed processes left."""
    for folder in (found for kind in _ASIDE for found in workspace.glob(f".{kind}-*")):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LEFTOVER_S:
                shutil.rmtree(folder)
