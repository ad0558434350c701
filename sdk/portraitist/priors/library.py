"""`studio.priors`: the generators that personas can start from."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal, overload

from ..atomic import sync_file, write_atomically
from ..backend import Backend
from ..deletion import delete
from ..errors import Conflict, InvalidRequest, NotFound, PriorNotCalibrated, PriorUnavailable, printable
from ..jobs import Job, handle_of
from ..ledger import JobRow
from ..requests import OF_PRIOR, CalibratePrior
from ..submission import build, submit
from . import adding, locked_process, official
from .assets import ASSETS, GENERATOR, OPTIONAL, known
from .download import OnBytes
from .folder_home import MANIFEST
from .home import PriorHome, check_name, is_name, typed
from .homes import home_of
from .motion import movable
from .prior import BUNDLED, Prior, PriorCheck
from .record import PriorRecord
from .weights_file import check_safetensors, opened

LAYOUTS = ("nvidia", "rosinality", "safetensors")  # of a generator alone; "folder" is all of a prior


class Priors:
    """`studio.priors`. The bundled ones, "default" (128 px), "default-256" and "default-parts", need nothing. The others are the tenant's
    own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def _home(self) -> PriorHome:
        return home_of(self._backend)

    def list(self) -> list[Prior]:
        """The bundled ones, then the imported ones by name. One whose record is damaged is left out (`get` says why)."""
        found = [self.get(name) for name in BUNDLED]
        for name in filter(is_name, self._home.names()):
            with suppress(PriorUnavailable, NotFound):
                found.append(self.get(name))
        return found

    def get(self, name: str) -> Prior:
        """Raises NotFound, PriorUnavailable (its record is damaged)."""
        home = self._home
        return Prior(self, home, name, None if name in BUNDLED else home.read(name))

    def __getitem__(self, name: str) -> Prior:
        """As `get`."""
        return self.get(name)

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
        source: str | os.PathLike[str],  # a file, a folder that `export` wrote, or the name of a published network
        *,
        name: str | None = None,  # default: after the file, or the published name
        accept_licence: bool = False,
        mapping_from: str | None = None,  # MyStyle's tuned generators: the prior they were tuned from
        on_bytes: OnBytes | None = None,  # called while downloading
    ) -> Prior:
        """Import a generator: NVIDIA's pickles, rosinality's and MyStyle's `.pt`, our safetensors, recognised by content. A folder that
        `export(layout="folder")` wrote comes back with all its assets.

        The file is read on this machine, in a locked process that runs nothing it carries, and converted to safetensors. In a cluster
        the assets go into its store, for workers on every host. The same file under the same name again is the prior that is there.
        Raises PriorRefused, LicenceNotAccepted, Conflict, DownloadFailed, InvalidRequest, StorageError, QueueUnavailable."""
        lender = None if mapping_from is None else self.get(mapping_from)
        return self.get(adding.add(self._home, os.fspath(source), name, accept_licence, lender, on_bytes))

    def attach(self, name: str, asset: str, path: str | os.PathLike[str]) -> Prior:
        """Add an optional asset (a safetensors file) to an imported prior, or replace it. Raises InvalidRequest, NotFound, PriorRefused,
        StorageError, QueueUnavailable."""
        home, what, source = self._home, known(asset), Path(path).expanduser()
        if what.needed:
            raise InvalidRequest(
                f"the {asset} of a prior cannot be attached; attach one of {', '.join(OPTIONAL)}", param="asset"
            )
        self._imported(name)
        with opened(source) as (file, size):
            check_safetensors(file, size, printable(str(source)))
            file.seek(0)
            data = file.read()
        sha256 = hashlib.sha256(data).hexdigest()
        home.change(
            name, lambda record: record.model_copy(update={"assets": {**record.assets, asset: sha256}}), {asset: data}
        )
        return self.get(name)

    def verify(self, name: str) -> PriorCheck:
        """Hash every asset again, load the generator and draw. Raises PriorUnavailable when it cannot be loaded at all."""
        prior = self.get(name)
        whole = {asset: prior._is_whole(asset) for asset in prior.assets}
        calibrated = whole["latents"] and whole["encoder"] if prior.calibrated else None
        if not whole[GENERATOR]:
            return PriorCheck(False, False, False, calibrated, 0.0, whole)
        report = locked_process.verify(prior.generator, prior.record.probe if prior.record else [])
        return PriorCheck(
            True, bool(report["probe"]), bool(report["finite"]), calibrated, float(report["spread"]), whole
        )

    def export(
        self, name: str, path: str | os.PathLike[str], *, layout: str = "nvidia", overwrite: bool = False
    ) -> tuple[Path, tuple[str, ...]]:
        """Write the generator as nvidia (pickle), rosinality (.pt) or safetensors, and read it back: equal to the bit. Or write a folder
        with the record and every asset, as they are.

        Returns the path, and notes on what the layout cannot say. Raises InvalidRequest, Conflict, StorageError."""
        prior, target = self.get(name), Path(path).expanduser()
        if layout not in (*LAYOUTS, "folder"):
            raise InvalidRequest(f"layout={layout!r}: use {', '.join(LAYOUTS)} or folder", param="layout")
        if target.exists() and (not overwrite or layout == "folder" or target.is_dir()):
            remedy = "" if layout == "folder" else ", or overwrite it with --force"
            raise Conflict(f"{target} exists already; choose another name{remedy}", param="path")
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        with typed(f"write {target}", target.parent):
            try:
                notes = self._write(prior, temporary, layout)
                os.replace(temporary, target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)  # a folder
                with suppress(OSError):
                    temporary.unlink()  # a file
        return target, notes

    def _write(self, prior: Prior, path: Path, layout: str) -> tuple[str, ...]:
        if layout != "folder":
            licence = prior.record.licence.note if prior.record else official.BUNDLED
            report = locked_process.export(prior.generator, layout, path, licence)
            sync_file(path)
            return tuple(report["notes"])
        if prior.record is None:
            raise InvalidRequest(
                f"{prior.name!r} comes with Portraitist; there is nothing to carry over", param="layout"
            )
        path.mkdir()
        for asset in prior.assets:
            shutil.copyfile(prior.asset(asset), path / ASSETS[asset].file)
            sync_file(path / ASSETS[asset].file)
        write_atomically(path / MANIFEST, prior.record.model_dump_json(indent=2).encode())
        return ()

    def remove(self, name: str, *, force: bool = False) -> None:
        """Delete the prior with its assets, and what was made of anybody's photos with it. Personas made from it could then not be used:
        Conflict, unless `force`."""
        if name in BUNDLED:
            raise InvalidRequest("a bundled prior cannot be removed", param="name")
        home, name = self._home, check_name(name)
        own = OF_PRIOR + name
        users = [
            row.name
            for row in self._backend.ledger.personas()
            if str((row.record or {}).get("prior")).startswith(f"{name}@") and row.name != own
        ]
        if users and not force:
            some = ", ".join(users[:5]) + (", …" if len(users) > 5 else "")
            raise Conflict(
                f"prior {name!r} is what {some} were made from; delete them first, or force it", param="name"
            )
        with suppress(NotFound):
            delete(self._backend, self._backend.ledger.persona(own).id)
        home.remove(name)

    @overload
    def calibrate(
        self,
        name: str,
        *,
        samples: int | None = ...,
        motion: bool = ...,
        faces: int | None = ...,
        steps: int | None = ...,
        seed: int = ...,
        wait: Literal[False] = False,
    ) -> Job[Prior]: ...
    @overload
    def calibrate(
        self,
        name: str,
        *,
        samples: int | None = ...,
        motion: bool = ...,
        faces: int | None = ...,
        steps: int | None = ...,
        seed: int = ...,
        wait: Literal[True],
    ) -> Prior: ...
    def calibrate(
        self,
        name: str,
        *,
        samples: int | None = None,  # pictures to draw and measure; None: by resolution (docs/priors/import.md)
        motion: bool = False,  # train a latent transformer, too: points of its pictures can then be moved
        faces: int | None = None,  # with motion: so many are asked about; None: the usual number
        steps: int | None = None,  # with motion: of the training; None: the usual number
        seed: int = 0,
        wait: bool = False,
    ) -> Job[Prior] | Prior:
        """Measure an imported prior so that personas can be made from it: the spread of W, the directions of the attributes, an
        inversion encoder. With `motion`, train its latent transformer; a prior that was measured before is not measured again. A job: it
        can be followed, cancelled, and goes on where it was. Raises NotFound, InvalidRequest."""
        record = self._imported(name)
        if motion:
            movable(record)
            if samples is not None and record.usable:
                raise InvalidRequest(
                    f"prior {name!r} is calibrated: leave samples out, or measure it anew without motion first",
                    param="samples",
                )
        elif faces is not None or steps is not None:
            raise InvalidRequest(
                "faces and steps are those of the latent transformer's training; ask for motion, too", param="motion"
            )
        request = build(
            CalibratePrior,
            prior=name,
            generator_sha256=record.generator_sha256,
            samples=samples,
            motion=motion,
            faces=faces,
            steps=steps,
            seed=seed,
        )
        job: Job[Prior] = Job(self._backend, submit(self._backend, request, shape={}))
        return job.wait() if wait else job

    def usable(self, name: str) -> None:
        """Refuses a prior that no persona can start from. NotFound, PriorNotCalibrated."""
        if not self.get(name).calibrated:
            raise PriorNotCalibrated(
                f"prior {name!r} is imported, but its attributes and inversion are not measured yet; run "
                f"`portraitist priors calibrate {name}` once",
                param="prior",
            )

    def _imported(self, name: str) -> PriorRecord:
        record = self.get(name).record
        if record is None:
            raise InvalidRequest(
                f"prior {name!r} is bundled: it comes calibrated, and takes no assets; import your own with `portraitist priors add`",
                param="name",
            )
        return record


@handle_of(PriorRecord)
def _of_job(backend: Backend, row: JobRow) -> Prior:
    return Priors(backend).get(str((row.result or {})["name"]))
