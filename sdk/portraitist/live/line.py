"""A line: a client's connection to the process that holds its session. Two adapters, and nothing else knows which."""

from __future__ import annotations

from typing import Protocol

from ..backend import Backend
from ..errors import QueueUnavailable
from ..transport import EmbeddedTransport, RedisTransport


class LineCut(Exception):
    """The other end is gone, or was never there."""


class Line(Protocol):
    """Messages are sealed. Any of them may be lost when the worker dies; whoever sends says so again (`session`)."""

    async def send(self, message: bytes) -> None:
        """Raises LineCut."""

    async def receive(self) -> bytes:
        """The next message. Raises LineCut."""

    async def close(self) -> None: ...


async def connected(backend: Backend, job_id: str) -> Line:
    """A line to the session `job_id`. Raises LineCut (nobody holds it yet), QueueUnavailable."""
    if isinstance(backend.transport, EmbeddedTransport):
        from .sockets import SocketLine

        return await SocketLine.to(backend.transport.home, job_id)
    if isinstance(backend.transport, RedisTransport):
        from .pubsub import PubSubLine

        return await PubSubLine.to(backend.transport.url, job_id)
    raise QueueUnavailable("a fake studio has no live sessions; use a real one")
