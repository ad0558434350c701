"""The span of a submission, for apps that trace with OpenTelemetry. Its id travels in the job, and the worker's spans hang on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from .ledger import NewJob


@contextmanager
def submission(job: NewJob) -> Iterator[NewJob]:
    """`job`, with the span's id. An app that has not imported OpenTelemetry cannot be tracing, so nothing is imported here."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        yield job
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    attributes = {"portraitist.job": job.id, "portraitist.operation": job.request["operation"]}
    tracer = trace.get_tracer("portraitist")
    with tracer.start_as_current_span("portraitist.submit", kind=trace.SpanKind.PRODUCER, attributes=attributes):
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        yield replace(job, trace=carrier.get("traceparent"))
