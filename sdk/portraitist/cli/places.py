"""Where pictures are written: decided and checked before the work is submitted.

A name that the caller gave is not overwritten without --force; a name that we choose is a free one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ..errors import InvalidRequest, StorageError, printable
from ..picture import FORMATS, Grid, Output, Picture
from ..targets import Batch
from ..video import check_kind


@dataclass(frozen=True)
class Places:
    """`out`: --out; `stem`: what files are called that have no name yet. Each method raises InvalidRequest for a format that is not
    written, a folder that cannot be used, and a file that is there."""

    out: Path | None
    stem: str
    force: bool = False

    def before(self, batch: Batch, no_wait: bool) -> list[Path]:
        """`paths` of what is going to be submitted; none when nobody waits for it."""
        if not no_wait:
            return self.paths(pictures_of(batch))
        self.unused()
        return []

    def unused(self) -> None:
        """Nobody waits for the pictures."""
        if self.out is not None:
            raise InvalidRequest(
                "--out and --no-wait: the pictures are not there yet; leave one out, and fetch them later with "
                "`portraitist jobs ID --out …`",
                param="--out",
            )

    def paths(self, pictures: int | None) -> list[Path]:
        """Of one file (None: a picture, or the sheet of a grid), or of so many numbered ones."""
        self.check()
        if self.out is None:
            return self._chosen(Path() if pictures is None else Path(_plain(self.stem)), pictures)
        return self._chosen(self.out, pictures) if _is_folder(self.out) else self._given(_named(self.out, pictures))

    def check(self) -> None:
        """What can be said of `out` before it is known how many pictures there are."""
        if self.out is None:
            return
        if _is_folder(self.out):
            _check_folder(self.out, may_be_made=True)
        elif self.out.suffix.lower() not in FORMATS:
            raise _refusal(self.out, f"ends in no format that is written: use {', '.join(FORMATS)}, or a folder's name")
        else:
            _check_folder(self.out.parent, may_be_made=False)

    def of_photos(self, photos: list[str], pictures: int | None) -> list[list[Path]]:
        """For each photo, in a folder: `out`, which is made, or a new one called `stem`-edited."""
        if self.out is not None and not _is_folder(self.out):
            raise _refusal(self.out, "is no folder: several photos are written to one")
        folder = self.out or free(Path(f"{_plain(self.stem)}-edited"))
        _check_folder(folder, may_be_made=True)
        names: list[str] = []
        for photo in photos:
            counted = _counted(Path(_plain(f"{stem_of(photo)}-{self.stem}") + ".png"))
            names.append(next(path.name for path in counted if path.name not in names))  # a.jpg and a.png
        return [self._given(_named(folder / name, pictures)) for name in names]

    def _given(self, paths: list[Path]) -> list[Path]:
        for path in paths:
            if path.exists() and not self.force:
                raise _refusal(path, "is there already: choose another name, or overwrite it with --force")
        return paths

    def _chosen(self, folder: Path, pictures: int | None) -> list[Path]:
        """ana.png, ana-2.png, …; or ana-01.png to ana-03.png, and the next time ana-04.png and so on."""
        _check_folder(folder, may_be_made=True)
        stem = _plain(self.stem)
        if self.force:
            return _named(folder / f"{stem}.png", pictures)
        if pictures is None:
            return [free(folder / f"{stem}.png")]
        taken = re.compile(rf"{re.escape(stem)}-(\d+)\.png")
        there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        first = 1 + max((int(found[1]) for name in there if (found := taken.fullmatch(name))), default=0)
        return _named(folder / f"{stem}.png", pictures, first)


def _is_folder(path: Path) -> bool:
    """Or will be one: what has no suffix."""
    return path.is_dir() or not path.suffix


def pictures_of(batch: Batch) -> int | None:
    """How many numbered files it makes; None: one file."""
    return len(batch.values) if batch.shape["kind"] in ("list", "sweep") else None


def stem_of(photo: str) -> str:
    """Of a path or an address."""
    return Path(photo.partition("?")[0]).stem


def _plain(stem: str) -> str:
    return re.sub(r"[^\w.-]+", "-", stem)


def _counted(path: Path) -> Iterator[Path]:
    """a.png, a-2.png, a-3.png, …"""
    yield path
    yield from (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))


def free(path: Path) -> Path:
    """The first of a.png, a-2.png, … that is not there."""
    return next(one for one in _counted(path) if not one.exists())


def _named(path: Path, pictures: int | None, first: int = 1) -> list[Path]:
    if pictures is None:
        return [path]
    return [path.with_name(f"{path.stem}-{number:02d}{path.suffix}") for number in range(first, first + pictures)]


def _check_folder(folder: Path, *, may_be_made: bool) -> None:
    there = folder
    while may_be_made and not there.exists() and there != there.parent:
        there = there.parent
    if not there.exists():
        raise _refusal(folder, "is no folder yet: make it first, or choose another with --out")
    if not there.is_dir():
        raise _refusal(there, "is not a folder: choose another with --out")
    if not os.access(there, os.W_OK | os.X_OK):
        raise _refusal(there, "may not be written to: choose another folder with --out")


def _refusal(path: Path, why: str) -> InvalidRequest:
    return InvalidRequest(f"--out: {printable(str(path))} {why}", param="--out")


def write(result: Output, paths: list[Path]) -> list[tuple[Path, Picture]]:
    """Each picture with the file that it is in. Raises StorageError."""
    try:
        paths[0].parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {paths[0].parent}: {error.strerror}; choose another with --out", param="--out"
        ) from error
    if isinstance(result, list):
        return [(picture.save(path), picture) for path, picture in zip(paths, result, strict=True)]
    path = result.save(paths[0])
    return [(path, picture) for picture in (result if isinstance(result, Grid) else [result])]


def check_free(option: str, path: Path | None, force: bool, no_wait: bool) -> None:
    """Refuse a file that is written beside the pictures, before the work starts. Raises InvalidRequest."""
    if path is None:
        return
    if no_wait:
        raise InvalidRequest(f"{option} and --no-wait: there is nothing to write yet; leave one out", param=option)
    if option == "--video":
        check_kind(path.suffix, option)
    if path.exists() and not force:
        raise InvalidRequest(
            f"{option}: {printable(str(path))} is there already; choose another name, or overwrite it with --force",
            param=option,
        )
