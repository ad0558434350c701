"""A span for each request (`pip install 'portraitist[telemetry]'`), sent to $OTEL_EXPORTER_OTLP_ENDPOINT. The submission of a job hangs on
it, and the worker's spans on that. Without an endpoint nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Scope

log = logging.getLogger(__name__)


def tracer() -> Any | None:
    """Of this process; made once, when the server starts."""
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
    os.environ.setdefault("OTEL_SERVICE_NAME", "portraitist-studio")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("portraitist")


class Traces:
    """`tracer=None`: it does nothing."""

    def __init__(self, tracer: Any | None) -> None:
        self._tracer = tracer

    @contextmanager
    def request(self, scope: Scope) -> Iterator[None]:
        """Below the caller's span, if it names one. Told are the method and the route's pattern, which has no ids in it."""
        if self._tracer is None or scope["type"] != "http":
            yield
            return
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {
            k.decode("latin-1"): v.decode("latin-1")
            for k, v in scope["headers"]
            if k in (b"traceparent", b"tracestate")
        }
        above = TraceContextTextMapPropagator().extract(carrier)
        with self._tracer.start_as_current_span("portraitist.request", above, kind=SpanKind.SERVER) as span:
            try:
                yield
            finally:
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("http.route", getattr(scope.get("route"), "path", "none"))
