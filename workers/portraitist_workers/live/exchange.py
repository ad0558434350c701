"""Both exchanges of a process that holds sessions: sockets of the file system, and Redis channels. One event loop, in one thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from portraitist.errors import QueueUnavailable
from portraitist.live.line import LineCut
from portraitist.live.pubsub import Hub, channel
from portraitist.live.sockets import framed, listen, ours, read_message, socket_path

log = logging.getLogger(__name__)
_FULL = 8 * 2**20  # bytes that wait for one client: it is not reading
_AGAIN_S = 0.5

Heard = Callable[[bytes], None]


class _InLoop:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._heard: dict[str, Heard] = {}
        threading.Thread(target=self._loop.run_forever, name="portraitist-live-exchange", daemon=True).start()

    def _soon(self, function: Callable[..., object], *args: object) -> None:
        self._loop.call_soon_threadsafe(function, *args)

    def _do(self, coroutine: Coroutine[Any, Any, object]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


class SocketExchange(_InLoop):
    """For the embedded studio in `home`."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._peers: dict[str, set[Peer]] = {}
        self._do(self._serve(socket_path(home))).result()

    def attach(self, job_id: str, heard: Heard) -> None:
        self._heard[job_id] = heard

    def detach(self, job_id: str) -> None:
        self._heard.pop(job_id, None)
        self._soon(self._hang_up, job_id)

    def send(self, job_id: str, message: bytes, *, droppable: bool) -> None:
        self._soon(self._send, job_id, message, droppable)

    async def _serve(self, path: Path) -> None:
        self._server = await asyncio.start_unix_server(self._welcome, sock=await listen(path))

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        job_id, peer = "", Peer(writer)
        try:
            if not ours(writer.get_extra_info("socket")):
                return
            job_id = (await asyncio.wait_for(read_message(reader), 5.0)).decode(errors="replace")
            if job_id not in self._heard:
                return
            self._peers.setdefault(job_id, set()).add(peer)
            while (heard := self._heard.get(job_id)) is not None:
                heard(await read_message(reader))
        except (LineCut, TimeoutError):
            pass
        except Exception:  # one odd client must not disturb the others
            log.exception("live exchange")
        finally:
            self._peers.get(job_id, set()).discard(peer)
            peer.close()

    def _send(self, job_id: str, message: bytes, droppable: bool) -> None:
        for peer in list(self._peers.get(job_id, ())):
            peer.send(message, droppable)

    def _hang_up(self, job_id: str) -> None:
        for peer in self._peers.pop(job_id, ()):
            peer.close()


class Peer:
    """One client's connection. While it is full, of frames only the newest waits."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer, self._transport = writer, writer.transport
        self._transport.set_write_buffer_limits(high=0)
        self._frame: bytes | None = None
        self._draining: asyncio.Task[None] | None = None

    def send(self, message: bytes, droppable: bool) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _FULL:
            self._transport.abort()
        elif droppable and self._transport.get_write_buffer_size():
            self._frame = message
            if self._draining is None:
                self._draining = asyncio.ensure_future(self._drain())
        else:
            self._writer.write(framed(message))

    def close(self) -> None:
        self._writer.close()

    async def _drain(self) -> None:
        with suppress(OSError):
            while self._frame is not None:
                await self._writer.drain()
                frame, self._frame = self._frame, None
                if frame is not None:
                    self._writer.write(framed(frame))
        self._draining = None


class PubSubExchange(_InLoop):
    """For the cluster on the Redis server `url`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._waiting: dict[str, deque[tuple[bytes, bool]]] = {}  # of each session what waits to be sent, in its order
        self._sending: set[asyncio.Task[None]] = set()
        self._hub: Hub = self._do(self._begin(url)).result()

    async def _begin(self, url: str) -> Hub:
        return Hub.of(url)

    def attach(self, job_id: str, heard: Heard) -> None:
        self._heard[job_id] = heard
        self._do(self._subscribe(job_id, heard))

    def detach(self, job_id: str) -> None:
        heard = self._heard.pop(job_id, None)
        if heard is not None:
            self._do(self._hub.unsubscribe(channel(job_id, "in"), heard))

    def send(self, job_id: str, message: bytes, *, droppable: bool) -> None:
        self._soon(self._send, job_id, message, droppable)

    async def _subscribe(self, job_id: str, heard: Heard) -> None:
        while self._heard.get(job_id) is heard:
            try:
                return await self._hub.subscribe(channel(job_id, "in"), heard)
            except QueueUnavailable:
                await asyncio.sleep(_AGAIN_S)

    def _send(self, job_id: str, message: bytes, droppable: bool) -> None:
        waiting = self._waiting.get(job_id)
        if waiting is not None:
            older = [one for one in waiting if not (droppable and one[1])]
            waiting.clear()
            waiting.extend([*older, (message, droppable)])
            return
        self._waiting[job_id] = deque([(message, droppable)])
        task = self._loop.create_task(self._publish(job_id))
        self._sending.add(task)  # the loop itself holds tasks by weak references only
        task.add_done_callback(self._sending.discard)

    async def _publish(self, job_id: str) -> None:
        """One at a time: two would overtake each other on two connections."""
        waiting = self._waiting[job_id]
        while waiting:
            message, _ = waiting.popleft()
            await self._hub.publish(channel(job_id, "out"), message)
        del self._waiting[job_id]
