"""What the server tells whoever watches it: metrics, probes, traces. No id and no name is in any of them."""

import httpx
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from ports import free_port

from portraitist.errors import QueueUnavailable
from portraitist.http.traces import Traces
from portraitist.testing import fake_backend

from .conftest import PHOTOS, learn, serving

ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_metrics_and_probes_have_an_address_of_their_own():
    port = free_port()
    with serving(fake_backend(), monitor=str(port)) as served, served.client() as client:
        learn(client, "ana")
        client.get("/v1/personas/ana"), client.get("/v1/personas/nobody")
        at = f"http://127.0.0.1:{port}"
        assert httpx.get(at + "/live").json() == {"loop": "ok"}
        assert httpx.get(at + "/ready").json() == {"ledger": "ok", "store": "ok"}
        assert httpx.get(at + "/").status_code == 404
        told = httpx.get(at + "/metrics").text
        route = 'route="/v1/personas/{persona}"'
        assert f'portraitist_http_requests_total{{method="GET",{route},status="200"}} 1.0' in told
        assert f'portraitist_http_requests_total{{method="GET",{route},status="404"}} 1.0' in told
        assert "portraitist_http_followers 0.0" in told and "ana" not in told and "nobody" not in told
        assert client.get("/metrics").status_code == 404  # not beside the API: it tells of all tenants


def test_not_ready_while_the_ledger_is_away(monkeypatch):
    def away(*_):
        raise QueueUnavailable("redis://secret cannot be reached")

    backend = fake_backend()
    with serving(backend) as served:
        monkeypatch.setattr(type(backend.ledger), "depth", away)
        answer = httpx.get(served.url + "/ready")
        assert answer.status_code == 503 and answer.json() == {"ledger": "queue_unavailable", "store": "ok"}
        assert httpx.get(served.url + "/live").status_code == 200


def test_a_request_is_a_span_below_the_callers():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    backend = fake_backend()
    with serving(backend, traces=Traces(provider.get_tracer("portraitist"))) as served, served.client() as client:
        client.headers["traceparent"] = ABOVE
        assert client.post("/v1/personas", files=[("request", (None, '{"name": "ana"}')), *PHOTOS]).status_code == 202
        assert client.get("/v1/personas/zoe").status_code == 404
    spans = [(s.name, s.attributes["http.route"], f"{s.context.trace_id:032x}") for s in exporter.get_finished_spans()]
    trace = ABOVE.split("-")[1]
    assert ("portraitist.request", "/v1/personas", trace) in spans
    assert ("portraitist.request", "/v1/personas/{persona}", trace) in spans
    assert trace in backend.ledger.jobs()[0].trace  # the worker's spans will hang on it
