"""What the server counts, for Prometheus (`pip install 'portraitist[metrics]'`); nothing happens without the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import Scope

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """`followers`: how many streams of events are open; `sessions`: how many live ones."""

    def __init__(self, followers: Callable[[], int] = lambda: 0, sessions: Callable[[], int] = lambda: 0) -> None:
        self._registry: Any = None
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError:
            return
        self._registry = CollectorRegistry()
        labels = ("route", "method", "status")
        self._requests = Counter("portraitist_http_requests", "Answers given.", labels, registry=self._registry)
        self._seconds = Histogram(
            "portraitist_http_request_seconds",
            "From a request's headers to the end of its answer.",
            ("route", "method"),
            registry=self._registry,
            buckets=_SECONDS,
        )
        open_streams = Gauge("portraitist_http_followers", "Open streams of events.", registry=self._registry)
        open_streams.set_function(followers)
        open_sessions = Gauge(
            "portraitist_http_live_sessions", "Open sockets of live sessions.", registry=self._registry
        )
        open_sessions.set_function(sessions)

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """By the route's pattern, never by the address: that has ids and names in it."""
        if self._registry is None or scope["type"] != "http":
            return
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "DELETE", "OPTIONS") else "other"
        self._requests.labels(route, method, str(status)).inc()
        if not route.endswith("/events"):
            self._seconds.labels(route, method).observe(seconds)

    def text(self) -> tuple[bytes, str] | None:
        """Body and content type; None without the package."""
        if self._registry is None:
            return None
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST
