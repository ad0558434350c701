"""The worker's HTTP endpoint: /live, /ready and /metrics, answered by its main process.

live   its loop turned within the last half minute; if not, restart it
ready  live, not draining, ledger and store answer, and its child is up with its code loaded; if not, wait
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from portraitist.backend import Backend
from portraitist.errors import NotFound, PortraitistError
from portraitist.store.protocol import digest_of

from . import metrics
from .fleet import FleetCollector

log = logging.getLogger(__name__)

LIVE_S = 30.0  # longer than the loop's slowest round, while a server is away
_NOTHING = digest_of(b"")  # asked of the store; that it is not there is an answer


def prepare() -> Path:
    """The folder in which the worker's processes tell each other; before metrics are counted and the child is spawned."""
    if metrics.FOLDER not in os.environ:  # else: this worker started anew, and goes on counting
        os.environ[metrics.FOLDER] = tempfile.mkdtemp(prefix="portraitist-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ[metrics.FOLDER]  # read when prometheus_client is imported
    return Path(os.environ[metrics.FOLDER])


def clean_up() -> None:
    """Before the worker ends."""
    if folder := os.environ.get(metrics.FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


def child_is_warm() -> None:
    """Called in the child, once it has loaded what it needs."""
    if folder := os.environ.get(metrics.FOLDER):
        Path(folder, f"{os.getpid()}.warm").touch()


class Monitor:
    """`address` is [HOST:]PORT. `ticked` says when the worker's loop last turned, in time.monotonic(). `pids` are those of its
    children. `draining`: it takes no more jobs. `leads`: it is the one that reports for all. Ends the process when the address cannot
    be used."""

    def __init__(
        self,
        address: str,
        backend: Backend,
        *,
        ticked: Callable[[], float],
        pids: Callable[[], Iterable[int]],
        draining: Callable[[], bool] = lambda: False,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._backend, self._ticked, self._pids, self._draining = backend, ticked, pids, draining
        self._fleet = FleetCollector(backend, leads)
        self._folder = prepare()
        host, _, port = address.rpartition(":")
        try:
            self._server = ThreadingHTTPServer((host or "127.0.0.1", int(port)), _handler(self))
        except (OSError, OverflowError, ValueError) as error:
            sys.exit(f"portraitist: --monitor {address}: {error}; use [HOST:]PORT with a free port")
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="portraitist-monitor", daemon=True).start()

    def live(self) -> dict[str, str]:
        """What is wrong, by its name; "ok" for what is not."""
        silent = time.monotonic() - self._ticked()
        return {"loop": "ok" if silent < LIVE_S else f"has not turned for {silent:.0f} s"}

    def ready(self) -> dict[str, str]:
        checks = {**self.live(), "draining": "yes" if self._draining() else "ok"}
        checks["ledger"] = _answer(lambda: self._backend.ledger.depth("serve"))
        checks["store"] = _answer(lambda: self._backend.store.get(_NOTHING))
        warm = any((self._folder / f"{pid}.warm").exists() for pid in self._pids())
        return {**checks, "child": "ok" if warm else "is starting"}

    def metrics(self) -> tuple[bytes, str] | None:
        """Body and content type; None without prometheus-client."""
        try:
            from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
            from prometheus_client.multiprocess import MultiProcessCollector
        except ImportError:
            return None
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))
        registry.register(self._fleet)
        return generate_latest(registry), CONTENT_TYPE_LATEST


def _answer(ask: Callable[[], object]) -> str:
    try:
        ask()
    except NotFound:
        pass
    except PortraitistError as error:
        return error.code  # not its text, which names servers and folders
    return "ok"


def _handler(monitor: Monitor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a request to arrive

        def do_GET(self) -> None:
            if self.path == "/live":
                self._tell(monitor.live())
            elif self.path == "/ready":
                self._tell(monitor.ready())
            elif self.path == "/metrics" and (found := monitor.metrics()) is not None:
                self._answer(200, *found)
            else:
                self._answer(404, b"/live, /ready, and /metrics (pip install 'portraitist[metrics]')\n", "text/plain")

        def _tell(self, checks: dict[str, str]) -> None:
            well = all(state == "ok" for state in checks.values())
            self._answer(200 if well else 503, json.dumps(checks).encode() + b"\n", "application/json")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass  # a probe every few seconds

    return Handler
