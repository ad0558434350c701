"""Health, metrics, traces and logs of real workers."""

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from ports import free_port

import portraitist
from portraitist.errors import JobFailed, PortraitistError
from portraitist_workers.telemetry import logs

from .fleet import Fleet
from .processes import child_pid, kill, running, until

PASSWORD = "open-sesame"


def ask(port, path):
    """(status, body) of the worker's endpoint; (0, "") where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def values(port):
    """{'name{labels}': value} of /metrics."""
    lines = ask(port, "metrics")[1].splitlines()
    return {name: float(value) for name, value in (s.rsplit(" ", 1) for s in lines if not s.startswith("#"))}


def is_ready(port):
    return ask(port, "ready")[0] == 200


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, fake_operations):
    """One worker that is asked how it is, and logs in JSON."""
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), aof=True, password=PASSWORD)
    fleet.port = free_port()
    fleet.add(monitor=fleet.port, log="json")
    until(lambda: is_ready(fleet.port), timeout=120)
    yield fleet
    fleet.stop()


def test_metrics_count_what_the_child_does(fleet, create):
    studio, port = fleet.studio, fleet.port
    before = values(port)

    def grown(name):
        return lambda: values(port).get(name, 0) - before.get(name, 0)

    person = create(studio, steps=3, dt=0.01).wait(timeout=120)
    person.synthesize(seed=1)
    with pytest.raises(JobFailed):
        create(studio, error=3).wait(timeout=120)
    poison = create(studio, kill_at=0)
    with pytest.raises(JobFailed):
        poison.wait(timeout=120)
    until(lambda: grown('portraitist_jobs_total{operation="create",status="failed",tenant=""}')() == 2)
    now = values(port)
    assert grown('portraitist_jobs_total{operation="create",status="succeeded",tenant=""}')() == 1
    assert grown('portraitist_jobs_total{operation="synthesize",status="succeeded",tenant=""}')() == 1
    assert grown('portraitist_claims_total{operation="create"}')() == 5  # the poison job three times
    assert grown('portraitist_requeues_total{reason="its worker process died"}')() == 3
    until(lambda: grown("portraitist_child_deaths_total")() == 3)
    assert now['portraitist_stage_seconds_count{operation="create",stage="work"}'] >= 1
    assert grown('portraitist_store_bytes_total{direction="read"}')() >= 33  # three photos of eleven and twelve bytes
    assert grown('portraitist_store_bytes_total{direction="written"}')() > 0
    assert 0 < now['portraitist_queue_seconds_sum{lane="tune"}'] < 60
    until(lambda: "portraitist_workers" in str(values(port)))  # once its reaper leads
    assert values(port)['portraitist_workers{lane="tune"}'] == 1 and "portraitist_stale_writes_total" in values(port)


def test_queue_depth_and_age(fleet, create):
    port = fleet.port
    blocker = create(fleet.studio, steps=1000, dt=0.05)
    running(fleet.studio, blocker)
    waiting = [create(fleet.studio) for _ in range(3)]
    until(lambda: values(port).get('portraitist_queue_jobs{lane="tune"}') == 3)
    until(lambda: values(port).get('portraitist_queue_oldest_seconds{lane="tune"}', 0) > 0.2)
    until(lambda: values(port).get('portraitist_running_jobs{lane="tune"}') == 1)
    [job.cancel() for job in [*waiting, blocker]]


def test_ready_follows_child_ledger_and_store(fleet, create):
    port = fleet.port
    until(lambda: is_ready(port))
    job = create(fleet.studio, steps=80, dt=0.05)
    running(fleet.studio, job)
    kill(child_pid(fleet.studio, job))
    until(lambda: "is starting" in ask(port, "ready")[1])
    until(lambda: is_ready(port))
    hidden = fleet.store.with_name("hidden")
    job.wait(timeout=120)
    os.rename(fleet.store, hidden)
    until(lambda: "storage_error" in ask(port, "ready")[1])
    os.rename(hidden, fleet.store)
    until(lambda: is_ready(port))
    fleet.server.kill()
    until(lambda: "queue_unavailable" in ask(port, "ready")[1], timeout=120)
    assert ask(port, "live")[0] == 200  # restarting it would not help
    fleet.server.start()
    until(lambda: is_ready(port), timeout=120)
    assert ask(port, "else")[0] == 404
    program = [sys.executable, "-m", "portraitist", "health", "--monitor"]
    assert subprocess.run([*program, f"0.0.0.0:{port}"], stdout=subprocess.DEVNULL).returncode == 0
    wrong = subprocess.run([*program, str(free_port())], capture_output=True, text=True)
    assert wrong.returncode == 1 and "no worker answers" in wrong.stderr


@pytest.mark.parametrize("secret", [PASSWORD, "Zoë", "Müller", "Urlaub", "zweites", "first photo"])
def test_the_log_names_ids_only(log_of_odd_jobs, secret):
    text, lines, job = log_of_odd_jobs
    assert secret not in text and json.dumps(secret)[1:-1] not in text
    (fault,) = [line for line in lines if "exception" in line and line.get("job") == job.id]
    assert fault["operation"] == "create" and fault["attempt"] == 1
    assert fault["exception"][0] == "builtins.OSError" and "fake_operations.py" in fault["exception"][-1]
    died = [line for line in lines if "its worker process died" in line["message"]]
    assert died and all(line["job"] for line in died)


@pytest.fixture(scope="module")
def log_of_odd_jobs(fleet):
    """(text, lines, the job that failed by a fault that quotes a photo's name) after jobs of all kinds."""
    photos = [("Zoë Müller im Urlaub.jpg", b"first photo"), ("ihr zweites.png", b"2"), ("c.jpg", b"3")]

    def create(name, **script):
        return fleet.studio.personas.create(name, photos, labels={photos[0][0]: {"steps": 2, **script}})

    create("Zoë Müller").wait(timeout=120).edit(("Urlaub.jpg", b"first photo"), yaw=3)
    jobs = [create(f"Zoë {error}", error=error) for error in range(1, 6)]
    jobs.append(create("Müller", kill_at=1))
    for job in jobs:
        with pytest.raises(PortraitistError):
            job.wait(timeout=120)
    fleet.studio.personas.delete("Zoë Müller")
    text = until(lambda: (t := fleet.log.read_text()).count("OSError") and t)
    return text, [json.loads(line) for line in text.splitlines()], jobs[4]


def test_without_our_formatters_the_log_would_tell():
    """The negative control of the test above: the same fault through the standard library's formatter."""
    try:
        raise OSError("redis://:open-sesame@host cannot decode Zoë.jpg")
    except OSError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "at redis://:%s@host", (PASSWORD,), sys.exc_info())
    told = {kind: kind().format(record) for kind in (logging.Formatter, logs.TextFormatter, logs.JsonFormatter)}
    assert "Zoë" in told[logging.Formatter] and PASSWORD in told[logging.Formatter]
    for ours in (logs.TextFormatter, logs.JsonFormatter):
        assert "Zoë" not in told[ours] and PASSWORD not in told[ours] and "OSError" in told[ours]


TRACED_APP = """
import sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
import portraitist
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
studio = portraitist.connect(sys.argv[1], store=sys.argv[2])
with trace.get_tracer("app").start_as_current_span("sign-up"):
    script = {"a.jpg": {"steps": 3, "dt": 1.0, "kill_at": 1, "kills": 1}}  # the first attempt lives to tell its wait
    job = studio.personas.create("traced", [("a.jpg", b"1")], labels=script)
job.wait(timeout=120)
"""


def test_a_trace_goes_from_the_app_to_the_stages(tmp_path, fake_operations, monkeypatch):
    """App, worker and collector are processes (or servers) of their own; the first attempt is killed."""
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        fleet = Fleet(tmp_path)
        try:
            fleet.add(log="json")
            app = [sys.executable, "-c", TRACED_APP, fleet.server.url, str(fleet.store)]
            subprocess.run(app, check=True, timeout=120)
            until(lambda: {"portraitist.attempt", "sign-up"} <= collector.spans.keys())
        finally:
            fleet.stop()
        spans = {name: found[-1] for name, found in collector.spans.items()}
        top, submit = spans["sign-up"], spans["portraitist.submit"]
        assert submit.parent_span_id == top.span_id
        assert spans["portraitist.queue"].parent_span_id == submit.span_id
        assert spans["portraitist.attempt"].parent_span_id == submit.span_id
        assert spans["portraitist.stage"].parent_span_id == spans["portraitist.attempt"].span_id
        assert len({span.trace_id for span in spans.values()}) == 1
        attributes = {a.key: a.value for a in spans["portraitist.attempt"].attributes}
        assert attributes["portraitist.attempt"].int_value == 2 and "traced" not in str(attributes)
        assert attributes["portraitist.status"].string_value == "succeeded"
        assert len(collector.spans["portraitist.queue"]) == 1  # the wait before the second attempt is no queue
        line = next(json.loads(s) for s in fleet.log.read_text().splitlines() if "its worker process died" in s)
        assert line["job"]


def test_the_sdk_imports_no_opentelemetry():
    code = "import portraitist, sys; sys.exit(any(m.startswith('opentelemetry') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class Collector:
    """Takes OTLP over HTTP; `spans`: by name, in the order in which they came."""

    def __init__(self):
        self.spans = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportTraceServiceRequest.FromString(body)
                for part in (scope for resource in request.resource_spans for scope in resource.scope_spans):
                    for span in part.spans:
                        collector.spans.setdefault(span.name, []).append(span)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def test_a_worker_that_drains_is_alive_and_not_ready(tmp_path, fake_operations, create):
    fleet, port = Fleet(tmp_path), free_port()
    try:
        worker = fleet.add(grace=60.0, monitor=port)
        until(lambda: is_ready(port), timeout=120)
        job = create(fleet.studio, steps=10_000, dt=0.05)
        running(fleet.studio, job)
        worker.terminate()
        until(lambda: '"draining": "yes"' in ask(port, "ready")[1])
        assert ask(port, "live")[0] == 200
        job.cancel()
        assert worker.wait(timeout=120) == 0
    finally:
        fleet.stop()


def test_an_embedded_worker_answers_too_and_counts_by_tenant_if_asked(tmp_path, fake_operations, create, monkeypatch):
    monkeypatch.setenv("PORTRAITIST_METRICS_TENANTS", "1")
    port, home = free_port(), tmp_path / "home"
    studio = portraitist.connect(home=home)
    program = [sys.executable, "-m", "portraitist", "worker", "--home", str(home), "--monitor", str(port)]
    worker = subprocess.Popen(program, stderr=subprocess.DEVNULL)
    try:
        until(lambda: is_ready(port), timeout=120)
        create(studio).wait(timeout=120)
        name = 'portraitist_jobs_total{operation="create",status="succeeded",tenant="default"}'
        until(lambda: values(port).get(name) == 1)
        assert values(port)['portraitist_workers{lane="serve"}'] == 1
    finally:
        worker.terminate()
        assert worker.wait(timeout=120) == 0
