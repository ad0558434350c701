"""Produced pictures, as the caller gets them: loaded when looked at, each with its report."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .atomic import write_atomically
from .backend import Backend
from .errors import InvalidRequest, NotFound, StorageError
from .jobs import handle_of
from .ledger import JobRow
from .results import PictureReport, PictureResult, Pictures
from .segmentation import Segmentation
from .store import SealedStore
from .video import encoded

if TYPE_CHECKING:
    from PIL.Image import Image

# Suffixes that `save` writes, and `verify` reads.
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".avif": "AVIF"}


class Picture:
    """One picture. `report` says what was asked, what was achieved, and how far to trust it."""

    def __init__(self, result: PictureResult, store: SealedStore) -> None:
        self.report: PictureReport = result.report
        self.way: list[Picture] = []  # drag, move, edit: pictures of the way there, the first as it was
        self._result, self._store = result, store
        self._recipe = result.report.recipe

    def read(self) -> bytes:
        """The PNG file. NotFound once the persona was deleted."""
        return self._store.get(self._result.blob)

    @cached_property
    def image(self) -> Image:
        """As a PIL image."""
        return _open(self.read())

    @cached_property
    def crop(self) -> Image:
        """The aligned face at the generator's resolution; the picture itself where it is nothing more."""
        return self.image if self._result.crop is None else _open(self._store.get(self._result.crop))

    @property
    def recipe(self) -> dict[str, Any]:
        """How to make it again, as JSON (`studio.replay`): of one of several, how to make all of them. Raises InvalidRequest where there
        is none."""
        if self._recipe is None:
            raise InvalidRequest(
                "this picture has no recipe: it is one of the way to another, which has it, or was made by an older version",
                param="recipe",
            )
        return self._recipe

    @cached_property
    def segmentation(self) -> Segmentation:
        """The part that each pixel of `crop` belongs to. Raises NotFound for pictures of generators without parts."""
        if self._result.classes is None:
            raise NotFound(
                "this picture has no class map: only compositions of a persona with parts do", param="segmentation"
            )
        return Segmentation(self._result.classes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it; the suffix chooses the format. .png is the file as delivered, with its signature; any other is encoded anew and
        keeps the invisible mark alone (docs/provenance.md). Raises StorageError."""
        return _save(Path(path).expanduser(), self)

    def save_way(self, path: str | os.PathLike[str], *, seconds: float = 1.5) -> Path:
        """Write the pictures of the way there as a moving `.webp`, or an `.mp4` of AV1, there and back. They keep the invisible mark.
        Raises InvalidRequest where there are none (`drag(…, frames=12)`), StorageError."""
        path = Path(path).expanduser()
        if not self.way:
            raise InvalidRequest("a moving picture needs the pictures of a way, as in drag(…, frames=12)", param="path")
        images = [picture.image.convert("RGB") for picture in (*self.way, self)]
        images += images[-2:0:-1]
        return _written(path, encoded(images, path.suffix, round(1000 * seconds / len(self.way))))

    def __repr__(self) -> str:
        achieved = ", ".join(f"{name}={a.achieved:.3g}" for name, a in self.report.attributes.items())
        warned = "".join(f"; {warning}" for warning in self.report.warnings)
        return f"Picture({achieved}{', clamped' if self.report.clamped else ''}{warned})"

    def _repr_png_(self) -> bytes:
        return self.read()


class Grid(Sequence[Picture]):
    """Pictures over two attributes. `grid[row, column]`; as a sequence, row by row. `columns` and `rows` are (name, values)."""

    def __init__(
        self,
        pictures: list[Picture],
        columns: tuple[str, list[float]],
        rows: tuple[str, list[float]],
        sheet: str,
        store: SealedStore,
    ) -> None:
        self._pictures, self._sheet, self._store = pictures, sheet, store
        self.columns, self.rows = columns, rows

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            row, column = index
            return self._pictures[
                range(len(self.rows[1]))[row] * len(self.columns[1]) + range(len(self.columns[1]))[column]
            ]
        return self._pictures[index]

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._pictures)

    def read(self) -> bytes:
        """The sheet with all of them as a PNG file, signed as they are. NotFound once the persona was deleted."""
        return self._store.get(self._sheet)

    @cached_property
    def image(self) -> Image:
        """The sheet as a PIL image."""
        return _open(self.read())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the sheet; as with a picture, .png keeps every pixel and the signature."""
        return _save(Path(path).expanduser(), self)

    def __repr__(self) -> str:
        return f"Grid({self.columns[0]} across, {self.rows[0]} down, {len(self.rows[1])}×{len(self.columns[1])})"

    def _repr_png_(self) -> bytes:
        return self.read()


Output: TypeAlias = Picture | list[Picture] | Grid


def arranged(made: Pictures, shape: dict[str, Any], store: SealedStore) -> Output:
    """One picture, a list or a grid, as `targets.expanded` laid it down."""
    pictures = [Picture(result, store) for result in made.pictures]
    if shape.get("kind") != "way":
        for picture in pictures[1:]:
            picture._recipe = pictures[0].report.recipe
    if shape.get("kind") == "grid":
        if made.sheet is None:
            raise NotFound("this grid was made without its sheet, by an older version; make it again", param="grid")
        return Grid(pictures, tuple(shape["columns"]), tuple(shape["rows"]), made.sheet, store)
    if shape.get("kind") == "way":
        pictures[0].way = pictures[1:]
    if shape.get("kind") in ("list", "sweep"):
        return pictures
    return pictures[0]


@handle_of(Pictures)
def _of_job(backend: Backend, row: JobRow) -> Output:
    made = Pictures.model_validate(backend.readable(row.persona_id, row.result))
    return arranged(made, row.shape, backend.sealed(row.persona_id))


def _open(data: bytes) -> Image:
    from PIL import Image as pil

    image = pil.open(io.BytesIO(data))
    image.load()
    return image


def _encoded(image: Image, path: Path) -> bytes:
    from .decoding.colour import srgb_bytes

    kind, file = FORMATS.get(path.suffix.lower()), io.BytesIO()
    if kind is None:
        raise InvalidRequest(f"{path.name!r} ends in no format that is written; use {', '.join(FORMATS)}", param="path")
    options = {"quality": 95, "icc_profile": srgb_bytes()} if kind != "PNG" else {}
    (image.convert("RGB") if kind == "JPEG" else image).save(file, kind, **options)
    return file.getvalue()


def _save(path: Path, picture: Picture | Grid) -> Path:
    return _written(path, picture.read() if path.suffix.lower() == ".png" else _encoded(picture.image, path))


def _written(path: Path, data: bytes) -> Path:
    try:
        write_atomically(path, data, durable=False)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}; check that the folder exists and has room", param=str(path)
        ) from error
    return path
