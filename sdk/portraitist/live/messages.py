"""A session's messages on their way: JSON or a frame, sealed with the persona's key. Neither a server in between nor another tenant can
read or forge one.

    JSON       "J", the text
    frame      "F", length of the head (4 bytes, big-endian), the head as JSON, the picture's file (JPEG)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import StorageError
from ..store import SealedStore

Json = dict[str, Any]
Way = Literal["in", "out"]  # to the worker, from it


@dataclass(frozen=True)
class Frame:
    """`head`: number, kind, size, a drag's points (docs/http.md). `picture`: a JPEG file."""

    head: Json
    picture: bytes

    def packed(self) -> bytes:
        head = json.dumps(self.head, separators=(",", ":")).encode()
        return len(head).to_bytes(4, "big") + head + self.picture

    @classmethod
    def unpacked(cls, data: bytes) -> Frame:
        end = 4 + int.from_bytes(data[:4], "big")
        return cls(json.loads(data[4:end]), data[end:])


class Seal:
    """Of one session. Each way has its own, so that nothing can be sent back to where it came from."""

    def __init__(self, store: SealedStore, job_id: str) -> None:
        self._store, self._job_id = store, job_id

    def closed(self, message: Json | Frame, way: Way) -> bytes:
        data = b"F" + message.packed() if isinstance(message, Frame) else b"J" + json.dumps(message).encode()
        return self._store.seal_message(data, f"{way} {self._job_id}")

    def opened(self, sealed: bytes, way: Way) -> Json | Frame | None:
        """None for what nobody with the key has sent here."""
        try:
            data = self._store.open_message(sealed, f"{way} {self._job_id}")
        except StorageError:
            return None
        return Frame.unpacked(data[1:]) if data[:1] == b"F" else dict(json.loads(data[1:]))
