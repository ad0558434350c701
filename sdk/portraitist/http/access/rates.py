"""How many requests a minute: a token bucket for each key, in this process. Two servers beside each other allow twice as many."""

from __future__ import annotations

import time
from collections.abc import Callable

_BURST = 0.25  # of a minute's requests at once
_KNOWN = 10_000  # buckets; full ones are forgotten first


class Rates:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # key -> tokens, when

    def wait(self, key: str, rate: float) -> float:
        """Take one of `rate` a minute: 0.0, or the seconds until there is one."""
        now, most = self._clock(), max(1.0, rate * _BURST)
        tokens, at = self._buckets.pop(key, (most, now))
        tokens = min(most, tokens + (now - at) * rate / 60.0)
        enough = tokens >= 1.0
        self._buckets[key] = tokens - enough, now
        while len(self._buckets) > _KNOWN:
            del self._buckets[next(iter(self._buckets))]  # the one that was asked longest ago
        return 0.0 if enough else (1.0 - tokens) * 60.0 / rate
