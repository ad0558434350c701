"""`studio.priors`: the generators that personas can start from.

    home/priors/NAME/  manifest.json  generator.safetensors  [latents.safetensors  encoder.safetensors]

A prior is put together in a hidden folder beside the others and renamed into place: it is there whole, or not at all.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, overload

from ..atomic import sync_file, sync_folder, write_atomically
from ..backend import Backend
from ..errors import (
    Conflict,
    InvalidRequest,
    LicenceNotAccepted,
    NotFound,
    PortraitistError,
    PriorNotCalibrated,
    PriorRefused,
    StorageError,
    StorageFull,
    printable,
)
from ..jobs import Job, handle_of
from ..ledger import JobRow
from ..requests import CalibratePrior
from ..submission import build, submit
from . import engine, official
from .download import MOST, OnBytes, download, file_sha256
from .prior import BUNDLED, GENERATOR, Prior, PriorCheck
from .record import MANIFEST, Licence, PriorRecord, PriorSource, read

LAYOUTS = ("nvidia", "rosinality", "safetensors")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LEFTOVER_S = 24 * 3600.0  # a hidden folder that old belongs to nobody


class Priors:
    """`studio.priors`. The bundled ones, "default" (128 px) and "default-256", need nothing."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def list(self) -> list[Prior]:
        """The bundled ones, then the imported ones by name. A folder whose manifest is damaged is left out (`get` says why)."""
        found = [self.get(name) for name in BUNDLED]
        for folder in sorted(self._root.iterdir()) if self._backend.home and self._root.is_dir() else ():
            if _NAME.fullmatch(folder.name) and folder.is_dir():
                with suppress(PortraitistError):
                    found.append(self.get(folder.name))
        return found

    def get(self, name: str) -> Prior:
        """Raises NotFound, PriorUnavailable (its manifest is damaged)."""
        if name in BUNDLED:
            return Prior(self, name, None)
        return Prior(self, name, read(self.folder(name)))

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self.get(name) is not None
        except (NotFound, InvalidRequest):
            return False

    def info(self, name: str) -> Prior:
        """The same as `get`."""
        return self.get(name)

    def add(
        self,
        source: str | os.PathLike[str],  # a file, or the name of a published network ("ffhq-1024": needs a network)
        *,
        name: str | None = None,  # default: after the file, or the published name
        accept_licence: bool = False,
        mapping_from: str | None = None,  # MyStyle's tuned generators: the prior they were tuned from
        on_bytes: OnBytes | None = None,  # called while downloading
    ) -> Prior:
        """Import a generator: NVIDIA's pickles, rosinality's and MyStyle's `.pt`, our safetensors, recognised by content.

        The file is read in a locked process that runs nothing it carries, and converted to safetensors. The same file under
        the same name again is the prior that is there. Raises PriorRefused, LicenceNotAccepted, Conflict, DownloadFailed,
        InvalidRequest, StorageError, QueueUnavailable."""
        path, known = Path(source).expanduser(), official.OFFICIAL.get(os.fspath(source))
        if path.is_dir():
            raise InvalidRequest(f"{printable(str(path))} is a folder; give the weights file in it", param="source")
        if known is not None and not path.exists():
            name = self._free_name(known.name if name is None else name)
            _accept(*official.licence_of("nvidia", "", known), accepted=accept_licence)
            if name in self and self.get(name)._record().source.official == known.name:
                return self.get(name)
            path = self._fetch(known, on_bytes)
        elif not path.exists():
            names = ", ".join(official.OFFICIAL)
            raise InvalidRequest(
                f"there is no file {printable(str(path))}; published networks known by name: {names}", param="source"
            )
        elif not path.is_file():  # a pipe or a device may never end
            raise InvalidRequest(
                f"{printable(str(path))} is not a regular file; copy the weights into one", param="source"
            )
        name = self._free_name(_name_of(path) if name is None else name)
        added = self._import(path, name, accept_licence, mapping_from, known)
        if known is not None and path.is_relative_to(self._root):
            path.unlink(missing_ok=True)  # the download; the prior holds everything of it
        return added

    def verify(self, name: str) -> PriorCheck:
        """Hash the weights again, load them and draw. Raises PriorUnavailable when they cannot be loaded at all."""
        prior = self.get(name)
        report = engine.verify(prior.generator, prior.record.probe if prior.record else [])
        if prior.record is None:
            return PriorCheck(True, bool(report["probe"]), bool(report["finite"]), None, float(report["spread"]))
        calibration, whole = prior.record.calibration, None
        if calibration is not None:
            files = {
                "latents.safetensors": calibration.latents_sha256,
                "encoder.safetensors": calibration.encoder_sha256,
            }
            whole = all(
                (prior.folder / f).exists() and file_sha256(prior.folder / f) == sha for f, sha in files.items()
            )
        same = file_sha256(prior.generator) == prior.record.generator_sha256
        return PriorCheck(same, bool(report["probe"]), bool(report["finite"]), whole, float(report["spread"]))

    def export(
        self, name: str, path: str | os.PathLike[str], *, layout: str = "nvidia", overwrite: bool = False
    ) -> tuple[Path, tuple[str, ...]]:
        """Write the generator as nvidia (pickle), rosinality (.pt) or safetensors, and read it back: equal to the bit.

        Returns the path, and notes on what the layout cannot say. Raises InvalidRequest, Conflict, StorageError."""
        prior, target = self.get(name), Path(path).expanduser()
        if layout not in LAYOUTS:
            raise InvalidRequest(f"layout={layout!r}: use {', '.join(LAYOUTS)}", param="layout")
        if target.exists() and not overwrite:
            raise Conflict(f"{target} exists already; choose another name, or overwrite it with --force", param="path")
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        with _typed(f"write {target}", target.parent):
            try:
                licence = prior.record.licence.note if prior.record else official.BUNDLED
                report = engine.export(prior.generator, layout, temporary, licence)
                sync_file(temporary)
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
        return target, tuple(report["notes"])

    def remove(self, name: str, *, force: bool = False) -> None:
        """Delete the prior's files. Personas made from it could then not be used: Conflict, unless `force`."""
        if name in BUNDLED:
            raise InvalidRequest("a bundled prior cannot be removed", param="name")
        folder = self.folder(name)
        if not folder.is_dir():
            read(folder)  # says that there is none
        users = [
            row.name
            for row in self._backend.ledger.personas()
            if str((row.record or {}).get("prior")).startswith(f"{name}@")
        ]
        if users and not force:
            some = ", ".join(users[:5]) + (", …" if len(users) > 5 else "")
            raise Conflict(
                f"prior {name!r} is what {some} were made from; delete them first, or force it", param="name"
            )
        with _typed(f"remove {folder}", self._root):
            gone = self._root / f".gone-{secrets.token_hex(6)}"
            os.rename(folder, gone)
            shutil.rmtree(gone)

    @overload
    def calibrate(
        self, name: str, *, samples: int | None = ..., seed: int = ..., wait: Literal[False] = False
    ) -> Job[Prior]: ...
    @overload
    def calibrate(self, name: str, *, samples: int | None = ..., seed: int = ..., wait: Literal[True]) -> Prior: ...
    def calibrate(
        self,
        name: str,
        *,
        samples: int | None = None,  # pictures to draw and measure; None: by resolution (docs/priors/import.md)
        seed: int = 0,
        wait: bool = False,
    ) -> Job[Prior] | Prior:
        """Measure an imported prior so that personas can be made from it: the spread of W, the directions of the attributes, an
        inversion encoder. A job: it can be followed, cancelled, and goes on where it was. Raises NotFound, InvalidRequest."""
        prior = self.get(name)
        if prior.record is None:
            raise InvalidRequest("a bundled prior comes calibrated", param="name")
        request = build(
            CalibratePrior, prior=name, generator_sha256=prior.record.generator_sha256, samples=samples, seed=seed
        )
        job: Job[Prior] = Job(self._backend, submit(self._backend, request, shape={}))
        return job.wait() if wait else job

    def usable(self, name: str) -> None:
        """Refuses a prior that no persona can start from. NotFound, PriorNotCalibrated."""
        prior = self.get(name)
        if prior.record is not None and prior.record.calibration is None:
            raise PriorNotCalibrated(
                f"prior {name!r} is imported, but its attributes and inversion are not measured yet; run "
                f"`portraitist priors calibrate {name}` once",
                param="prior",
            )

    def folder(self, name: str) -> Path:
        """Where `name` is, or would be. Raises InvalidRequest for what cannot be a name."""
        if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name:
            raise InvalidRequest(
                f"{str(name)[:80]!r} cannot be a prior's name; use 1 to 64 of a-z, 0-9, '.', '-' and '_', beginning with a letter "
                "or digit",
                param="name",
            )
        return self._root / name

    @property
    def _root(self) -> Path:
        if self._backend.home is None:
            raise InvalidRequest(
                "a studio in memory or in a cluster has only the bundled priors; use connect(home=…)", param="prior"
            )
        return self._backend.home / "priors"

    def _free_name(self, name: str) -> str:
        self.folder(name)
        if name in BUNDLED or name.endswith(".part"):
            raise InvalidRequest(f"{name!r} is taken; choose another name with --name", param="name")
        return name

    def _fetch(self, known: official.Official, on_bytes: OnBytes | None) -> Path:
        folder = self._root / ".downloads"
        with _typed(f"make {folder}", self._root):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folder / known.url.rpartition("/")[2]
        with _typed(f"write {target}", folder), open(folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two processes would write into one file
            if not target.exists():
                download(known.url, target, sha256=known.sha256, size=known.bytes, on_bytes=on_bytes)
        return target

    def _import(
        self, path: Path, name: str, accept: bool, mapping_from: str | None, known: official.Official | None
    ) -> Prior:
        lender = None if mapping_from is None else self.get(mapping_from)
        with _typed(f"read {path}", self._root), open(path, "rb") as source:
            size = os.fstat(source.fileno()).st_size
            if not 0 < size <= MOST:
                what = (
                    "is empty"
                    if size == 0
                    else f"has {size / 2**30:,.1f} GiB, and no generator has more than {MOST >> 30}"
                )
                raise PriorRefused(f"{printable(str(path))} {what}; give the weights file", param=str(path))
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._tidy()
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
            source.seek(0)
            known = official.by_hash(sha256) or known
            if (there := self._there(name, sha256)) is not None:
                return there
            hidden = self._root / f".adding-{secrets.token_hex(6)}"
            hidden.mkdir(mode=0o700)
            try:
                with open(hidden / GENERATOR, "wb") as out:
                    report = engine.convert(
                        source, out, name=printable(str(path)), mapping=lender.generator if lender else None
                    )
                stated = str(report["licence"])
                note, commercial = official.licence_of(report["layout"], stated, known)
                accepted = (
                    None if commercial else _accept(note, commercial, accepted=accept, stated=official.one_line(stated))
                )
                record = PriorRecord(
                    name=name,
                    source=PriorSource(
                        file=printable(path.name),
                        sha256=sha256,
                        bytes=size,
                        layout=report["layout"],
                        official=known.name if known else None,
                        url=known.url if known and path.is_relative_to(self._root) else None,
                        mapping_from=_reference(lender) if lender and report["layout"] == "mystyle" else None,
                        walls=report["walls"],
                    ),
                    licence=Licence(
                        note=note, stated=official.one_line(stated), commercial=commercial, accepted=accepted
                    ),
                    generator_sha256=file_sha256(hidden / GENERATOR),
                    generator_bytes=(hidden / GENERATOR).stat().st_size,
                    added=_now(),
                    version=_version(),
                    **{
                        k: report[k]
                        for k in ("resolution", "z_dim", "w_dim", "num_ws", "mapping_layers", "parameters", "probe")
                    },
                )
                sync_file(hidden / GENERATOR)
                write_atomically(hidden / MANIFEST, record.model_dump_json(indent=2).encode())
                os.rename(hidden, self._root / name)
                sync_folder(self._root)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and (self._root / name).exists():
                    return self._there(name, sha256) or self.get(name)  # another process was faster
                raise
            finally:
                shutil.rmtree(hidden, ignore_errors=True)
        return self.get(name)

    def _there(self, name: str, sha256: str) -> Prior | None:
        """The prior that has the name already, if it is of the same file; Conflict if it is of another."""
        if not (self._root / name).exists():
            return None
        there = self.get(name)
        if there._record().source.sha256 != sha256:
            raise Conflict(
                f"there is a prior {name!r} already, of another file ({there._record().source.file}); choose another name with "
                f"--name, or remove it first",
                param="name",
            )
        return there

    def _tidy(self) -> None:
        """What killed processes left."""
        for folder in [*self._root.glob(".adding-*"), *self._root.glob(".gone-*")]:
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > _LEFTOVER_S:
                    shutil.rmtree(folder)


def _accept(note: str, commercial: bool, *, accepted: bool, stated: str = "") -> str:
    if not accepted and not commercial:
        raise LicenceNotAccepted(
            f"these weights come with terms: {note} If you may use them so, say it with --accept-licence (accept_licence=True)",
            param="accept_licence",
            note=note,
            stated=stated,
        )
    return _now()


def _name_of(path: Path) -> str:
    """'StyleGAN2 FFHQ.pkl' -> 'stylegan2-ffhq'"""
    name = re.sub(r"[^a-z0-9._]+", "-", path.stem.lower()).strip("-._")[:64]
    return re.sub(r"\.{2,}", ".", name) or "prior"


@handle_of(PriorRecord)
def _of_job(backend: Backend, row: JobRow) -> Prior:
    return Priors(backend).get(str((row.result or {})["name"]))


def _reference(prior: Prior) -> str:
    return f"{prior.name}@{file_sha256(prior.generator)[:16]}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version() -> str:
    from .. import __version__

    return __version__


@contextmanager
def _typed(what: str, folder: Path) -> Iterator[None]:
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
