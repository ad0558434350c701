"""Repairs what crashes leave behind in a cluster: jobs whose lease ran out, wake-ups that were lost, bytes nobody needs.

Every worker has one, and one of them acts at a time. Nothing it does can do harm when it is done twice or late. A job is taken
back by its token only, and a wake-up too many finds nothing to do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from portraitist.backend import Backend
from portraitist.errors import NotFound, PortraitistError, QueueUnavailable, StorageError
from portraitist.ledger import WOKEN, JobRow, LeaseLost
from portraitist.ledger.protocol import TERMINAL, Lane
from portraitist.transport import RedisTransport

from .. import settings
from ..telemetry import logs, metrics
from .sweeping import SWEEP_S, look_after_deletions, sweep

log = logging.getLogger(__name__)

REAP_S = 1.0  # it looks so often, or four times in a lease
CALM_S = 5.0  # after an outage nobody is taken for dead: living workers renew their leases first
RESEND_S = 2.0  # so long fewer wake-ups than queued jobs: some were lost
MANY = 1000  # wake-ups per round


class Reaper:
    """Call `look` all the time; it acts every REAP_S seconds while `node` is the one that leads."""

    def __init__(self, backend: Backend, transport: RedisTransport, node: str) -> None:
        self._backend, self._ledger, self._transport, self._node = backend, backend.ledger, transport, node
        self._looked = self._back = time.monotonic()
        self._reap_s = min(REAP_S, settings.current().lease_s / 4)
        self.leads = False  # whether we were the one that acts, when we last looked
        self._silent: dict[tuple[str, int], float] = {}  # (job id, token) -> since when we see its lease over
        self._short: dict[Lane, float] = {}  # lane -> since when it has too few wake-ups

    def look(self) -> None:
        """One round. Raises QueueUnavailable."""
        now = time.monotonic()
        if now - self._looked < self._reap_s:
            return
        self._looked = now
        try:
            self.leads = self._transport.lead(self._node, 3 * self._reap_s)
            if not self.leads:
                self._silent, self._short = {}, {}
                return
            self._take_back()
            for lane in WOKEN:
                self._wake_again(lane)
        except QueueUnavailable:
            self._silent, self._short = {}, {}  # what we saw before the outage says nothing about what is after it
            self._back = time.monotonic()
            raise
        for what, period_s, task in (
            ("sweep", SWEEP_S, sweep),
            ("deletions", settings.current().deletions_s, look_after_deletions),
        ):
            if self._transport.first(what, period_s):  # aside: it may take minutes
                threading.Thread(target=self._tidy, args=(task,), name=f"portraitist-{what}", daemon=True).start()

    def _tidy(self, task: Callable[[Backend], None]) -> None:
        try:
            task(self._backend)
        except PortraitistError as error:
            log.warning("tidying up was broken off: %s", error)

    def _take_back(self) -> None:
        now, seen = time.monotonic(), {}
        if now - self._back < CALM_S:
            return
        for row in self._ledger.expired():
            seen[row.id, row.token] = since = self._silent.get((row.id, row.token), now)
            if now - since > settings.current().silent_s:
                give_back(self._backend, row, "its worker stopped answering")
        self._silent = seen

    def _wake_again(self, lane: Lane) -> None:
        """A job needs no wake-up of its own (a worker that finds its job taken does the oldest one), but as many are needed as
        there are jobs. Those that were just taken from the queue are on their way to a claim, hence the patience."""
        queued = self._ledger.queued(lane=lane, limit=MANY)
        missing = len(queued) - self._transport.waiting(lane)
        if missing <= 0:
            self._short.pop(lane, None)
        elif time.monotonic() - self._short.setdefault(lane, time.monotonic()) > RESEND_S:
            del self._short[lane]
            log.info("%s: %d wake-ups are sent again", lane, missing)
            for job_id in queued[:missing]:
                try:
                    memory = self._ledger.job(job_id).memory
                except (NotFound, StorageError):  # a forged or damaged row: whoever takes it sets it aside
                    memory = 0
                self._transport.wake(job_id, lane, memory=memory)


def give_back(backend: Backend, row: JobRow, reason: str, *, count: bool = True) -> None:
    """The attempt is over: back to the queue, or given up. Raises QueueUnavailable."""
    try:
        after = backend.ledger.requeue(row.id, row.token, reason=reason, count=count)
    except LeaseLost:
        return  # it finished after all, or somebody else was faster
    log.warning("job %s: %s (attempt %d): %s", row.id, reason, row.attempts, after.status, extra=logs.about(row))
    metrics.requeued(reason)
    if after.status == "queued":
        backend.transport.wake(row.id, row.lane, memory=after.memory)
    elif after.status in TERMINAL:
        metrics.ended(row, after.status)
        try:
            backend.store.drop_checkpoint(row.id)
        except PortraitistError as error:
            log.warning("the checkpoint of job %s could not be dropped: %s", row.id, error)
