"""`Priors.add`: a file, a published network or an exported folder becomes a prior."""

from __future__ import annotations

import fcntl
import hashlib
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

from ..errors import Conflict, InvalidRequest, LicenceNotAccepted, NotFound, PriorRefused, printable
from . import locked_process, official
from .assets import ASSETS, GENERATOR, file_sha256
from .download import OnBytes, download
from .folder_home import MANIFEST
from .home import PriorHome, check_name, typed
from .prior import BUNDLED, Prior
from .record import Licence, PriorRecord, PriorSource, parse
from .weights_file import check_safetensors, opened

_FACTS = ("resolution", "z_dim", "w_dim", "num_ws", "mapping_layers", "parameters", "probe")  # what `convert` finds out


def add(
    home: PriorHome, source: str, name: str | None, accept: bool, lender: Prior | None, on_bytes: OnBytes | None
) -> str:
    """The name of the prior that is there now. Raises what `Priors.add` does."""
    path, known = Path(source).expanduser(), official.OFFICIAL.get(source)
    if path.is_dir():
        return _bring_back(home, path, name, accept)
    downloaded = known is not None and not path.exists()
    if known is not None and downloaded:
        name = _free_name(known.name if name is None else name)
        _accept(*official.licence_of("nvidia", "", known), accepted=accept)
        there = _record(home, name)
        if there is not None and there.source.official == known.name:
            return name
        path = _fetch(home.workspace(), known, on_bytes)
    elif not path.exists():
        names = ", ".join(official.OFFICIAL)
        raise InvalidRequest(
            f"there is no file {printable(str(path))}; published networks known by name: {names}", param="source"
        )
    name = _free_name(_name_of(path) if name is None else name)
    with opened(path) as (file, size):
        _import(home, file, size, path, name, accept, lender, known if downloaded else None)
    if downloaded:
        path.unlink(missing_ok=True)  # the prior holds everything of it
    return name


@contextmanager
def _hidden(home: PriorHome) -> Iterator[Path]:
    """A folder in which a prior is put together."""
    workspace = home.workspace()
    folder = workspace / f".adding-{secrets.token_hex(6)}"
    try:
        with typed(f"write {folder}", workspace):
            folder.mkdir(mode=0o700)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import(
    home: PriorHome,
    file: BufferedReader,
    size: int,
    path: Path,
    name: str,
    accept: bool,
    lender: Prior | None,
    downloaded: official.Official | None,
) -> None:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    known = official.by_hash(sha256) or downloaded
    if _there(home, name, sha256):
        return
    with _hidden(home) as folder:
        report = _converted(file, folder / ASSETS[GENERATOR].file, path, lender)
        record = PriorRecord(
            name=name,
            source=PriorSource(
                file=printable(path.name),
                sha256=sha256,
                bytes=size,
                layout=report["layout"],
                official=known.name if known else None,
                url=downloaded.url if downloaded else None,
                mapping_from=_reference(lender) if lender and report["layout"] == "mystyle" else None,
                walls=report["walls"],
            ),
            licence=_licence(report["layout"], str(report["licence"]), known, accept),
            assets={GENERATOR: file_sha256(folder / ASSETS[GENERATOR].file)},
            added=_now(),
            version=_version(),
            **{fact: report[fact] for fact in _FACTS},
        )
        if not home.keep(record, folder):  # another process was faster
            _there(home, name, sha256)


def _bring_back(home: PriorHome, source: Path, name: str | None, accept: bool) -> str:
    """What `export(layout="folder")` wrote: all assets as they are, so that personas made from them find them."""
    if not (source / MANIFEST).is_file():
        raise InvalidRequest(f"{printable(str(source))} is a folder; give the weights file in it", param="source")
    with opened(source / MANIFEST) as (file, _):
        claimed = parse(file.read(2**20), printable(source.name))
    name = _free_name(claimed.name if name is None else name)
    if _there(home, name, claimed.source.sha256):
        return name
    with _hidden(home) as folder:
        for asset, sha256 in claimed.assets.items():
            path = source / ASSETS[asset].file
            with opened(path) as (file, size), open(folder / path.name, "wb") as copy:
                check_safetensors(file, size, printable(str(path)))
                file.seek(0)
                shutil.copyfileobj(file, copy)
            if file_sha256(folder / path.name) != sha256:
                raise PriorRefused(f"{printable(str(path))} is not what its record says; export it again", param=asset)
        with opened(folder / ASSETS[GENERATOR].file) as (file, _):
            report = _converted(file, folder / ".converted", source / ASSETS[GENERATOR].file, None)
        (folder / ".converted").unlink()
        known, layout = official.by_hash(claimed.source.sha256), claimed.source.layout
        record = claimed.model_copy(
            update={
                "name": name,
                "licence": _licence(layout, claimed.licence.stated, known, accept),
                "added": _now(),
                "version": _version(),
                **{fact: report[fact] for fact in _FACTS},
            }
        )
        if not home.keep(record, folder):
            _there(home, name, claimed.source.sha256)
    return name


def _converted(file: BufferedReader, out: Path, path: Path, lender: Prior | None) -> dict[str, Any]:
    with open(out, "wb") as target:
        mapping = lender.generator if lender else None
        return locked_process.convert(file, target, name=printable(str(path)), mapping=mapping)


def _record(home: PriorHome, name: str) -> PriorRecord | None:
    try:
        return home.read(name)
    except NotFound:
        return None


def _there(home: PriorHome, name: str, sha256: str) -> bool:
    """Whether the name's prior is of this very file; Conflict if it is of another."""
    there = _record(home, name)
    if there is not None and there.source.sha256 != sha256:
        raise Conflict(
            f"there is a prior {name!r} already, of another file ({there.source.file}); choose another name with "
            f"--name, or remove it first",
            param="name",
        )
    return there is not None


def _free_name(name: str) -> str:
    check_name(name)
    if name in BUNDLED or name.endswith(".part"):
        raise InvalidRequest(f"{name!r} is taken; choose another name with --name", param="name")
    return name


def _fetch(workspace: Path, known: official.Official, on_bytes: OnBytes | None) -> Path:
    folder = workspace / ".downloads"
    with typed(f"make {folder}", workspace):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / known.url.rpartition("/")[2]
    with typed(f"write {target}", folder), open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes would write into one file
        if not target.exists():
            download(known.url, target, sha256=known.sha256, size=known.bytes, on_bytes=on_bytes)
    return target


def _licence(layout: str, stated: str, known: official.Official | None, accept: bool) -> Licence:
    note, commercial = official.licence_of(layout, stated, known)
    shown = official.one_line(stated)
    accepted = None if commercial else _accept(note, commercial, accepted=accept, stated=shown)
    return Licence(note=note, stated=shown, commercial=commercial, accepted=accepted)


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


def _reference(prior: Prior) -> str:
    return f"{prior.name}@{file_sha256(prior.generator)[:16]}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version() -> str:
    from .. import __version__

    return __version__
