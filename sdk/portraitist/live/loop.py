"""The event loop of this process's sessions, in a thread of its own: callers need not be asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def called(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it returns, once it has."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop()).result()


def loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="portraitist-live", daemon=True).start()
        return _loop
