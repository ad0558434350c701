"""Sends webhooks from the ledger's outbox, in every worker. Each at least once, by one sender at a time."""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from portraitist.backend import Backend
from portraitist.errors import DownloadFailed, PortraitistError, UrlRefused
from portraitist.ledger.outbox import DeliveryRow
from portraitist.outbound.client import Outbound
from portraitist.webhooks.wire import body, headers

from .. import settings
from ..telemetry import metrics

log = logging.getLogger(__name__)

LOOK_S = 1.0
AT_ONCE = 8
LEASES = 4  # a sender that died is followed by another after so many leases of a job
TIMEOUT_S = 10.0  # of one attempt, and at most half of that
FIRST_S, FACTOR, LONGEST_S = 5.0, 4.0, 6 * 3600.0  # pause after the first failed attempt, growth, and the longest pause
ATTEMPTS = 10  # with these pauses, the last one about 20 hours after the first
JITTER = 0.3  # each pause is so much longer or shorter, so that many failed at once do not come back at once
LONGEST_ASKED_S = 3600.0  # how far a receiver's Retry-After is believed


class Sender:
    """Call `look` all the time."""

    def __init__(self, backend: Backend, outbound: Outbound | None = None) -> None:
        self._ledger, self._keyring = backend.ledger, backend.keyring
        self._outbound = outbound or Outbound.from_environment()
        self._pool = ThreadPoolExecutor(AT_ONCE, "portraitist-webhook")
        self._free = threading.Semaphore(AT_ONCE)
        self._looked = 0.0
        self._lease_s = LEASES * settings.current().lease_s

    def look(self) -> None:
        """One round: start sending what is due. Raises QueueUnavailable, StorageError."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        places = 0
        while places < AT_ONCE and self._free.acquire(blocking=False):
            places += 1
        taken: list[DeliveryRow] = []
        try:
            taken = self._ledger.outbox.take(limit=places, lease_s=self._lease_s) if places else []
        finally:
            if places > len(taken):
                self._free.release(places - len(taken))
        for delivery in taken:
            self._pool.submit(self._send, delivery)

    def pending(self, within_s: float) -> bool:
        """Whether one is due, or being sent, within so many seconds."""
        return any(d.due < time.time() + within_s for d in self._ledger.outbox.list(dead=False, limit=1))

    def _send(self, delivery: DeliveryRow) -> None:
        try:
            error, pause = self._attempt(delivery)
            if not error or delivery.kind == "progress":  # which is out of date by the next attempt
                metrics.webhook_sent("given_up" if error else "delivered")
                self._ledger.outbox.settle(delivery)
                return
            retry = pause if delivery.attempts < ATTEMPTS else None
            then = "given up" if retry is None else f"again in {retry:.0f} s"
            log.warning(
                "webhook %s of job %s, attempt %d: %s; %s", delivery.id, delivery.job_id, delivery.attempts, error, then
            )
            metrics.webhook_sent("given_up" if retry is None else "retried")
            self._ledger.outbox.settle(delivery, error=error, retry_s=retry)
        except PortraitistError as failed:  # its lease runs out, and it is sent again
            log.warning("webhook %s: %s", delivery.id, failed)
        except Exception:
            log.exception("webhook %s", delivery.id)
        finally:
            self._free.release()
            self._ledger.close()

    def _attempt(self, delivery: DeliveryRow) -> tuple[str, float | None]:
        """("", _) when it was accepted; else why not, and when to try again (None: never)."""
        payload = body(delivery)
        signed = headers(delivery, payload, self._keyring.webhook_keys(delivery.tenant))
        try:
            answer = self._outbound.post(delivery.url, payload, signed, timeout_s=min(TIMEOUT_S, self._lease_s / 2))
        except UrlRefused as error:
            return error.message, None
        except DownloadFailed as error:
            return error.message, backoff(delivery.attempts)
        if 200 <= answer.status < 300:
            return "", 0.0
        if answer.status == 410:  # Gone: the receiver wants no more
            return "it answered 410", None
        asked = answer.headers.get("retry-after", "")
        least = min(float(asked), LONGEST_ASKED_S) if asked.isascii() and asked.isdigit() else 0.0
        return f"it answered {answer.status}", max(least, backoff(delivery.attempts))


def backoff(attempts: int) -> float:
    """Seconds after the attempt of this number."""
    pause = min(FIRST_S * FACTOR ** (attempts - 1), LONGEST_S)
    return pause * random.uniform(1 - JITTER, 1 + JITTER)
