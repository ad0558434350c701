"""OpenTelemetry spans of a worker's child (`pip install 'portraitist[telemetry]'`), sent to $OTEL_EXPORTER_OTLP_ENDPOINT.

    portraitist.submit     made by the SDK in the app, whose own spans are above it
      portraitist.queue    from submission to the first claim
      portraitist.attempt  one per attempt
        portraitist.stage  one per stage, named in its attribute

The provider is made in the child: BatchSpanProcessor's thread does not survive a fork or a spawn. Without an endpoint
nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from typing import Any

from portraitist.ledger import JobRow

from .. import settings

log = logging.getLogger(__name__)


@functools.cache
def _tracer() -> Any | None:
    if not (os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("no traces: %s is missing; run `pip install 'portraitist[telemetry]'`", error.name)
        return None
    os.environ.setdefault("OTEL_SERVICE_NAME", "portraitist-worker")
    provider = TracerProvider(resource=Resource.create({"service.instance.id": settings.current().node}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("portraitist")


def flush() -> None:
    """Before the child ends. One that is killed takes the spans of its last seconds with it (OTEL_BSP_SCHEDULE_DELAY)."""
    if _tracer.cache_info().currsize and _tracer() is not None:
        from opentelemetry import trace

        trace.get_tracer_provider().shutdown()  # type: ignore[attr-defined]  # `_tracer` set the one that has it


class AttemptSpans:
    """The spans of one attempt; does nothing where there is no tracer."""

    def __init__(self, row: JobRow) -> None:
        self._tracer = _tracer()
        self.trace_id: str | None = None
        if self._tracer is None:
            return
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        ids = {"job": row.id, "operation": row.operation, "tenant": row.tenant}
        attributes: dict[str, str | int] = {f"portraitist.{name}": value for name, value in ids.items() if value}
        above = TraceContextTextMapPropagator().extract({"traceparent": row.trace or ""})
        if row.attempts == 1:
            queue = self._tracer.start_span(
                "portraitist.queue", above, attributes=attributes, start_time=_ns(row.created)
            )
            queue.end(_ns(row.started or time.time()))
        attributes |= {"portraitist.attempt": row.attempts, "portraitist.worker": row.worker}
        kind = trace.SpanKind.CONSUMER
        self._span = self._tracer.start_span("portraitist.attempt", above, kind=kind, attributes=attributes)
        self._inside = trace.set_span_in_context(self._span)
        self._stage: Any = None
        self.trace_id = trace.format_trace_id(self._span.get_span_context().trace_id)

    def stage(self, name: str) -> None:
        if self._tracer is not None:
            self._end_stage()
            self._stage = self._tracer.start_span(
                "portraitist.stage", self._inside, attributes={"portraitist.stage": name}
            )

    def end(self, status: str) -> None:
        """`status`: of the job, or "dropped"."""
        if self._tracer is None:
            return
        from opentelemetry.trace import Status, StatusCode

        self._end_stage()
        self._span.set_attribute("portraitist.status", status)
        if status in ("failed", "dropped"):
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def _end_stage(self) -> None:
        if self._stage is not None:
            self._stage.end()
            self._stage = None


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
