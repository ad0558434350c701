"""From a request's body to the arguments of a verb: JSON, or a form with a part `request` (JSON) and the files beside it.

Files of more than a mebibyte wait on the disk. The verb reads one after the other.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO, Any

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from ..degradations import Mask
from ..errors import InvalidRequest
from ..photos import MAX_BYTES, Link
from ..store import is_digest
from .bodies import Spoken, Verb
from .options import MIB, Options
from .problems import Refusal

PART = "part:"  # a mask that is another part of the form: {"kind": "mask", "image": "part:hole"}
_INLINE = ";base64,"
_FIELDS = 16


class File:
    """One part of the form, as the SDK takes an open file."""

    def __init__(self, upload: UploadFile) -> None:
        self.name = (upload.filename or "photo").replace("\\", "/")[-255:]
        self._file: IO[bytes] = upload.file

    def read(self, size: int = -1) -> bytes:
        self._file.seek(0)
        return self._file.read(size)


@asynccontextmanager
async def arguments(request: Request, verb: Verb, options: Options) -> AsyncIterator[dict[str, Any]]:
    """What `verb.call` is to be called with. The files are there until the block ends. Raises Refusal, pydantic's ValidationError and
    InvalidRequest."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = verb.json_body.model_validate_json(await request.body())
        yield _call(verb, body, {})
    elif kind == "multipart/form-data":
        form = request.form(max_files=options.files, max_fields=_FIELDS, max_part_size=options.json_bytes)
        async with form as parts:
            body = verb.part.model_validate_json(await _request_part(parts, options))
            files: dict[str, list[File]] = {}
            for name, value in parts.multi_items():
                if name != "request" and not isinstance(value, UploadFile):
                    raise InvalidRequest(
                        f"the part {name[:60]!r} is no file; all but files stands in the part 'request'",
                        param=name[:60],
                    )
                if name != "request" and isinstance(value, UploadFile):
                    files.setdefault(name, []).append(File(value))
            yield _call(verb, body, files)
    else:
        raise Refusal(415, "unsupported_media_type", "send application/json, or multipart/form-data for files")


async def one_file(request: Request, name: str, options: Options) -> bytes:
    """The only part of a form. Raises Refusal, InvalidRequest."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Refusal(415, "unsupported_media_type", f"send multipart/form-data with a file called {name!r}")
    async with request.form(max_files=1, max_fields=0, max_part_size=MIB) as parts:
        found = parts.get(name)
        if not isinstance(found, UploadFile):
            raise InvalidRequest(f"there is no file called {name!r} in the form", param=name)
        data = await found.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Refusal(413, "too_large", f"a picture has at most {MAX_BYTES // MIB} MiB")
    return data


async def _request_part(parts: FormData, options: Options) -> bytes | str:
    found = parts.get("request", "{}")
    if not isinstance(found, UploadFile):
        return found
    data = await found.read(options.json_bytes + 1)
    if len(data) > options.json_bytes:
        raise Refusal(413, "too_large", f"the part 'request' has at most {options.json_bytes // MIB} MiB")
    return data


class _Photos:
    """The photos that a body names, and the files that came with it."""

    def __init__(self, files: Mapping[str, list[File]]) -> None:
        self._files = files
        self._used: set[str] = set()

    def linked(self, text: str, param: str) -> bytes | File | Link:
        """A photo. Raises UrlRefused for what is neither a file of the form nor an address."""
        return self._held(text, param) or Link(text)

    def held(self, text: str, param: str) -> bytes | File:
        """One that must be at hand. Raises InvalidRequest."""
        found = self._held(text, param)
        if found is None:
            raise InvalidRequest(
                f"{param}: give part:NAME (a file of the same form) or a data: address in base64", param=param
            )
        return found

    def named(self, param: str) -> list[File]:
        self._used.add(param)
        return self._files.get(param, [])

    def check_all_used(self, verb: Verb) -> None:
        known = ", ".join(verb.photos) or "no files"
        for name in self._files:
            if name not in self._used:
                raise InvalidRequest(f"nothing asks for the file {name[:60]!r}; expected {known}", param=name[:60])

    def _held(self, text: str, param: str) -> bytes | File | None:
        if text.startswith(PART):
            name = text.removeprefix(PART)
            self._used.add(name)
            if len(self._files.get(name, [])) != 1:
                raise InvalidRequest(
                    f"{param} is said to be {name[:60]!r} of this form; send one such file", param=param
                )
            return self._files[name][0]
        if text.startswith("data:") and _INLINE in text[:64]:
            try:
                return base64.b64decode(text.partition(_INLINE)[2], validate=True)
            except (binascii.Error, ValueError):
                raise InvalidRequest(f"{param}: the data: address is not base64", param=param) from None
        return None


def _call(verb: Verb, body: BaseModel, files: Mapping[str, list[File]]) -> dict[str, Any]:
    photos, found = _Photos(files), dict[str, Any]()
    for name in type(body).model_fields:
        value = getattr(body, name)
        if name == "values" and isinstance(value, Mapping):
            found |= _attributes(value, body)
        elif name not in verb.photos:
            found[name] = _safe(value, photos)
    for name, several in verb.photos.items():
        texts = getattr(body, name) or []
        open_ = photos.linked if name in verb.row.photos else photos.held
        given: list[Any] = [open_(text, name) for text in ([texts] if isinstance(texts, str) else texts)]
        given += photos.named(name)
        if several:
            found[name] = given
        elif len(given) == 1:
            found[name] = given[0]
        elif given or verb.needs(name):
            raise InvalidRequest(f"{name}: give one, as a file or an address", param=name)
    photos.check_all_used(verb)
    return found


def _attributes(values: Mapping[str, Any], body: BaseModel) -> dict[str, Any]:
    """As the verb's further arguments."""
    for name in values:
        if not name.isidentifier():
            raise InvalidRequest(f"{name[:60]!r} cannot be an attribute's name", param="values")
        if name in type(body).model_fields or name in ("self", "wait"):
            raise InvalidRequest(f"{name!r} is no attribute; it stands beside `values`", param="values")
    return {"values": dict(values)}


def _safe(value: Any, photos: _Photos) -> Any:
    """The value as the verb takes it. A mask in it is read: none may name a file of the server's."""
    if isinstance(value, Spoken):
        return value.made(photos.linked)
    if isinstance(value, Mask):
        if is_digest(value.image):
            return value  # of an earlier request about this person
        mask = photos.held(value.image, "degradation")
        return Mask(mask.read(MAX_BYTES + 1)[:MAX_BYTES] if isinstance(mask, File) else mask)
    if isinstance(value, list):
        return [_safe(one, photos) for one in value]
    return value
