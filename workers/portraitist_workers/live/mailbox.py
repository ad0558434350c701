"""Commands that wait for a session, of all its clients. Of positions that a pointer or a slider has passed, the newest is kept."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from portraitist.errors import InvalidRequest
from portraitist.live.commands import Command, command, superseded

MOST = 256  # commands that wait
CLIENTS = 64  # whose numbers are remembered

Json = dict[str, Any]
Waiting = tuple[str, str | None, Command | InvalidRequest]  # client, tag, what it asks or why not


class Mailbox:
    """`hear` is called by the thread that listens, `take` by the session's. `seen`: per client the number of the last command heard."""

    def __init__(self, seen: dict[str, int]) -> None:
        self.seen = dict(seen)
        self.present = self.asked = time.monotonic()  # when a client was last heard, and a command last came
        self.greeted = False  # somebody wants to know how things stand
        self._waiting: deque[Waiting] = deque()
        self._news = threading.Condition()

    def hear(self, message: Json) -> None:
        client, number, after = str(message.get("from"))[:64], message.get("n"), message.get("after")
        with self._news:
            self.present = time.monotonic()
            if message.get("do") in ("hello", "here"):
                self.greeted |= message["do"] == "hello"
            elif isinstance(number, int) and isinstance(after, int):
                seen = self.seen.get(client, 0)
                if number > seen >= after:  # else it was done, or one before it was lost and comes again with this one
                    self.seen[client] = number
                    while len(self.seen) > CLIENTS:
                        del self.seen[next(iter(self.seen))]
                    self._put(client, message)
                self.asked = self.present
            self._news.notify_all()

    def take(self, timeout: float) -> tuple[list[Waiting], dict[str, int]]:
        """All that wait, in their order, and `seen` with them; waits for the first."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self.greeted, timeout)
            found = list(self._waiting)
            self._waiting.clear()
            return found, dict(self.seen)

    def waits(self) -> bool:
        return bool(self._waiting)

    def _put(self, client: str, message: Json) -> None:
        body = {name: value for name, value in message.items() if name not in ("from", "n", "after")}
        tag = str(body["tag"])[:100] if body.get("tag") is not None else None
        asked: Command | InvalidRequest
        try:
            asked = command(body)
            if (
                self._waiting
                and not isinstance(last := self._waiting[-1][2], InvalidRequest)
                and superseded(last, asked)
            ):
                self._waiting.pop()
            if len(self._waiting) >= MOST:
                raise InvalidRequest(f"{MOST} commands wait already; send this one later", param="do")
        except InvalidRequest as error:
            asked = error
            if len(self._waiting) >= 2 * MOST:
                return
        self._waiting.append((client, tag, asked))
