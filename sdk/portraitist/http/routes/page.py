"""The page: files that are read once, when the server starts. No path of a request ever reaches the disk."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ...errors import NotFound
from ..guard import PAGE_POLICY

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


def router() -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    found = dict(_read(files(__package__.rpartition(".")[0]).joinpath("static"), ""))

    async def serve(request: Request, name: str = "index.html") -> Response:
        if name not in found:
            raise NotFound("there is nothing here; /openapi.json lists what there is")
        data, kind = found[name]
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=kind, headers=headers)

    async def index(request: Request) -> Response:
        return await serve(request)

    routes.add_api_route("/", index, methods=["GET"])
    routes.add_api_route("/static/{name:path}", serve, methods=["GET"])
    return routes


def _read(folder: Traversable, prefix: str) -> list[tuple[str, tuple[bytes, str]]]:
    read = []
    for item in folder.iterdir():
        if item.is_dir():
            read += _read(item, f"{prefix}{item.name}/")
        elif (kind := _KINDS.get("." + item.name.rpartition(".")[2])) is not None:
            read.append((prefix + item.name, (item.read_bytes(), kind)))
    return read
