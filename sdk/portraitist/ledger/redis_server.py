"""Reaching a Redis (or Valkey) server: the client, its addresses, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import InvalidRequest, QueueUnavailable, StorageError, StorageFull

_TIMEOUT_S = 2.0  # per try; with one more try, a dead server is told in less than 5 s


def open_redis(url: str) -> Any:
    """A client for `redis://`, `rediss://` or `valkey://`, with short time-outs. Raises InvalidRequest."""
    try:
        import redis
        from redis.backoff import ConstantBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise InvalidRequest(
            "connecting to Redis needs packages that are missing; run `pip install 'portraitist[cluster]'`", param="url"
        ) from error
    try:
        return redis.Redis.from_url(
            plain_url(url),
            decode_responses=True,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=1.0,
            socket_keepalive=True,
            retry=Retry(ConstantBackoff(0.1), 1),
        )
    except ValueError as error:
        raise InvalidRequest(
            f"url={without_password(url)!r}: {error}; expected redis://host:6379/0", param="url"
        ) from error


def plain_url(url: str) -> str:
    """Neither redis-py nor Celery knows valkey://; the protocol is the same."""
    return url.replace("valkey", "redis", 1) if url.startswith("valkey") else url


def without_password(url: str) -> str:
    """For messages and logs."""
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url


@contextmanager
def typed(url: str) -> Iterator[None]:
    """redis-py's errors as ours."""
    import redis

    where = without_password(url)
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:  # also: it is loading its data
        why = str(error).rstrip(".")
        raise QueueUnavailable(
            f"the Redis server {where} cannot be reached: {why}; start it or check address and password, then call again (jobs that "
            "were accepted are kept)",
            param="url",
        ) from error
    except redis.exceptions.OutOfMemoryError as error:
        raise StorageFull(
            f"the Redis server {where} has reached its maxmemory; raise it, or delete personas that are no longer needed",
            param="url",
        ) from error
    except redis.ReadOnlyError as error:
        raise QueueUnavailable(
            f"the Redis server {where} is a read-only replica; connect to the primary", param="url"
        ) from error
    except redis.RedisError as error:
        raise StorageError(
            f"the Redis server {where} refused a command: {error}; its log tells more (version 6.2 or newer is needed)",
            param="url",
        ) from error
