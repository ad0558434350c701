"""One task that looks at the ledger for all jobs that somebody follows, and tells those whose job has moved.

A thousand followers cost one question to the ledger each round, not a thousand, and no thread.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from ..backend import Backend
from ..errors import PortraitistError
from ..ledger import Standing
from ..ledger.protocol import TERMINAL
from .threads import Threads

log = logging.getLogger(__name__)

QUICK_S, CALM_S = 0.03, 0.25  # between two looks: after something moved, and at most
_REPAIR_S = 1.0  # between two looks whether there is a worker


class Follower:
    """`start` and `stop` in the server's loop. `backend` sees all tenants: whoever follows was let through before."""

    def __init__(self, backend: Backend, threads: Threads) -> None:
        self._backend, self._threads = backend, threads
        self._waiting: dict[
            str, dict[asyncio.Future[Standing | None], int]
        ] = {}  # job -> futures, with the seq they know
        self._some, self._fresh = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.streams = 0  # open ones, for metrics
        self.trouble: PortraitistError | None = None  # no worker will come, as things are
        self.closed = False

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="portraitist-follower")

    def close(self) -> None:
        """Everybody who waits is told that there is nothing more."""
        self.closed = True
        if self._task is not None:
            self._task.cancel()
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(None)
        self._waiting.clear()

    async def moved(self, job_id: str, seq: int, timeout: float, *, fresh: bool = False) -> Standing | None:
        """When the job has an event after `seq`, or is over. None: not within `timeout` seconds, it is gone, or the server ends.
        `fresh`: somebody has just come, so the next look is soon."""
        if self.closed:
            return None
        future: asyncio.Future[Standing | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, {})[future] = seq
        self._some.set()
        if fresh:
            self._fresh.set()
        try:
            return await asyncio.wait_for(future, timeout)
        except TimeoutError:
            return None
        finally:
            if (others := self._waiting.get(job_id)) is not None:
                others.pop(future, None)
                if not others:
                    del self._waiting[job_id]

    async def over(self, job_id: str, timeout: float) -> bool:
        """Whether the job is over within `timeout` seconds."""
        loop, seq = asyncio.get_running_loop(), 0
        end = loop.time() + timeout
        while (left := end - loop.time()) > 0:
            standing = await self.moved(job_id, seq, left, fresh=not seq)
            if standing is None:
                return False
            if standing.status in TERMINAL:
                return True
            seq = standing.seq
        return False

    async def _run(self) -> None:
        pause, repaired = QUICK_S, 0.0
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            if not self._waiting:
                self._some.clear()
                continue
            try:
                found = await self._threads.call(self._backend.ledger.standing, tuple(self._waiting))
            except PortraitistError as error:
                log.warning("jobs cannot be followed for now: %s", error.message)
                await asyncio.sleep(CALM_S)
                continue
            if loop.time() - repaired > _REPAIR_S:
                repaired = loop.time()
                await self._repair()
            pause = QUICK_S if self._tell(found) or self._fresh.is_set() else min(pause * 1.5, CALM_S)
            self._fresh.clear()
            await asyncio.sleep(QUICK_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._fresh.wait(), pause - QUICK_S)

    async def _repair(self) -> None:
        """See to it that there is a worker. Those who wait are woken when that has changed."""
        before, self.trouble = self.trouble, None
        try:
            await self._threads.call(self._backend.transport.check)
        except PortraitistError as error:
            self.trouble = error
        if (before is None) == (self.trouble is None):
            return
        if self.trouble is not None:
            log.warning("jobs are not worked at: %s", self.trouble.message)
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(None)

    def _tell(self, found: dict[str, Standing]) -> bool:
        """Whether anything moved."""
        moved = False
        for job_id, futures in self._waiting.items():
            standing = found.get(job_id)
            for future, seq in futures.items():
                if future.done():
                    continue
                if standing is None or standing.status in TERMINAL or standing.seq > seq:
                    future.set_result(standing)
                    moved = True
        return moved
