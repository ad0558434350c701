"""How many jobs a key may submit on one day (UTC). The count is kept in the ledger, so the limit holds among any number of servers."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...errors import QuotaExceeded
from ...ledger.api_keys import ApiKeyRow, ApiKeys

DAY_S = 86400


def day_of(seconds: float) -> int:
    """Number of the day (UTC) since 1970-01-01."""
    return int(seconds // DAY_S)


class Allowance:
    """Of one key whose row has a limit. A job that was not made, or was there before, does not count."""

    def __init__(self, keys: ApiKeys, row: ApiKeyRow, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._row, self._clock = keys, row, clock
        self._most = row.jobs or 0

    def check(self) -> None:
        """Raises QuotaExceeded where nothing is left: before a photo is read."""
        if self._keys.spent(day_of(self._clock())).get(self._row.id, 0) >= self._most:
            raise self._exceeded()

    def take(self) -> Callable[[], None]:
        """Count one more. Gives what takes that back. Raises QuotaExceeded."""
        day = day_of(self._clock())
        if not self._keys.spend(self._row.id, day, self._most):
            raise self._exceeded()
        return lambda: self._keys.give_back(self._row.id, day)

    def _exceeded(self) -> QuotaExceeded:
        wait = DAY_S - int(self._clock() % DAY_S)
        return QuotaExceeded(
            f"this key may submit {self._most} jobs a day, and has done so today; go on after midnight (UTC), or have the operator make a "
            "key with more",
            quota="jobs",
            count=self._most,
            limit=self._most,
            retry_after=wait,
        )
