"""How many workers for how many people? -> docs/benchmarks/fleet.md.

    python -m tests.benchmarks.sim_fleet [--quick]

First the simulator (fleet_model.py) is held against queueing theory and, where there is a Redis server, against a real fleet of
three workers; then it is run up to a million personas and a thousand workers. All assumptions are the fields of `World`.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import asdict, dataclass

import numpy as np
from tests.queue.redis_server import PROGRAMS

from . import fleet_model as m
from .report import table, write

HOURS = (16.0, 22.0)  # what is simulated; the first hour, in which the workers fill with personas, is not counted


@dataclass(frozen=True)
class World:
    """What is assumed. Measured on one processor core: docs/benchmarks/personalize.md, -ada.md, restoration.md, the demo."""

    create_s: float = 100.0  # measured: 16 photos, preset "balanced"
    synthesize_s: float = 0.3  # measured: one portrait
    edit_s: float = 6.9  # measured
    enhance_s: float = 8.9  # measured
    shares: tuple[float, float, float] = (0.6, 0.25, 0.15)  # of synthesize, edit, enhance among requests; assumed
    spread: float = 0.3  # of the logarithm of each duration; assumed
    load_s: float = 0.2  # measured: unpacking a persona that the worker does not hold (persona/warm.py)
    warm: int = 39  # measured: personas of 26 MB in the default 1 GB
    swing: float = 0.8  # the busiest hour has 1.8 times the mean, the quietest 0.2 times; assumed
    zipf: float = 0.8  # how unequally people come; assumed
    session: float = 5.0  # requests in one sitting, on average (geometric); assumed
    pause_s: float = 40.0  # between two of them, on average (exponential); assumed
    new_per_day: float = 0.02  # creations per existing persona and day; assumed
    failures_per_hour: float = 1 / 24  # per busy worker: killed, out of memory, reclaimed host; assumed
    persona_mb: float = 1.1  # measured
    photos_mb: float = 16 * 2.5  # 16 photos of 2.5 MB; assumed
    picture_mb: float = 0.06  # a portrait of 128 px with its crop; assumed, an edited photo may have several MB
    keep_days: float = 30.0  # how long pictures are kept; assumed
    job_kb: float = 6.0  # of the server's memory per request; replaced by what is measured, where it is
    job_days: float = 30.0  # until the rows of jobs that are over are forgotten; the workers' default
    core_hour: float = 0.04  # price of a processor core, per hour; assumed
    gb_month: float = 0.023  # price of object storage; assumed

    @property
    def request_s(self) -> float:
        return float(np.dot(self.shares, (self.synthesize_s, self.edit_s, self.enhance_s))) * np.exp(self.spread**2 / 2)


def against_theory(count: int) -> str:
    rows, rng = [], np.random.default_rng(0)
    for servers, load in ((1, 0.5), (1, 0.9), (8, 0.7), (8, 0.9), (100, 0.95), (1000, 0.98)):
        arrive = np.cumsum(rng.exponential(1 / (servers * load), count))
        found = m.simulate(m.Lane(workers=servers), arrive, rng.exponential(1.0, count)).wait
        mean, p95 = m.mmc_wait(servers, servers * load, 1.0)
        rows.append(
            (
                servers,
                f"{load:.0%}",
                f"{found.mean():.4f}",
                f"{mean:.4f}",
                f"{np.percentile(found, 95):.3f}",
                f"{p95:.3f}",
            )
        )
    header = ("workers", "load", "mean wait, simulated", "theory", "95th percentile, simulated", "theory")
    note = (
        f"## Against theory\n\nM/M/c: exponential gaps and durations (mean 1), {count:,} jobs each; waits in units of a job. Theory: "
        "Erlang's C formula.\n\n"
    )
    return note + table(header, rows)


def against_real(count: int) -> tuple[str, float | None]:
    """The section, and bytes of the server's memory per request."""
    from .real_fleet import RealFleet

    workers, rng, rows = 3, np.random.default_rng(0), []
    with RealFleet(workers) as fleet:
        alone = fleet.jobs(np.arange(20) * 0.6, np.full(20, 0.1))
        dispatch, extra = float(np.median(alone.wait)), float(np.median(alone.work - alone.service))
        for load in (0.5, 0.8):
            service = m.around(0.4, 0.5, count, rng)
            arrive = np.cumsum(rng.exponential((service.mean() + extra + dispatch) / (workers * load), count))
            real = fleet.jobs(arrive, service)
            lane = m.Lane(workers=workers, dispatch=dispatch)
            model = m.simulate(lane, real.arrive, real.service + extra)
            blind = m.simulate(m.Lane(workers=workers - 1, dispatch=dispatch), real.arrive, real.service + extra)
            waits = (real.wait, model.wait, blind.wait)
            for name, figure in (
                ("mean", np.mean),
                ("median", np.median),
                ("95th percentile", lambda w: np.percentile(w, 95)),
            ):
                rows.append((f"{load:.0%}", name, *(f"{figure(w):.3f}" for w in waits)))
        idle = fleet.server(15.0)
        creation, request = fleet.memory(100)
        busy = _while_busy(fleet, workers)
    note = (
        f"## Against a real fleet\n\n{workers} Celery workers and a Redis server (`appendfsync always`) on this machine; jobs that "
        f"sleep 0.4 s (log-normal, spread 0.5), {count} per load, Poisson arrivals. The simulator gets the arrival times, the "
        f"durations, and two figures of the real fleet when idle. They are {1000 * dispatch:.0f} ms from submission to start, and "
        f"{1000 * extra:.0f} ms per job beside the sleep. The last column shows that the comparison can fail.\n\n"
    )
    header = ("load", "wait, s", "real", "simulated", "simulated with a worker too few")
    cost = (
        "### What the server pays\n\n"
        + table(
            ("", "commands a second", "processor time, ms a second"),
            [
                (f"{workers} idle workers", f"{idle.commands:.0f}", f"{1000 * idle.busy:.1f}"),
                (f"{workers} busy workers", f"{busy.commands:.0f}", f"{1000 * busy.busy:.1f}"),
            ],
        )
        + f"\n\nThat is {1000 * busy.busy / workers:.1f} ms of processor time a second for a busy worker: one server's single thread is "
        f"full (70 % busy) at about {0.7 * workers / busy.busy:.0f} of them. In its memory, a creation with its "
        f"persona leaves {creation / 1024:.1f} KB, a request for a picture {request / 1024:.1f} KB until it is forgotten."
    )
    return note + table(header, rows) + "\n\n" + cost, request


def _while_busy(fleet, workers):
    """Each worker in the middle of a long job that tells its progress."""
    import threading

    load = threading.Thread(target=fleet.jobs, args=([0.0] * workers, [16.0] * workers))
    load.start()
    try:
        return fleet.server(12.0)
    finally:
        load.join()


def scenarios(world: World, quick: bool) -> str:
    rows = []
    cases = [
        (10_000, 3.0, 4, 2),
        (100_000, 3.0, 30, 8),
        (1_000_000, 1.0, 100, 60),
        (1_000_000, 10.0, 940, 60),
        (1_000_000, 12.0, 940, 60),
    ]
    for people, asks, serve, tune in cases[: 3 if quick else None]:
        lanes = one_day(world, people, asks, serve, tune)
        for name, workers, outcome, counted in lanes:
            wait, done = outcome.wait[counted], outcome.latency[counted]
            rows.append(
                (
                    f"{people:,}",
                    f"{asks:g}",
                    name,
                    workers,
                    f"{counted.sum():,}",
                    f"{busy_hour(world, people, asks, name) / workers:.0%}",
                    f"{outcome.utilisation(workers):.0%}",
                    f"{np.nanmedian(wait):.2f}",
                    f"{np.nanpercentile(wait, 95):.2f}",
                    f"{np.nanpercentile(wait, 99):.2f}",
                    f"{np.nanpercentile(done, 95):.1f}",
                    f"{outcome.warm_hits / len(wait):.0%}" if name == "serve" else "",
                    outcome.retries,
                    outcome.given_up,
                )
            )
    header = (
        "personas",
        "requests each a day",
        "lane",
        "workers",
        "jobs counted",
        "load at the busiest hour",
        "busy, simulated",
        "wait p50, s",
        "p95",
        "p99",
        "to the end, p95",
        "persona warm",
        "attempts repeated",
        "given up",
    )
    return (
        f"## From ten thousand personas to a million\n\nFrom {HOURS[0] + 1:g} to {HOURS[1]:g} o'clock, with the busiest hour at 20, after "
        "an hour in which the workers fill with personas. Over 100 % of load, the queue grows until the night.\n\n"
        + table(header, rows)
    )


def one_day(world: World, people: int, asks: float, serve: int, tune: int):
    """(name, workers, outcome, which jobs count) of both lanes."""
    rng = np.random.default_rng(0)
    failures = world.failures_per_hour / 3600
    sittings = _evening(people * asks / world.session, world, rng)
    visitor = m.popular(len(sittings), people, exponent=world.zipf, rng=rng)
    arrive, which = m.in_sittings(sittings, mean=world.session, pause=world.pause_s, rng=rng)
    who = visitor[which]
    kind = rng.choice(3, len(arrive), p=world.shares)
    service = m.around(
        np.array([world.synthesize_s, world.edit_s, world.enhance_s])[kind], world.spread, len(arrive), rng
    )
    lane = m.Lane(
        workers=serve, dispatch=0.005, load=world.load_s, warm=world.warm, look=4, patience=1.0, failures=failures
    )
    yield "serve", serve, m.simulate(lane, arrive, service, who), arrive > 3600 * (HOURS[0] + 1)
    arrive = _evening(people * world.new_per_day, world, rng)
    lane = m.Lane(workers=tune, dispatch=0.005, failures=failures, checkpoint=5.0)
    yield (
        "tune",
        tune,
        m.simulate(lane, arrive, m.around(world.create_s, world.spread, len(arrive), rng)),
        arrive > 3600 * (HOURS[0] + 1),
    )


def _evening(per_day, world, rng):
    times = m.over_the_day(per_day, 1, swing=world.swing, rng=rng)
    return times[(times > 3600 * HOURS[0]) & (times < 3600 * HOURS[1])]


def busy_hour(world: World, people: int, asks: float, lane: str) -> float:
    """Workers' worth of work in the busiest hour, without loading and repeating."""
    mean = (
        people * asks * world.request_s
        if lane == "serve"
        else people * world.new_per_day * world.create_s * np.exp(world.spread**2 / 2)
    )
    return mean * (1 + world.swing) / 86_400


def sizing(world: World) -> str:
    """Waits against the number of serving workers, for 100,000 personas with 3 requests a day."""
    rows, people, asks = [], 100_000, 3.0
    need = busy_hour(world, people, asks, "serve")
    for spare in (0.95, 1.0, 1.05, 1.1, 1.2, 1.4, 2.0):
        workers = round(need * spare)
        _, _, outcome, counted = next(iter(one_day(world, people, asks, workers, 1)))
        wait = outcome.wait[counted]
        rows.append(
            (
                workers,
                f"{spare:.2f}",
                *(f"{np.percentile(wait, p):.2f}" for p in (50, 95, 99)),
                max(n for _, n in outcome.queue),
            )
        )
    header = ("workers", "times what the busiest hour needs", "wait p50, s", "p95", "p99", "longest queue")
    return (
        f"## How much to spare\n\n{people:,} personas, {asks:g} requests each a day: the busiest hour holds {need:.1f} workers' work, "
        "loading of personas not counted.\n\n" + table(header, rows)
    )


def storage_and_cost(world: World) -> str:
    rows = []
    for people, asks in ((10_000, 3.0), (100_000, 3.0), (1_000_000, 1.0), (1_000_000, 10.0)):
        pictures = people * asks * world.keep_days * world.picture_mb / 1e6  # TB
        kept = people * (world.persona_mb + world.photos_mb) / 1e6
        work = people * (asks * world.request_s + world.new_per_day * world.create_s) / 3600  # core hours a day
        storage = (pictures + kept) * 1e3 * world.gb_month
        jobs = people * (asks + world.new_per_day)
        rows.append(
            (
                f"{people:,}",
                f"{asks:g}",
                f"{people * world.persona_mb / 1e6:.2f}",
                f"{people * world.photos_mb / 1e6:.1f}",
                f"{pictures:.2f}",
                f"{jobs * world.job_days * world.job_kb / 1e6:,.0f}",
                f"{work:,.0f}",
                f"{30 * work * world.core_hour:,.0f}",
                f"{storage:,.0f}",
                f"{(30 * work * world.core_hour + storage) / people:.4f}",
            )
        )
    header = (
        "personas",
        "requests each a day",
        "weights, TB",
        "photos, TB",
        "pictures kept, TB",
        "jobs: server memory, GB",
        "core hours a day",
        "work, a month",
        "storage, a month",
        "a persona, a month",
    )
    once = world.create_s / 3600 * world.core_hour
    return (
        "## Storage and cost\n\nPrices in the currency of the assumptions, for the hours that workers are busy; a fleet that is always "
        f"up costs its hours instead. Learning a person costs {once:.4f} once.\n\n" + table(header, rows)
    )


def assumptions(world: World) -> str:
    told = {name: ", ".join(map(str, v)) if isinstance(v, tuple) else f"{v:.4g}" for name, v in asdict(world).items()}
    note = "The fields of `World` in `tests/benchmarks/sim_fleet.py`, which says which of them are measured."
    return f"## Assumptions\n\n{note}\n\n" + table(("", ""), list(told.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without the largest fleets")
    args = parser.parse_args()
    world, sections = World(), [against_theory(100_000 if args.quick else 400_000)]
    if any(map(shutil.which, PROGRAMS)):
        section, memory = against_real(100 if args.quick else 200)
        sections.append(section)
        world = World(job_kb=memory / 1024)
    sections += [scenarios(world, args.quick), sizing(world), storage_and_cost(world), assumptions(world)]
    write("fleet", "Workers, queues, storage and cost", sections)


if __name__ == "__main__":
    main()
