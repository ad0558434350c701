"""Prometheus metrics of one worker (`pip install 'portraitist[metrics]'`); nothing happens when they are not served.

The child does the jobs and the main process answers the scraper. So both count in prometheus-client's multi-process mode. Every
process has a file of its own in one folder, mapped into memory. It outlives a killed child.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from portraitist.ledger import JobRow

from .. import settings

FOLDER = "PORTRAITIST_MONITOR_FOLDER"  # in the environment of a worker whose metrics are served (`monitor.prepare`)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class Instruments:
    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        own = CollectorRegistry()  # the values are read from the files, not from here

        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(f"portraitist_{name}", text, labels, registry=own)

        def histogram(name: str, text: str, *labels: str) -> Any:
            return Histogram(f"portraitist_{name}_seconds", text, labels, registry=own, buckets=_SECONDS)

        self.claims = counter("claims", "Attempts that this worker began.", "operation")
        self.jobs = counter("jobs", "Jobs that ended here.", "operation", "status", "tenant")
        self.dropped = counter("dropped", "Attempts whose job was taken away meanwhile.", "operation")
        self.requeues = counter("requeues", "Attempts that this worker's main process ended, by reason.", "reason")
        self.child_deaths = counter("child_deaths", "Children of this worker that died.")
        self.webhooks = counter("webhooks", "Attempts to deliver a webhook.", "outcome")  # delivered, retried, given_up
        self.store_bytes = counter("store_bytes", "Bytes that jobs read from the store and wrote to it.", "direction")
        self.job_seconds = histogram("job", "From claim to outcome, of one attempt.", "operation")
        self.queue_seconds = histogram("queue", "From submission to the first claim.", "lane")
        self.stage_seconds = histogram("stage", "Of one stage of one attempt.", "operation", "stage")


@functools.cache
def instruments() -> Instruments | None:
    """None: nobody asks for metrics."""
    if FOLDER not in os.environ:
        return None
    try:
        return Instruments()
    except ImportError:
        return None


def ended(row: JobRow, status: str) -> None:
    """The tenant is told only when the operator asks for it: one series per tenant may be millions."""
    if (known := instruments()) is not None:
        tenant = row.tenant if settings.current().metrics_tenants else ""
        known.jobs.labels(row.operation, status, tenant).inc()


def requeued(reason: str) -> None:
    if (known := instruments()) is not None:
        known.requeues.labels(reason).inc()


def webhook_sent(outcome: str) -> None:
    if (known := instruments()) is not None:
        known.webhooks.labels(outcome).inc()


def child_died() -> None:
    if (known := instruments()) is not None:
        known.child_deaths.inc()
