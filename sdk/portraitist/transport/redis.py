"""The cluster's transport: wake-ups through Celery over Redis, and the register of workers that are alive."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import PortraitistError, QueueUnavailable
from ..ledger.protocol import WOKEN, Lane
from ..ledger.redis_server import open_redis, plain_url, typed, without_password
from . import wakeups
from .protocol import Capability

log = logging.getLogger(__name__)

ALIVE_S = 10  # a worker that has not reported for so long is taken off the list
FLEET_S = 2.0  # how old a sender's knowledge of the workers and their memory may be
WARM_S = 60  # ... and so long what it said about the personas that it holds


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker tells about itself, every two seconds."""

    node: str  # unique to one run of one worker
    host: str
    pid: int
    queues: tuple[Lane, ...]
    device: str
    version: str
    started: float  # seconds since the epoch, by its host's clock
    jobs: tuple[str, ...] = field(default=())  # those it is doing
    draining: bool = False  # it was asked to end, and finishes its job
    memory: int = 0  # bytes, of the GPU if it has one; 0: not known
    warm: tuple[str, ...] = field(default=())  # persona ids that it holds ready, the most recently used last


class RedisTransport:
    """`url` as in redis://host:6379/0; the same server as the ledger's."""

    capabilities = frozenset({Capability.HARD_CANCEL, Capability.SURVIVES_CLIENT, Capability.MULTI_HOST})

    def __init__(self, url: str, *, prefix: str = "{portraitist}:") -> None:
        self.url = url
        self._prefix = prefix
        self._redis = open_redis(url)
        self._app: Any = None
        self._told_warm: tuple[tuple[str, ...], float] = (), 0.0  # personas, when
        self._known_fleet: tuple[float, list[WorkerInfo]] = -FLEET_S, []
        self._lock = threading.Lock()

    # -- wake-ups ------------------------------------------------------------------------------------------------

    def wake(self, job_id: str, lane: Lane, persona_id: str = "", memory: int = 0) -> None:
        """Raises nothing: the job is in the ledger, and the reaper sends what could not be sent."""
        if lane == "live":
            return  # whoever holds sessions looks for them
        try:
            node = self._best_for(persona_id, lane, memory)
        except PortraitistError:
            node = None
        try:
            self._celery().send_task(
                wakeups.TASK,
                args=[job_id, lane],
                queue=lane if node is None else wakeups.own_queue(node),
                retry=True,
                retry_policy={"max_retries": 1, "interval_start": 0.1},
            )
        except PortraitistError:
            raise
        except Exception as error:  # kombu's and redis-py's families, and the socket's
            log.warning("the wake-up of job %s could not be sent (the reaper will): %s", job_id, error)

    def _best_for(self, persona_id: str, lane: Lane, memory: int) -> str | None:
        """The worker whose own queue is to have a wake-up; None: the common one. (If it is gone when the wake-up comes, or busy
        again, the reaper wakes others two seconds later.)"""
        with typed(self.url):
            holders = self._redis.smembers(self._key("warm_at", persona_id)) if persona_id else ()
        fleet = [w for w in self._fleet() if lane in w.queues]
        fitting = [w.node for w in fleet if not w.memory or w.memory >= memory]
        nodes = sorted(set(fitting) & set(holders)) or (fitting if len(fitting) < len(fleet) else [])
        if not nodes:
            return None
        with typed(self.url), self._redis.pipeline(transaction=False) as pipe:
            for node in nodes:
                pipe.get(self._key("worker", node))
                pipe.llen(wakeups.PREFIX + wakeups.own_queue(node))
            answers = pipe.execute()
        load = {}
        for node, told, backlog in zip(nodes, answers[::2], answers[1::2], strict=True):
            if told and not (worker := json.loads(told))["draining"]:
                load[node] = backlog + len(worker["jobs"])
        idle = [node for node, jobs in load.items() if not jobs and node in holders]
        if len(fitting) == len(fleet):  # any worker will do: only for one that is warm and idle is it worth while
            return idle[0] if idle else None
        return min(idle or load, key=lambda node: load[node], default=None)

    def _fleet(self) -> list[WorkerInfo]:
        """The workers, as they were a moment ago."""
        if time.monotonic() - self._known_fleet[0] > FLEET_S:
            self._known_fleet = time.monotonic(), self.workers()
        return self._known_fleet[1]

    def waiting(self, lane: Lane) -> int:
        """Wake-ups that no worker has taken yet."""
        with typed(self.url):
            return int(self._redis.llen(wakeups.PREFIX + lane))

    def check(self) -> None:
        """A cluster may have no worker for a while (`workers` tells); only a server that is away is an error."""
        with typed(self.url):
            self._redis.ping()

    def describe(self) -> dict[str, object]:
        try:
            workers = self.workers()
        except QueueUnavailable as error:
            away = {"alive": False, "here": False, "error": error.message}
            return {"transport": "redis", "url": without_password(self.url), **away}
        serving = {queue for worker in workers for queue in worker.queues}
        return {
            "transport": "redis",
            "url": without_password(self.url),
            "alive": set(WOKEN) <= serving,
            "here": socket.gethostname() in {worker.host for worker in workers},
            "workers": len(workers),
        }

    # -- the register of workers -----------------------------------------------------------------------------------

    def report(self, worker: WorkerInfo) -> None:
        with typed(self.url), self._redis.pipeline() as pipe:
            pipe.sadd(self._prefix + "workers", worker.node)
            pipe.set(self._key("worker", worker.node), json.dumps(asdict(worker)), ex=ALIVE_S)
            pipe.execute()

    def report_warm(self, node: str, personas: tuple[str, ...]) -> None:
        """Which personas `node` holds ready, the most recently used last. Call it often: it is sent when it has changed, and
        now and then."""
        before, told = self._told_warm
        if set(personas) == set(before) and time.monotonic() - told < WARM_S / 3:
            return
        gone, self._told_warm = set(before) - set(personas), (personas, time.monotonic())
        with typed(self.url), self._redis.pipeline(transaction=False) as pipe:
            pipe.set(self._key("warm", node), json.dumps(personas), ex=WARM_S)
            for persona_id in personas:
                pipe.sadd(self._key("warm_at", persona_id), node)
                pipe.expire(self._key("warm_at", persona_id), WARM_S)
            for persona_id in gone:
                pipe.srem(self._key("warm_at", persona_id), node)
            pipe.execute()

    def sign_off(self, node: str) -> None:
        with typed(self.url), self._redis.pipeline() as pipe:
            pipe.srem(self._prefix + "workers", node)
            pipe.delete(self._key("worker", node), self._key("warm", node), *wakeups.traces(node))
            pipe.execute()

    def workers(self) -> list[WorkerInfo]:
        """Those that reported lately, by host and start."""
        with typed(self.url):
            nodes = sorted(self._redis.smembers(self._prefix + "workers"))
            found = self._redis.mget([self._key("worker", node) for node in nodes]) if nodes else []
            warm = self._redis.mget([self._key("warm", node) for node in nodes]) if nodes else []
            gone = [node for node, text in zip(nodes, found, strict=True) if text is None]
            if gone:
                self._redis.srem(self._prefix + "workers", *gone)
                self._redis.delete(*(key for node in gone for key in (self._key("warm", node), *wakeups.traces(node))))
        known = WorkerInfo.__dataclass_fields__  # a newer worker may tell more
        workers = []
        for text, held in zip(found, warm, strict=True):
            if text is not None:
                told: dict[str, Any] = {k: v for k, v in json.loads(text).items() if k in known}
                told["warm"] = json.loads(held or "[]")
                told |= {k: tuple(v) for k, v in told.items() if isinstance(v, list)}
                workers.append(WorkerInfo(**told))
        return sorted(workers, key=lambda w: (w.host, w.started))

    def lead(self, node: str, seconds: float) -> bool:
        """Whether `node` is the one that reaps for the next seconds. (Two at once would do no harm, only double work.)"""
        with typed(self.url):
            key, period = self._prefix + "reaper", round(1000 * seconds)
            if self._redis.set(key, node, nx=True, px=period):
                return True
            return bool(self._redis.get(key) == node and self._redis.pexpire(key, period))

    def first(self, what: str, seconds: float) -> bool:
        """True for the first of all workers that asks; then for none until the seconds are over."""
        with typed(self.url):
            return bool(self._redis.set(f"{self._prefix}first:{what}", 1, nx=True, px=round(1000 * seconds)))

    # --------------------------------------------------------------------------------------------------------------------

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _celery(self) -> Any:
        with self._lock:
            if self._app is None:
                try:
                    from celery import Celery
                except ImportError as error:
                    raise QueueUnavailable(
                        "sending jobs to a cluster needs packages that are missing; run `pip install 'portraitist[cluster]'`"
                    ) from error
                app = Celery("portraitist-client", broker=plain_url(self.url), set_as_current=False)
                app.conf.update(
                    wakeups.MESSAGE_SETTINGS, broker_transport_options=wakeups.broker_options(socket_timeout_s=2.0)
                )
                self._app = app
            return self._app
