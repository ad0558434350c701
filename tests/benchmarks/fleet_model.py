"""A fleet of workers as a discrete-event simulation: arrivals over the day, one queue, warm personas, failures and retries.

One `simulate` is one lane (serve and tune share nothing but the server). It follows the rules of ledger and transport, for one
tenant: first come, first served; of the free workers, one that holds the persona goes first; a worker that finds a backlog may
take a later job whose persona it holds; an attempt that dies is queued again after it was noticed, three times at most. Times are
seconds.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import numpy as np

MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Lane:
    workers: int
    dispatch: float = 0.0  # between a worker being free, with a job waiting, and that job's start
    load: float = 0.0  # loading a persona that the worker does not hold
    warm: int = 0  # personas that a worker holds; 0: the job needs none
    look: int = 1  # among so many of the oldest jobs, a worker prefers one whose persona it holds ...
    patience: float = 0.0  # ... unless the oldest has waited for so long
    failures: float = 0.0  # per busy worker and second
    notice: float = 2.0  # until a dead attempt is queued again
    recover: float = 3.0  # until the worker has a new child
    checkpoint: float = np.inf  # a retry goes on from the last multiple of this; inf: from the start


@dataclass
class Outcome:
    wait: np.ndarray  # from arrival to first start, of each job
    latency: np.ndarray  # from arrival to its end
    busy: float  # worker-seconds
    span: float  # from the first arrival to the last end
    warm_hits: int = 0
    retries: int = 0
    given_up: int = 0
    queue: list[tuple[float, int]] = field(default_factory=list)  # (time, length) whenever sampled

    def utilisation(self, workers: int) -> float:
        return self.busy / (workers * self.span)


def simulate(
    lane: Lane, arrive: np.ndarray, service: np.ndarray, persona: np.ndarray | None = None, *, seed: int = 0
) -> Outcome:
    """`arrive` [N], ascending; `service` [N]: work without loading; `persona` [N]: whom the job is about."""
    count = len(arrive)
    who = persona.tolist() if persona is not None and lane.warm else None
    arrive_at, work = arrive.tolist(), service.tolist()
    die = np.random.default_rng(seed).exponential(1 / lane.failures, 4 * count).tolist() if lane.failures else None
    wait, latency = np.full(count, np.nan), np.full(count, np.nan)
    attempts, left = bytearray(count), work[:]
    queue: deque[int] = deque()
    free: OrderedDict[int, None] = OrderedDict((w, None) for w in range(lane.workers))  # the longest free first
    holds: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(lane.workers)]
    holder: dict[int, int] = {}  # persona -> the worker that had it last
    later: list[
        tuple[float, int, int, int]
    ] = []  # (time, what, worker, job): 0 done, 1 died, 2 worker back, 3 queued again
    busy, end, result = 0.0, 0.0, Outcome(wait, latency, 0.0, 0.0)
    drawn = nxt = 0
    sample = arrive_at[0] if count else 0.0

    def start(job: int, now: float) -> None:
        nonlocal busy, drawn
        worker, seconds = None, left[job] + lane.dispatch
        if who is not None:
            likely = holder.get(who[job])
            if likely in free and who[job] in holds[likely]:
                worker = likely
        if worker is None:
            worker = next(iter(free))
        del free[worker]
        if who is not None:
            held = holds[worker]
            if who[job] in held:
                held.move_to_end(who[job])
                result.warm_hits += 1
            else:
                seconds += lane.load
                held[who[job]] = None
                if len(held) > lane.warm:
                    held.popitem(last=False)
            holder[who[job]] = worker
        if attempts[job] == 0:
            wait[job] = now + lane.dispatch - arrive_at[job]
        attempts[job] += 1
        if die is not None:
            lives = die[drawn % len(die)]
            drawn += 1
            if lives < seconds:
                done = max(0.0, lives - lane.dispatch - (seconds - left[job] - lane.dispatch))
                left[job] -= done // lane.checkpoint * lane.checkpoint if lane.checkpoint < np.inf else 0.0
                busy += lives
                holds[worker].clear()
                heapq.heappush(later, (now + lives, 1, worker, job))
                return
        busy += seconds
        heapq.heappush(later, (now + seconds, 0, worker, job))

    def turn(now: float) -> int:
        """Takes the next job from the queue."""
        if who is not None and len(free) == 1 and now - arrive_at[queue[0]] < lane.patience:
            held = holds[next(iter(free))]
            for place in range(min(lane.look, len(queue))):
                if who[queue[place]] in held:
                    job = queue[place]
                    del queue[place]
                    return job
        return queue.popleft()

    while nxt < count or later:
        if later and (nxt >= count or later[0][0] <= arrive_at[nxt]):
            now, what, worker, job = heapq.heappop(later)
            if what == 0:
                latency[job] = now - arrive_at[job]
                free[worker], end = None, now
            elif what == 1:
                heapq.heappush(later, (now + lane.recover, 2, worker, job))
                if attempts[job] >= MAX_ATTEMPTS:
                    result.given_up += 1
                else:
                    result.retries += 1
                    heapq.heappush(later, (now + lane.notice, 3, worker, job))
            elif what == 2:
                free[worker] = None
            else:
                queue.appendleft(job)  # it is the oldest that waits
        else:
            now, job = arrive_at[nxt], nxt
            nxt += 1
            queue.append(job)
        while queue and free:
            start(turn(now), now)
        if now >= sample:
            result.queue.append((now, len(queue)))
            sample = now + 60.0
    result.busy, result.span = busy, end - (arrive_at[0] if count else 0.0)
    return result


def over_the_day(
    per_day: float, days: float, *, swing: float, peak_hour: float = 20.0, rng: np.random.Generator
) -> np.ndarray:
    """Arrival times [N] of a Poisson process whose rate is per_day (1 + swing cos) / 86,400, highest at `peak_hour`."""
    top = per_day * (1 + swing) / 86_400
    times = np.sort(rng.uniform(0, 86_400 * days, rng.poisson(top * 86_400 * days)))
    rate = (1 + swing * np.cos(2 * np.pi * (times / 86_400 - peak_hour / 24))) / (1 + swing)
    return times[rng.uniform(size=len(times)) < rate]


def in_sittings(
    starts: np.ndarray, *, mean: float, pause: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(times [N] ascending, which sitting [N]): each sitting is a geometric number of requests, exponential pauses between."""
    sizes = rng.geometric(1 / mean, len(starts))
    which = np.repeat(np.arange(len(starts)), sizes)
    total = np.cumsum(rng.exponential(pause, len(which)))
    first = np.repeat(total[np.cumsum(sizes) - sizes], sizes)  # a sitting's first request comes at its start
    times = starts[which] + total - first
    order = np.argsort(times, kind="stable")
    return times[order], which[order]


def popular(count: int, people: int, *, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """[count] persona numbers below `people`; the k-th most asked for has a share of k^-exponent (Zipf)."""
    shares = np.arange(1, people + 1) ** -exponent
    return np.searchsorted(np.cumsum(shares) / shares.sum(), rng.uniform(size=count))


def around(median: float, spread: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count] log-normal durations."""
    return median * np.exp(spread * rng.standard_normal(count))


def erlang_c(servers: int, load: float) -> float:
    """Probability that a job waits in M/M/c; load = arrival rate x mean service time, below `servers` (Erlang 1917)."""
    blocked = 1.0  # Erlang B, by its recursion
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mmc_wait(servers: int, rate: float, mean: float) -> tuple[float, float]:
    """(mean, 95th percentile) of the wait in M/M/c, in seconds."""
    waits, spare = erlang_c(servers, rate * mean), servers / mean - rate
    return waits / spare, max(0.0, np.log(waits / 0.05) / spare) if waits > 0.05 else 0.0
