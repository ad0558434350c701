"""The embedded adapter: a socket of the file system, between processes of one user. No server, and nothing on the network.

The socket lies in the home folder, or in a private folder of the temporary one where that path would be too long for a socket. Its mode
lets its owner alone connect, and the worker also asks the system who does.

    4 bytes (big-endian): the message's length; the message. A client's first message is the session's id.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError
from .commands import LARGEST
from .line import LineCut

_LONGEST = 100  # bytes of a socket's path; systems allow 104 or 108
_MOST = LARGEST + 2**16


def socket_path(home: Path) -> Path:
    """Where the home's worker listens. Raises StorageError when somebody else owns the folder."""
    path = home / "live.sock"
    if len(os.fsencode(path)) <= _LONGEST:
        return path
    folder = Path(tempfile.gettempdir()) / f"portraitist-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.getuid() or state.st_mode & 0o077 or not folder.is_dir():
        raise StorageError(f"{folder} is not a folder of yours alone; remove it", param=str(folder))
    return folder / f"{hashlib.sha256(os.fsencode(home)).hexdigest()[:32]}.sock"


async def listen(path: Path) -> socket.socket:
    """A socket of ours at `path`, in the place of one that a dead worker has left."""
    temporary = path.with_name(f".{path.stem}-{os.getpid()}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with suppress(FileNotFoundError):
        temporary.unlink()
    before = os.umask(0o177)
    try:
        listening.bind(str(temporary))
    finally:
        os.umask(before)
    listening.listen(128)
    listening.setblocking(False)
    os.replace(temporary, path)
    return listening


def ours(connection: socket.socket) -> bool:
    """Whether a process of this user is at the other end. Where the system does not tell (macOS), the file's mode has decided."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", told)
    return bool(uid == os.getuid())


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """Raises LineCut."""
    try:
        length = int.from_bytes(await reader.readexactly(4), "big")
        if length > _MOST:
            raise LineCut(f"a message of {length} bytes")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise LineCut(str(error)) from error


class SocketLine:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, home: Path, job_id: str) -> SocketLine:
        try:
            line = cls(*await asyncio.open_unix_connection(str(socket_path(home))))
        except OSError as error:
            raise LineCut(str(error)) from error
        await line.send(job_id.encode())
        return line

    async def send(self, message: bytes) -> None:
        try:
            self._writer.write(framed(message))
            await self._writer.drain()
        except OSError as error:
            raise LineCut(str(error)) from error

    async def receive(self) -> bytes:
        return await read_message(self._reader)

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
