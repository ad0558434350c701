"""A client's side of a live session: it numbers commands, sends again what was not heard, and goes on when the worker was killed.

Lines lose messages when a worker dies. So every command has a number and says which one went before, and every message of the worker says
up to which number it has obeyed. What it has not heard is sent again, in order, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from ..backend import Backend
from ..errors import InvalidRequest, NotFound, PersonaDeleted, PersonaExpired, PortraitistError, WaitTimeout
from ..ledger import JobRow
from ..ledger.protocol import TERMINAL
from .commands import Command, command, superseded
from .line import Line, LineCut, connected
from .messages import Frame, Json, Seal

log = logging.getLogger(__name__)

HERE_S = 2.0  # a client says so often that it is still there, and so does a worker
_AGAIN_S = 1.0  # a command that is not safe after so long is sent again
_SILENT_S = 5.0  # after so long without a word, the ledger is asked what has become of the job
_LOOK_S = 1.0  # how often it is asked while nobody holds the session
_TRY_S = 0.05
_MOST = 256  # commands that nobody has heard yet

Call = Callable[..., Awaitable[Any]]  # runs a function that blocks


class LiveSession:
    """`await start()` in an event loop; then `send` and `receive`. `call` runs what blocks in a thread.

    What `receive` gives: messages as docs/http.md lists them, and of frames the newest. `state` is the last one with `steps`, the session's
    history as a request holds it. After "ended" there is no more."""

    def __init__(self, backend: Backend, job_id: str, *, call: Call = asyncio.to_thread) -> None:
        self.job_id, self.over = job_id, False
        self.state: Json = {}
        self.number = 0  # of the last command
        self.name = secrets.token_hex(8)  # this client's
        self._backend, self._call = backend, call
        self._seal: Seal | None = None
        self._line: Line | None = None
        self._token = 0  # of the worker that we have heard
        self._unheard: list[tuple[int, int, Command]] = []  # number, the one before it, command
        self._sent = self._heard = time.monotonic()
        self._told: deque[Json] = deque()
        self._frame: Frame | None = None
        self._news = asyncio.Event()
        self._over = False  # the worker says so; the ledger knows how
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises NotFound (also for another tenant's), PersonaDeleted, InvalidRequest for a job that is no session."""
        row: JobRow = await self._call(self._backend.ledger.job, self.job_id)
        if row.operation != "open":
            raise InvalidRequest(f"job {self.job_id} is no live session, but of the kind {row.operation!r}")
        if row.status in TERMINAL:
            self._end(ended(row))
            return
        store = await self._call(self._backend.sealed, row.persona_id)
        self._seal = Seal(store, self.job_id)
        self._task = asyncio.get_running_loop().create_task(self._hold(), name=f"portraitist-{self.job_id}")

    async def send(self, data: Mapping[str, Any]) -> int:
        """Its number. Raises InvalidRequest for what is no command, and where too many wait."""
        asked = command(data)
        before = self.number
        if self._unheard and superseded(self._unheard[-1][2], asked):
            before = self._unheard.pop()[1]
        elif len(self._unheard) >= _MOST:
            raise InvalidRequest(f"{_MOST} commands wait for the session already; send this one later", param="do")
        self.number += 1
        self._unheard.append((self.number, before, asked))
        await self._speak(self._said(*self._unheard[-1]))
        return self.number

    async def receive(self) -> Json | Frame:
        """The next message. Raises EOFError after "ended"."""
        while True:
            if self._told:
                return self._told.popleft()
            if self._frame is not None:
                frame, self._frame = self._frame, None
                return frame
            if self.over:
                raise EOFError
            self._news.clear()
            await self._news.wait()

    async def heard(self, timeout: float = 30.0) -> None:
        """Until the worker has obeyed all that was sent. Raises WaitTimeout."""
        end = time.monotonic() + timeout
        while self.state.get("seen", {}).get(self.name, 0) < self.number or "steps" not in self.state:
            if time.monotonic() > end or self.over:
                raise WaitTimeout(f"session {self.job_id} has not answered", job_id=self.job_id)
            await asyncio.sleep(_TRY_S)

    async def leave(self) -> None:
        """Hang up; the session goes on for a while."""
        self.over = True
        self._news.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    # --------------------------------------------------------------------------------------------------------------------

    async def _hold(self) -> None:
        looked, said_waiting = 0.0, False
        try:
            while not self.over:
                now = time.monotonic()
                if now - looked > _LOOK_S:
                    looked = now
                    row = await self._look()
                    if self.over:
                        return
                    if row is not None and row.status == "queued" and not said_waiting:
                        said_waiting = True
                        self._tell({"is": "state", "status": "waiting"})
                try:
                    await self._talk(await connected(self._backend, self.job_id))
                except LineCut:
                    await asyncio.sleep(_TRY_S)
        except PortraitistError as error:
            self._end({"is": "ended", "why": "failed", "error": error.to_dict()})
        except Exception as error:  # a fault of ours must not leave who waits for ever
            log.exception("live session")
            self._end(
                {
                    "is": "ended",
                    "why": "failed",
                    "error": PortraitistError(f"{type(error).__name__}: {error}").to_dict(),
                }
            )

    async def _talk(self, line: Line) -> None:
        """Until the line is cut, or the session is over."""
        self._line, self._heard = line, time.monotonic()
        try:
            await self._speak({"do": "hello"})
            listening = asyncio.ensure_future(line.receive())
            try:
                while not self.over:
                    await asyncio.wait({listening}, timeout=_AGAIN_S)
                    if listening.done():
                        self._take(listening.result())
                        listening = asyncio.ensure_future(line.receive())
                    await self._keep_up()
            finally:
                listening.cancel()
        finally:
            self._line = None
            await line.close()

    async def _keep_up(self) -> None:
        now = time.monotonic()
        if self._unheard and now - self._sent > _AGAIN_S:
            await self._say_again()
        elif now - self._sent > HERE_S:
            await self._speak({"do": "here"} if self._token else {"do": "hello"})
        elif not self._token and now - self._sent > _AGAIN_S:
            await self._speak({"do": "hello"})
        if self._over or now - self._heard > _SILENT_S:
            self._heard = now
            await self._look()

    async def _say_again(self) -> None:
        for one in self._unheard:
            await self._speak(self._said(*one))

    def _said(self, number: int, before: int, asked: Command) -> Json:
        return {"n": number, "after": before, **asked.model_dump(mode="json")}

    async def _speak(self, message: Json) -> None:
        """What cannot be sent now is sent again."""
        self._sent = time.monotonic()
        if self._line is not None and self._seal is not None:
            with suppress(LineCut):
                await self._line.send(self._seal.closed({"from": self.name, **message}, "in"))

    def _take(self, sealed: bytes) -> None:
        assert self._seal is not None
        message = self._seal.opened(sealed, "out")
        if message is None:
            return
        self._heard = time.monotonic()
        head = message.head if isinstance(message, Frame) else message
        token, kept = int(head.get("token", 0)), int(head.get("kept", {}).get(self.name, 0))
        if token < self._token:
            return  # of a worker that lost the session
        if token > self._token:
            self._over = False
            if self._token:
                self._tell({"is": "resumed"})
            self._token, self._sent = token, -_AGAIN_S  # what it did not hear is said at once
        self._unheard = [one for one in self._unheard if one[0] > kept]
        if isinstance(message, Frame):
            self._frame = message
            self._news.set()
            return
        if message["is"] == "state" and "steps" in message:
            self.state = message
        if message["is"] == "over":
            self._over = True
        elif message["is"] != "here" and message.get("to") in (None, self.name):
            self._tell(message)

    async def _look(self) -> JobRow | None:
        """What the ledger says of the job; and see to it that there is a worker."""
        try:
            row: JobRow = await self._call(self._backend.ledger.job, self.job_id)
        except (PersonaDeleted, PersonaExpired, NotFound) as error:
            self._end({"is": "ended", "why": "deleted", "error": error.to_dict()})
            return None
        if row.status in TERMINAL:
            self._end(ended(row))
        else:
            await self._call(self._backend.transport.check)
        return row

    def _tell(self, message: Json) -> None:
        self._told.append(message)
        self._news.set()

    def _end(self, message: Json) -> None:
        if not self.over:
            self._tell(message)
            self._frame, self.over = None, True  # no frame after it


def ended(row: JobRow) -> Json:
    """What there is to say of a session's job that is over."""
    if row.status == "succeeded":
        return {"is": "ended", "why": (row.result or {}).get("why", "closed"), "error": None}
    error = row.error or {}
    deleted = error.get("code") in ("persona_deleted", "persona_expired")
    why = "deleted" if deleted else "cancelled" if row.status == "cancelled" else "failed"
    return {"is": "ended", "why": why, "error": None if why == "cancelled" else error}
