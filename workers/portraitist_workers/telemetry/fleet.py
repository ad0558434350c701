"""What concerns all workers: queues, who is alive, refused writes; read from the ledger when Prometheus asks.

Only the worker whose reaper leads tells it, so that a thousand workers do not ask the server a thousand times. Aggregate
with max: for a moment after a change, two may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from portraitist.backend import Backend
from portraitist.errors import PortraitistError
from portraitist.ledger import RedisLedger
from portraitist.overview import queues, workers


class FleetCollector:
    def __init__(self, backend: Backend, leads: Callable[[], bool]) -> None:
        self._backend, self._leads = backend, leads

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        def gauge(name: str, text: str, *labels: str) -> Any:
            return GaugeMetricFamily(f"portraitist_{name}", text, labels=labels)

        if not self._leads():
            return
        try:
            lanes, alive = queues(self._backend), workers(self._backend)
            ledger = self._backend.ledger
            counts = (ledger.refused(), ledger.aside()) if isinstance(ledger, RedisLedger) else None
        except PortraitistError:
            return  # it is away: a gap in the graph, and every worker's own gauge says so
        waiting = gauge("queue_jobs", "Jobs that wait.", "lane")
        oldest = gauge("queue_oldest_seconds", "Age of the job that waits longest; 0 when none does.", "lane")
        running = gauge("running_jobs", "Jobs that run.", "lane")
        serving = gauge("workers", "Workers that are alive.", "lane")
        for lane, told in lanes.items():
            waiting.add_metric([lane], told["waiting"])
            oldest.add_metric([lane], told["oldest_s"] or 0.0)
            running.add_metric([lane], told["running"])
            serving.add_metric([lane], sum(lane in worker["queues"] for worker in alive))
        warm = gauge("warm_personas", "Personas that workers hold ready; one may be held by several.")
        warm.add_metric([], sum(len(worker["warm"]) for worker in alive))
        yield from (waiting, oldest, running, serving, warm)
        if counts is not None:
            stale = CounterMetricFamily("portraitist_stale_writes", "Late writes that the ledger refused.")
            aside = CounterMetricFamily("portraitist_set_aside", "Entries of the queue that were not as they must be.")
            for family, count in zip((stale, aside), counts, strict=True):
                family.add_metric([], count)
                yield family

    def describe(self) -> list[Any]:
        return []  # asked when registered; the ledger need not answer then
