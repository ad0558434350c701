"""What is told about one attempt at a job, by whoever does it: to the log, the metrics and the trace."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Literal

from portraitist.ledger import JobRow

from . import logs
from .metrics import ended, instruments
from .tracing import AttemptSpans


class Attempt:
    """A context manager around the attempt. `stage` when a stage begins, `over` when the outcome is in the ledger; without
    an outcome the attempt was dropped, since the job is somebody else's now."""

    def __init__(self, row: JobRow) -> None:
        self._row, self._status = row, "dropped"
        self._began = self._stage_began = time.monotonic()
        self._stage = ""
        self._spans, self._metrics = AttemptSpans(row), instruments()
        if self._metrics is not None:
            self._metrics.claims.labels(row.operation).inc()
            if row.attempts == 1:
                self._metrics.queue_seconds.labels(row.lane).observe(
                    max(0.0, (row.started or row.created) - row.created)
                )

    def stage(self, name: str) -> None:
        self._end_stage()
        self._stage, self._stage_began = name, time.monotonic()
        self._spans.stage(name)

    def moved(self, direction: Literal["read", "written"], count: int) -> None:
        """Bytes, from the store or to it."""
        if self._metrics is not None:
            self._metrics.store_bytes.labels(direction).inc(count)

    def over(self, status: str) -> None:
        """succeeded, failed or cancelled."""
        self._status = status

    def __enter__(self) -> Attempt:
        logs.enter(self._row, trace=self._spans.trace_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end_stage()
        self._spans.end(self._status)
        if self._metrics is not None:
            row = self._row
            self._metrics.job_seconds.labels(row.operation).observe(time.monotonic() - self._began)
            if self._status == "dropped":
                self._metrics.dropped.labels(row.operation).inc()
            else:
                ended(row, self._status)
        logs.leave()

    def _end_stage(self) -> None:
        if self._stage and self._metrics is not None:
            seconds = time.monotonic() - self._stage_began
            self._metrics.stage_seconds.labels(self._row.operation, self._stage).observe(seconds)
