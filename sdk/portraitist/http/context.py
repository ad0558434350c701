"""What the routes share: `api_of(request)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, WebSocket

from ..backend import Backend
from .follower import Follower
from .options import Options
from .problems import MEDIA, Problem
from .threads import Threads

Responses = dict[int | str, dict[str, Any]]

# Every route may answer with one.
PROBLEMS: Responses = {
    "4XX": {"description": "A problem", "content": {MEDIA: {"schema": Problem.model_json_schema()}}},
    "5XX": {"description": "A problem", "content": {MEDIA: {"schema": Problem.model_json_schema()}}},
}


@dataclass(frozen=True)
class Api:
    backend: Backend  # sees all tenants
    options: Options
    threads: Threads
    slow: Threads  # so that long calls hold up no short one
    follower: Follower
    ready: Callable[[], Mapping[str, str]]
    sessions: set[WebSocket] = field(default_factory=set)  # open sockets, for metrics


def api_of(request: Request) -> Api:
    api: Api = request.app.state.api
    return api
