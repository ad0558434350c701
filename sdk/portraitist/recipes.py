"""How a picture was made, as JSON: enough to make it again, bit for bit, on the device that made it.

A recipe is data. Reading one checks it and runs nothing. It names a persona and holds no photo: photos are those that the persona's
earlier job was given, or they are given again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .backend import Backend
from .errors import InvalidRequest, NotFound, printable
from .ledger import JobRow
from .photos import PhotoLike, read_bytes
from .requests import Compose, Drag, DragStep, Move, Photo, Retouch
from .results import PersonaRecord
from .submission import Uploads, submit

VERSION = 1
LARGEST = 2**20  # bytes of a recipe's file
Recipe = dict[str, Any]
Replayed = Compose | Drag | Move | Retouch
_REPLAYED: dict[str, type[Replayed]] = {"compose": Compose, "drag": Drag, "move": Move, "retouch": Retouch}


def made(request: Replayed, record: PersonaRecord, files: Mapping[str, bytes]) -> Recipe:
    """Of a picture that `request` gave with the persona as `record` says. files: each blob of the request, and what is in it."""
    body = {
        "recipe": VERSION,
        "request": request.model_dump(mode="json"),
        "files": {blob: hashlib.sha256(data).hexdigest() for blob, data in files.items()},
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
    if source.get("checksum") != _checksum(body):
        raise InvalidRequest(
            "this recipe was changed after it was made; make the picture anew with the values that you want",
            param="recipe",
        )
    return dict(source)


def request_of(recipe: Recipe) -> Replayed:
    """What it asks for. Raises InvalidRequest."""
    body = recipe.get("request")
    model = _REPLAYED.get(str(body.get("operation"))) if isinstance(body, Mapping) else None
    if model is None:
        raise _refusal(f"this recipe asks for nothing that can be replayed ({', '.join(_REPLAYED)})")
    try:
        return model.model_validate(body)
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
    request: Replayed,
    files: Mapping[str, str] | None = None,
    *,
    photo: PhotoLike | None = None,
    mask: PhotoLike | None = None,
    like: Sequence[PhotoLike] = (),
) -> JobRow:
    """The job of `request`, whose photos and masks an earlier job was given: they are uploaded again, as its own. files: blob -> SHA-256 of
    what must be in it. photo, mask, like: where they are handed over again. Raises InvalidRequest, NotFound."""
    uploads = Uploads(backend, request.persona_id)
    others = like_of(request)
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

    if request.photo is not None:
        request.photo.blob = again("photo", request.photo.blob, photo)
    for number, one in enumerate(others):
        one.blob = again("like", one.blob, like[number] if like else None)
    for holder in masked(request):
        holder.mask = again("mask", holder.mask or "", mask)
    return submit(backend, request, uploads=uploads, shape={"kind": "way" if isinstance(request, Drag) else "one"})


def like_of(request: Replayed) -> list[Photo]:
    """The photos that parts are taken from."""
    return request.like if isinstance(request, Compose) else []


def blobs_of(request: Replayed) -> list[str]:
    """Every photo and mask that it was given."""
    photos = [request.photo, *like_of(request)]
    return [photo.blob for photo in photos if photo is not None] + [holder.mask or "" for holder in masked(request)]


def masked(request: Replayed) -> list[Drag | DragStep]:
    """The request itself, or its steps, as far as they have a mask."""
    if isinstance(request, (Compose, Move)):
        return []
    holders = [request] if isinstance(request, Drag) else [s for s in request.steps if isinstance(s, DragStep)]
    return [holder for holder in holders if holder.mask is not None]


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(_plain(body), sort_keys=True).encode()).hexdigest()


def _plain(data: Any) -> Any:
    """10.0 and 10 are one number in JSON: JavaScript writes the one for the other."""
    if isinstance(data, Mapping):
        return {name: _plain(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data


def _refusal(fault: str) -> InvalidRequest:
    return InvalidRequest(f"{fault}; give what `picture.recipe` holds, or a JSON file of it", param="recipe")
