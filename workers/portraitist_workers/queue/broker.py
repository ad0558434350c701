"""The way from Redis into Celery. What is no wake-up of ours never reaches it: most malformed messages make Celery give up.

Whoever can write to the server can put anything into its lists. Of a message, only the job, the lane and the task's id are believed; the
message that Celery sees is made anew from them. Anything else is set aside and counted, and the next entry is read.
"""

from __future__ import annotations

import base64
import functools
import json
import logging
import re
import secrets
from collections.abc import Callable
from typing import Any

from celery import Celery
from kombu import transport
from kombu.transport import redis

from portraitist.errors import PortraitistError
from portraitist.ledger import WOKEN
from portraitist.transport import wakeups

log = logging.getLogger(__name__)

_MAX = 1 << 14  # bytes; ours have about 1200
_JOB, _ID = re.compile(r"job_[0-9a-z_]{1,60}"), re.compile(r"[0-9a-f-]{1,64}")
_RETRIES = range(100)


def install(set_aside: Callable[[str], None]) -> None:
    """For every connection of this process that is opened from now on. `set_aside` gets what was no wake-up."""
    Client.set_aside = staticmethod(set_aside)
    for scheme in ("redis", "rediss"):
        transport.TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"


class Client(redis.PrefixedStrictRedis):
    set_aside: Callable[[str], None]

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        answer = super().parse_response(connection, command_name, **options)
        if command_name != "BRPOP" or not answer:
            return answer
        queue, item = (part.decode(errors="replace") if isinstance(part, bytes) else part for part in answer)
        if (message := renewed(item, queue)) is not None:
            return queue, message
        log.error("an entry of the queue %s is no wake-up and was set aside (%d characters)", queue, len(item))
        try:
            type(self).set_aside(f"{queue}: {item}")
        except PortraitistError as error:
            log.warning("%s", error)
        return None  # as when the wait was over without an entry


class Channel(redis.Channel):
    def _get_client(self) -> Any:
        super()._get_client()  # which checks versions
        return functools.partial(Client, global_keyprefix=self.global_keyprefix)


class Transport(redis.Transport):
    Channel = Channel


def renewed(item: str, queue: str) -> str | None:
    """The same wake-up in a message of our own making; None when `item` is none."""
    try:
        if len(item) > _MAX:
            return None
        envelope = json.loads(item)
        headers, properties = envelope["headers"], envelope["properties"]
        task_id, retries = headers["id"], headers.get("retries", 0)
        (job_id, lane), keywords, _ = json.loads(base64.b64decode(envelope["body"], validate=True))
        ours = (
            envelope["content-type"] == "application/json"
            and properties["body_encoding"] == "base64"
            and headers["task"] == wakeups.TASK
            and _ID.fullmatch(task_id)
            and _JOB.fullmatch(job_id)
            and lane in WOKEN
            and keywords == {}
            and type(retries) is int
            and retries in _RETRIES
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    return _message(task_id, [job_id, lane], retries, queue) if ours else None


def _message(task_id: str, arguments: list[str], retries: int, queue: str) -> str:
    """As kombu writes it to the list."""
    told = _maker().amqp.as_task_v2(task_id, wakeups.TASK, args=arguments, kwargs={}, retries=retries)
    properties = {
        **told.properties,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": secrets.token_hex(16),
    }
    body = base64.b64encode(json.dumps(told.body).encode()).decode()
    plain = {"content-encoding": "utf-8", "content-type": "application/json"}
    return json.dumps({**plain, "body": body, "headers": told.headers, "properties": properties})


@functools.cache
def _maker() -> Celery:
    return Celery("portraitist-broker", set_as_current=False)
