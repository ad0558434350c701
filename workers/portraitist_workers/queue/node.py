"""Watches over one cluster worker's children: reports what they do, stops those that will not, gives their jobs back."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from portraitist.backend import Backend
from portraitist.errors import PortraitistError
from portraitist.ledger import JobRow
from portraitist.transport import RedisTransport, WorkerInfo

from .. import settings
from ..telemetry import metrics
from ..telemetry.monitor import clean_up
from .execution import CANCEL_GRACE_S
from .live_process import LiveProcess
from .reaper import CALM_S, Reaper, give_back
from .time_limits import LIMIT_GRACE_S, fail_late
from .webhook_sender import Sender

log = logging.getLogger(__name__)

LOOK_S = 0.2
ASK_S = 1.0  # how often it asks the server what need not be known at once: a thousand workers share it
REPORT_S = 2.0
STRAY_S = 15.0  # so long a child is at a message and has no job any more: it hangs
STUCK_S = 10.0  # so long idle beside waiting wake-ups: Celery has stopped listening (after an outage, say)


class Node:
    """`run` is the loop, in a thread of the worker's main process. `pids` are those of its children now. `busy` says whether Celery
    has taken a message. `restart` begins anew in this process."""

    def __init__(
        self,
        backend: Backend,
        transport: RedisTransport,
        info: WorkerInfo,
        *,
        pids: Callable[[], Iterable[int]],
        busy: Callable[[], bool],
        restart: Callable[[], None],
        grace_s: float,
    ) -> None:
        self._backend, self._ledger, self._transport = backend, backend.ledger, transport
        self._info, self._pids, self._grace_s = info, pids, grace_s
        self._busy, self._restart = busy, restart
        self._listening = time.monotonic()
        self._reaper = Reaper(backend, transport, info.node)
        self._sender, self._live = Sender(backend), LiveProcess(backend)
        self._children: set[int] = set()  # also those that died and whose job was not yet given back
        self._since: dict[tuple[str, int, str], float] = {}  # (job id, token, what) -> since when
        self._asked = -ASK_S
        self._late: set[str] = set()  # its jobs whose lease is over
        self._worked: set[int] = set()  # children that have had a job
        self._stray: dict[int, float] = {}  # those of them that have none, and are not free either -> since when
        self._back = time.monotonic()  # since when the ledger has been there
        self._wanted = False  # whether wake-ups wait that it could take
        self._reported = -REPORT_S
        self._held: set[str] = set()  # the jobs that we last told of
        self._drain_until: float | None = None
        self._ending = threading.Lock()
        self.ticked = time.monotonic()  # when the loop last turned

    def run(self) -> None:
        away = False
        while True:
            self.ticked = time.monotonic()
            try:
                self.look()
                if away:
                    log.info("the ledger is back")
                away = False
            except PortraitistError as error:
                if not away:
                    log.warning("%s", error)
                # what we saw before says nothing about what is after it
                away, self._since, self._stray, self._back = True, {}, {}, time.monotonic()
                self._listening = self._back
            except Exception:  # one odd row must not stop the loop
                log.exception("node")
                time.sleep(1.0)
            if self._drain_until is not None and time.monotonic() > self._drain_until:
                self.stop()
            if self._drain_until is None and time.monotonic() - self._listening > STUCK_S and not away:
                self._start_anew()
            time.sleep(LOOK_S)

    def look(self) -> None:
        """One round."""
        self._children.update(self._pids(), self._live.pids())
        held: set[str] = set()
        holders: set[int] = set()
        if self.draining:
            self._hand_over()
        for pid in list(self._children):
            rows, alive = self._ledger.running(worker=f"{self._info.node}/{pid}"), _alive(pid)
            for row in rows:
                if alive:
                    self._watch(row, pid, silent=row.id in self._late)
                    held.add(row.id)
                    holders.add(pid)
                else:
                    give_back(self._backend, row, "its worker process died")
            if not alive and not rows:
                self._children.discard(pid)
                metrics.child_died()
        self._since = {key: since for key, since in self._since.items() if key[0] in held}
        self._end_strays(holders)
        if time.monotonic() - self._asked > ASK_S:
            self._asked = time.monotonic()
            calm = self._asked - self._back < CALM_S
            self._late = {row.id for row in self._ledger.expired()} if held and not calm else set()
            self._wanted = any(self._transport.waiting(lane) for lane in self._info.queues)
            if "serve" in self._info.queues and not self.draining:
                self._live.look()
        if held or self._busy() or not self._wanted:
            self._listening = time.monotonic()
        if time.monotonic() - self._reported > REPORT_S or held != self._held:
            self._reported, self._held = time.monotonic(), held
            info = replace(self._info, jobs=tuple(sorted(held)), draining=self.draining)
            self._transport.report(info)
        self._reaper.look()
        self._sender.look()

    @property
    def draining(self) -> bool:
        return self._drain_until is not None

    @property
    def leads(self) -> bool:
        """Whether its reaper is the one of all that acts."""
        return self._reaper.leads

    def drain(self) -> None:
        """Finish the running job, but not for longer than the grace; Celery takes no new one meanwhile."""
        self._drain_until = time.monotonic() + self._grace_s
        self._reported = -REPORT_S

    def stop(self) -> None:
        """End at once. A running job goes back to the queue, resumes from its checkpoint, and is not charged an attempt."""
        if not self._ending.acquire(blocking=False):
            return
        try:
            for pid in {*self._children, *self._pids(), *self._live.pids()}:
                for row in self._ledger.running(worker=f"{self._info.node}/{pid}"):
                    give_back(
                        self._backend, row, "the worker was asked to stop", count=False
                    )  # before its death is noticed and charged
                _kill(pid)
        except PortraitistError as error:  # the lease will tell
            log.warning("%s", error)
        self.sign_off()
        clean_up()
        os._exit(0)  # Celery's own shutdown would wait for the child that we just killed

    def _start_anew(self) -> None:
        if self._ending.acquire(blocking=False):
            log.error("wake-ups wait and Celery takes none; starting anew")
            for pid in {*self._children, *self._pids(), *self._live.pids()}:
                _kill(pid)
            self.sign_off()
            self._restart()

    def sign_off(self) -> None:
        """Leave the list of workers."""
        try:
            self._transport.sign_off(self._info.node)
        except PortraitistError as error:  # its entry expires
            log.warning("%s", error)

    def _hand_over(self) -> None:
        """Live sessions would not end within the grace: they go on elsewhere, at once."""
        for pid in self._live.pids():
            for row in self._ledger.running(worker=f"{self._info.node}/{pid}"):
                give_back(self._backend, row, "the worker was asked to stop", count=False)
        self._live.kill()

    def _watch(self, row: JobRow, pid: int, *, silent: bool) -> None:
        if self._long(row, "cancelled", row.cancel_requested is not None, CANCEL_GRACE_S):
            self._kill_for(row, pid, partial(give_back, self._backend, row, "it did not stop when asked to"))
        elif self._long(row, "silent", silent, settings.current().silent_s):
            self._kill_for(row, pid, partial(give_back, self._backend, row, "its worker process stopped answering"))
        elif self._long(row, "running", True, settings.current().limit_s(row.lane) + LIMIT_GRACE_S):
            self._kill_for(row, pid, partial(fail_late, self._backend, row))

    def _end_strays(self, holders: set[int]) -> None:
        """The reaper may be the first to take a job from a child that hangs. Celery would then wait for the child."""
        now, children = time.monotonic(), set(self._pids())
        self._worked = (self._worked | holders) & children
        strays = self._worked - holders if self._busy() else set()
        self._stray = {pid: self._stray.get(pid, now) for pid in strays}
        for pid, since in self._stray.items():
            if now - since > STRAY_S:
                log.error("child %d hangs, and its job was taken away; it is killed", pid)
                _kill(pid)

    def _kill_for(self, row: JobRow, pid: int, then: Callable[[], None]) -> None:
        """The process must go because of `row`; what it does beside that is not to blame."""
        _kill(pid)
        for other in self._ledger.running(worker=row.worker):
            if other.id == row.id:
                then()
            else:
                give_back(self._backend, other, "a job beside it had to be stopped", count=False)

    def _long(self, row: JobRow, what: str, now_true: bool, seconds: float) -> bool:
        """Whether something has been true for so long, by our own clock."""
        key = (row.id, row.token, what)
        if not now_true:
            self._since.pop(key, None)
            return False
        return time.monotonic() - self._since.setdefault(key, time.monotonic()) > seconds


def _alive(pid: int) -> bool:
    """Of a child: whether it runs. One that has ended but was not yet collected by Celery does not."""
    try:
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        os.kill(pid, 0)
        return True
    except (ChildProcessError, ProcessLookupError):
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
