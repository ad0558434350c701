"""Where an answer ends. Read here and not by http.client, which takes "-1", "+5", "0x10" and "1_0" for chunk sizes.

The bytes that a connection may deliver are counted below all framing, so no trick of it, nor of the head, gets around the limit.
Source: RFC 9112, sections 6 and 7. What it calls ambiguous is refused.
"""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

HEAD_BYTES = 1 << 18  # status line and headers, and all that the framing of a body adds to it
_PART = 1 << 16
_LINE = 1024  # the longest line between chunks
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[^\r\n]*)?\r\n")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class TooMuch(Exception):
    """More bytes than were allowed."""


class Capped:
    """Stands in for a socket in http.client: passes on what is sent, and at most `limit` bytes of what is received. Its `close` does
    nothing, since http.client calls it before the body is read."""

    def __init__(self, sock: socket.socket, limit: int) -> None:
        self._sock, self._limit = sock, limit

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Counted(self._sock, self._limit), _PART)

    def close(self) -> None:
        pass


class _Counted(io.RawIOBase):
    def __init__(self, sock: socket.socket, limit: int) -> None:
        self._sock, self._left = sock, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise TooMuch
        got = self._sock.recv_into(memoryview(buffer)[: self._left])
        self._left -= got
        return got


def body(response: HTTPResponse) -> Iterator[bytes]:
    """The parts of a 200 answer's body, as they come. Raises ValueError for a framing that is not plain, and EOFError when the
    server breaks off."""
    if response.headers.defects:
        raise ValueError("a broken header")
    codings, lengths = (response.headers.get_all(name, []) for name in ("Transfer-Encoding", "Content-Length"))
    if codings:
        if lengths or len(codings) > 1 or codings[0].strip().lower() != "chunked":
            raise ValueError("an unclear Transfer-Encoding")
        return _chunks(response.fp)
    if lengths:
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0].strip()):
            raise ValueError("an unclear Content-Length")
        return _exactly(response.fp, int(lengths[0]))
    return iter(lambda: response.fp.read1(_PART), b"")


def _exactly(file: io.BufferedReader, size: int) -> Iterator[bytes]:
    while size:
        part = file.read1(min(size, _PART))
        if not part:
            raise EOFError
        size -= len(part)
        yield part


def _chunks(file: io.BufferedReader) -> Iterator[bytes]:
    """Up to the last one. Trailers behind it are not read: the connection serves no other request."""
    while size := _size(file.readline(_LINE)):
        yield from _exactly(file, size)
        if (end := file.read(2)) != b"\r\n":
            raise EOFError if len(end) < 2 else ValueError("a chunk longer than its size")


def _size(line: bytes) -> int:
    if not line:
        raise EOFError
    if (found := _CHUNK_SIZE.fullmatch(line)) is None:
        raise ValueError("a chunk size that is no hexadecimal number")
    return int(found[1], 16)
