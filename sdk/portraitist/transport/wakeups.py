"""How wake-ups travel through Celery and Redis. Clients and workers of one server must agree on all of this.

A message says "job X may be waiting" and nothing else. It may be lost, doubled or late: no promise depends on it, only speed.
"""

from __future__ import annotations

from typing import Any

TASK = "portraitist.run_job"
PREFIX = "{portraitist}:celery:"  # of every key that Celery makes
VISIBILITY_S = 3600  # a message that its worker has not acknowledged by then is delivered again, which does no harm


def own_queue(node: str) -> str:
    """The queue that only this worker serves: for jobs about personas that it holds ready."""
    return f"at.{node}"


def traces(node: str) -> tuple[str, ...]:
    """The keys that Celery makes for it."""
    return tuple(PREFIX + kind + own_queue(node) for kind in ("", "_kombu.binding.", "_kombu.binding_permanent."))


def broker_options(*, socket_timeout_s: float) -> dict[str, Any]:
    """`broker_transport_options`."""
    return {
        "global_keyprefix": PREFIX,
        "priority_steps": [0],  # one list per queue: the ledger decides the order
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 5,  # with the defaults, messages of dead workers are looked for every 100 s only
        "unacked_restore_throttle": 1,
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": 1.0,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }


MESSAGE_SETTINGS: dict[str, Any] = {
    "task_ignore_result": True,  # results live in the ledger
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_default_queue": "serve",
    "broker_connection_timeout": 1.0,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
}
