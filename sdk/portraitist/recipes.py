"""How a picture was made, as JSON: enough to make it again, bit for bit, on the device that made it.

A recipe is data. Reading one checks it and runs nothing. It names a persona and holds no photo: photos are those that the persona's
earlier job was given, or they are given again. Every operation that makes pictures has recipes, by way of its row in the table.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .backend import Backend
from .degradations import Mask
from .errors import InvalidRequest, NotFound, printable
from .ledger import JobRow
from .operations import OPERATIONS, operation
from .photos import PhotoLike, read_bytes
from .requests import Drag, DragStep, Edit, Enhance, Photo, Retouch, Synthesize, Transfer, Variations
from .results import PersonaRecord
from .submission import Uploads, submit

VERSION = 1
LARGEST = 2**20  # bytes of a recipe's file
Recipe = dict[str, Any]


def made(request: Any, record: PersonaRecord, read: Callable[[str], bytes]) -> Recipe:
    """Of the pictures that `request` gave with the persona as `record` says. read: what is in a blob of the request."""
    body = {
        "recipe": VERSION,
        "request": request.model_dump(mode="json"),
        "files": {blob: hashlib.sha256(read(blob)).hexdigest() for blob in blobs_of(request)},
        "prior": record.prior,
        "weights": record.weights,
    }
    return {**body, "checksum": _checksum(body)}


def read(source: Mapping[str, Any] | str | os.PathLike[str]) -> Recipe:
    """A recipe, or the JSON file that holds one; checked in itself. Raises InvalidRequest."""
    if not isinstance(source, Mapping):
        path = Path(source).expanduser()
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError("it is too large")
            source = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise _refusal(f"{printable(str(path))} cannot be read as a recipe ({error})") from error
    if not isinstance(source, Mapping) or "recipe" not in source:
        raise _refusal("this is no recipe")
    if source["recipe"] != VERSION:
        raise InvalidRequest(
            f"this recipe has version {printable(str(source['recipe'])[:20])}, and this portraitist reads {VERSION}; "
            "replay it with the version that made it",
            param="recipe",
        )
    body = {name: value for name, value in source.items() if name != "checksum"}
    try:
        checksum = _checksum(body)
    except ValueError as error:
        raise _refusal(f"this recipe holds what is no number ({error})") from error
    if source.get("checksum") != checksum:
        raise InvalidRequest(
            "this recipe was changed after it was made; make the picture anew with the values that you want",
            param="recipe",
        )
    return dict(source)


def request_of(recipe: Recipe) -> Any:
    """What it asks for. Raises InvalidRequest."""
    body = recipe.get("request")
    row = OPERATIONS.get(str(body.get("operation"))) if isinstance(body, Mapping) else None
    if row is None or not row.makes_pictures:
        able = ", ".join(name for name, one in OPERATIONS.items() if one.makes_pictures)
        raise _refusal(f"this recipe asks for nothing that can be replayed ({able})")
    try:
        return row.request.model_validate(body)
    except ValidationError as error:
        raise _refusal(f"this recipe's request is not understood ({error.errors()[0]['msg'].lower()})") from error


def check_persona(recipe: Recipe, record: PersonaRecord) -> None:
    """Raises InvalidRequest unless the persona is as it was."""
    if recipe.get("prior") != record.prior:
        raise InvalidRequest(
            f"this recipe was made with the prior {printable(str(recipe.get('prior'))[:60])}, and {record.name!r} has {record.prior}; "
            "make the picture anew",
            param="recipe",
        )
    if recipe.get("weights") != record.weights:
        raise InvalidRequest(
            f"{record.name!r} has learnt from more photos since this recipe was made, so the picture would be another; make it anew",
            param="recipe",
        )


def submitted(
    backend: Backend,
    request: Any,
    files: Mapping[str, str] | None = None,
    *,
    photo: PhotoLike | None = None,
    mask: PhotoLike | None = None,
    like: Sequence[PhotoLike] = (),
) -> JobRow:
    """The job of `request`, whose photos and masks an earlier job was given: they are uploaded again, as its own. files: blob -> SHA-256 of
    what must be in it. photo, mask, like: where they are handed over again. Raises InvalidRequest, NotFound."""
    uploads = Uploads(backend, request.persona_id)
    first, others = _photos(request)
    if like and len(like) != len(others):
        raise InvalidRequest(
            f"like holds {len(like)} photos, and the recipe was made with {len(others)}; give each of them, in their order",
            param="like",
        )

    def again(what: str, blob: str, handed: PhotoLike | None) -> str:
        try:
            data = backend.sealed(request.persona_id).get(blob) if handed is None else read_bytes(handed)[1]
        except NotFound as error:
            raise NotFound(
                f"the {what} that the recipe was made with is kept no more; give it to the replay once more, as its {what}",
                param=what,
            ) from error
        if files is not None and hashlib.sha256(data).hexdigest() != files.get(blob):
            raise InvalidRequest(f"this is not the {what} that the recipe was made with; give that one", param=what)
        return uploads.add(data)

    if first is not None:
        first.blob = again("photo", first.blob, photo)
    for number, one in enumerate(others):
        one.blob = again("like", one.blob, like[number] if like else None)
    for holder in _masked(request):
        holder.mask = again("mask", holder.mask or "", mask)
    if isinstance(request, Enhance) and isinstance(request.degradation, list):
        request.degradation = [
            Mask(again("mask", step.image, mask)) if isinstance(step, Mask) else step for step in request.degradation
        ]
    return submit(backend, request, uploads=uploads, shape=shape_of(request))


def shape_of(request: Any) -> dict[str, Any]:
    """How its pictures are handed back, as `targets.Batch` has it."""
    if getattr(request, "frames", 0):
        return {"kind": "way"}
    if isinstance(request, (Edit, Synthesize)) and request.columns:
        return _grid(request.values, request.columns)
    return {"kind": "one" if listed(request) is None else "list"}


def listed(request: Any) -> int | None:
    """How many pictures it makes that are handed back as a list. None: one picture, or a grid."""
    if isinstance(request, Variations):
        return request.n
    several = isinstance(request, (Edit, Synthesize)) and not request.columns and len(request.values) > 1
    return len(request.values) if several else None


def blobs_of(request: Any) -> list[str]:
    """Every photo and mask that it was given."""
    first, others = _photos(request)
    photos = [photo.blob for photo in (first, *others) if photo is not None]
    return photos + [holder.mask or "" for holder in _masked(request)] + [hole.image for hole in _holes(request)]


def _photos(request: Any) -> tuple[Photo | None, list[Photo]]:
    """The photo that is changed, and those that something is taken from."""
    first = getattr(request, "photo", None)
    return first, [one for one in operation(request.operation).photos_of(request) if one is not first]


def _masked(request: Any) -> list[Drag | DragStep | Transfer]:
    """The request itself, or its steps, as far as they have a mask."""
    holders = request.steps if isinstance(request, Retouch) else [request]
    return [one for one in holders if isinstance(one, (Drag, DragStep, Transfer)) and one.mask is not None]


def _holes(request: Any) -> list[Mask]:
    """Masks of a damage."""
    chain = request.degradation if isinstance(request, Enhance) else "auto"
    return [] if chain == "auto" else [step for step in chain if isinstance(step, Mask)]


def _grid(cells: list[dict[str, float]], columns: int) -> dict[str, Any]:
    """Which attributes run across and down, where they were asked for row by row. Raises InvalidRequest."""
    if len(cells[0]) < 2 or any(cell.keys() != cells[0].keys() for cell in cells):
        raise _refusal("this recipe's request is not understood (a grid needs two attributes in every picture)")

    def axis(line: list[dict[str, float]], otherwise: str) -> list[Any]:
        varies = (name for name in line[0] if any(cell[name] != line[0][name] for cell in line))
        name = next(varies, otherwise)
        return [name, [cell[name] for cell in line]]

    across, down = list(cells[0])[-2:]
    return {"kind": "grid", "columns": axis(cells[:columns], across), "rows": axis(cells[::columns], down)}


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(_plain(body), sort_keys=True, allow_nan=False).encode()).hexdigest()


def _plain(data: Any) -> Any:
    """10.0 and 10 are one number in JSON: JavaScript writes the one for the other."""
    if isinstance(data, Mapping):
        return {name: _plain(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data


def _refusal(fault: str) -> InvalidRequest:
    return InvalidRequest(f"{fault}; give what `picture.recipe` holds, or a JSON file of it", param="recipe")
