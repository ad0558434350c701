"""The cluster's adapter: Redis channels, one each way. What is published is kept nowhere: not in memory, and not in the append-only file.

A process has one connection that listens for all its sessions, however many they are (`Hub`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import QueueUnavailable
from ..ledger.redis_server import plain_url
from .line import LineCut
from .messages import Way

log = logging.getLogger(__name__)
_AGAIN_S = 0.3  # before it tries to reach a server that is away again
_MOST = 1000  # messages that wait to be read on one line; older ones go

Heard = Callable[[bytes], None]
_HUBS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Hub]] = WeakKeyDictionary()


def channel(job_id: str, way: Way) -> str:
    return f"{{portraitist}}:live:{job_id}:{way}"


class Hub:
    """Of one event loop and server: `Hub.of(url)`, in that loop."""

    def __init__(self, url: str) -> None:
        import redis.asyncio

        self._redis = redis.asyncio.Redis.from_url(
            plain_url(url), socket_connect_timeout=1.0, socket_timeout=5.0, socket_keepalive=True
        )
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self._or_late: tuple[type[Exception], ...] = (*self._errors, TimeoutError)
        self._heard: dict[str, list[Heard]] = {}
        self._pubsub: Any = None
        self._ready = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._listen(), name="portraitist-live-hub")

    @classmethod
    def of(cls, url: str) -> Hub:
        hubs = _HUBS.setdefault(asyncio.get_running_loop(), {})
        if url not in hubs:
            hubs[url] = cls(url)
        return hubs[url]

    async def subscribe(self, name: str, heard: Heard) -> None:
        """`heard` is called for each message. Raises QueueUnavailable."""
        self._heard.setdefault(name, []).append(heard)
        try:
            await asyncio.wait_for(self._ready.wait(), 5.0)
            await self._pubsub.subscribe(name)
        except self._or_late as error:
            await self.unsubscribe(name, heard)
            raise QueueUnavailable(f"the Redis server cannot be reached: {error}", param="url") from error

    async def unsubscribe(self, name: str, heard: Heard) -> None:
        others = self._heard.get(name, [])
        with suppress(ValueError):
            others.remove(heard)
        if not others:
            self._heard.pop(name, None)
            if self._ready.is_set():
                with suppress(*self._errors):
                    await self._pubsub.unsubscribe(name)

    async def publish(self, name: str, message: bytes) -> bool:
        """Whether the server took it."""
        try:
            await self._redis.publish(name, message)
            return True
        except self._errors:
            return False

    async def _listen(self) -> None:
        while True:
            try:
                self._pubsub = self._redis.pubsub()
                await self._pubsub.subscribe("{portraitist}:live", *self._heard)  # never without a channel
                self._ready.set()
                while True:
                    told = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=30.0)
                    if told is not None:
                        for heard in list(self._heard.get(told["channel"].decode(), ())):
                            heard(told["data"])
            except self._errors as error:
                log.info("live sessions: %s", error)
                self._ready.clear()
                await asyncio.sleep(_AGAIN_S)


class PubSubLine:
    def __init__(self, hub: Hub, job_id: str) -> None:
        self._hub, self._job_id = hub, job_id
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()

    @classmethod
    async def to(cls, url: str, job_id: str) -> PubSubLine:
        line = cls(Hub.of(url), job_id)
        await line._hub.subscribe(channel(job_id, "out"), line._heard)
        return line

    async def send(self, message: bytes) -> None:
        if not await self._hub.publish(channel(self._job_id, "in"), message):
            raise LineCut("the Redis server is away")

    async def receive(self) -> bytes:
        return await self._waiting.get()

    async def close(self) -> None:
        await self._hub.unsubscribe(channel(self._job_id, "out"), self._heard)

    def _heard(self, message: bytes) -> None:
        self._waiting.put_nowait(message)
        while self._waiting.qsize() > _MOST:
            self._waiting.get_nowait()
