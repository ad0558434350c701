"""A session's end of all its clients' lines. `exchange` carries what is sealed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from portraitist.live.messages import Frame, Seal

Json = dict[str, Any]


class Exchange(Protocol):
    """Of one process, for all its sessions. Its methods may be called from any thread."""

    def attach(self, job_id: str, heard: Callable[[bytes], None]) -> None:
        """`heard` gets every message for this session, in the exchange's thread."""

    def detach(self, job_id: str) -> None: ...

    def send(self, job_id: str, message: bytes, *, droppable: bool) -> None:
        """To all its clients. `droppable`: a client that is slow gets the newest of such instead of all."""


class Wire:
    """`token`: the lease's, which grows; by it clients see that another worker has taken over."""

    def __init__(self, exchange: Exchange, seal: Seal, job_id: str, token: int) -> None:
        self._token = token
        self._exchange, self._seal, self._job_id = exchange, seal, job_id

    def listen(self, heard: Callable[[Json], None]) -> None:
        def opened(sealed: bytes) -> None:
            message = self._seal.opened(sealed, "in")
            if isinstance(message, dict):
                heard(message)

        self._exchange.attach(self._job_id, opened)

    def say(self, message: Json | Frame) -> None:
        head = message.head if isinstance(message, Frame) else message
        head["token"] = self._token
        self._exchange.send(self._job_id, self._seal.closed(message, "out"), droppable=isinstance(message, Frame))

    def close(self) -> None:
        """Clients then ask the ledger how it ended."""
        self.say({"is": "over"})
        self._exchange.detach(self._job_id)
