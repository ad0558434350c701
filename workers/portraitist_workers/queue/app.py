"""The Celery app. Its messages only wake a worker up ("job X may be waiting"); the ledger is the truth about jobs."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from portraitist.ledger.redis_server import plain_url
from portraitist.transport import wakeups

from .. import settings
from ..telemetry import logs

_SETTINGS: dict[str, Any] = dict(
    wakeups.MESSAGE_SETTINGS,
    # One job at a time per child, of which the embedded worker may have two. Spawned: CUDA cannot be used in a forked process,
    # and only prefork can stop a job that does not listen.
    worker_pool="prefork",
    worker_pool_start_method="spawn",
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
    # A message whose worker died comes back; the claim in the ledger decides whether anything is left to do.
    task_acks_late=True,
    task_acks_on_failure_or_timeout=True,
    task_reject_on_worker_lost=True,
    task_retry_on_worker_lost=True,
    worker_proc_alive_timeout=120.0,  # seconds; with the default of 4, a busy machine's children are killed while they start
    worker_lost_wait=0.3,  # seconds until a killed child's place is free again (default 10)
    # With True, a broker restart turned running jobs into lost ones (and Celery 6 makes True the default).
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)


def _configuration() -> dict[str, Any]:
    """Asked for when the app is first used, when the command line has been read."""
    if url := settings.current().url:  # of the cluster
        return _SETTINGS | {
            "broker_url": plain_url(url),
            "broker_transport_options": wakeups.broker_options(socket_timeout_s=30.0),
        }
    looks = {"polling_interval": 0.02}  # seconds between looks into the queue
    return _SETTINGS | {"broker_url": "memory://", "broker_transport_options": looks}


app = Celery("portraitist", include=["portraitist_workers.queue.tasks"])
app.add_defaults(_configuration)


@setup_logging.connect(weak=False)
def _log_as_we_do(**_: object) -> None:
    """In the main process and in every child, instead of Celery's own handlers."""
    logs.set_up()
